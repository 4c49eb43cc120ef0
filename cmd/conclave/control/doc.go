// Package control lets `status`, `stop` and `switchover` reach every broker process of this
// host. Each process listens on a Unix socket of its own, named for its pid,
// in a runtime directory of this host alone; nothing is written to the shared
// store. A client looks through the directory, asks every socket who it is,
// and picks by configuration file, store directory, name or pid.
//
// The protocol is one line of JSON each way: {"command":"status"} gets an
// Account, {"command":"stop"} gets one too and begins a clean stop;
// {"command":"switchover","handOver":{…}} gets a node.Outcome or an error when
// the hand-over is done.
// {"command":"hold"} gets a Moment of the journal for a backup, which ends with
// the connection or with the line "release".
//
// Trust: the directory belongs to its user alone (mode 0700), which both sides
// check; the pid and user of the far end come from the kernel (SO_PEERCRED),
// not from what it says.
//
// Goroutines of a Server: one accepts and answers, one request at a time, each
// within a second; one more for each hand-over that was asked for, of which
// the node takes one, and for each moment that is held.
package control
