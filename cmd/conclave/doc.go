// Command conclave is the message broker and the tools around it. Every
// command has a file of its own; main.go and root.go put them together;
// master.go is the composition root of a serving broker: lock, journal,
// broker, ports.
//
// Goroutines of `start` beyond those of the packages it wires: one waits for
// signals.
package main
