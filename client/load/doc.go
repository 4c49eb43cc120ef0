// Package load drives a broker with many producers and consumers at once and
// counts what they do: the logic behind conclave producer, conclave consumer
// and the benchmarks.
//
// Each producer and consumer is one goroutine with a session of its own, on a
// connection of its own or on a shared one. Run joins all of them. A Meter may
// be read while they run: its counters are atomic and each has one writer; its
// histograms belong to their worker and are read after Run.
package load
