// Package harness starts, kills and measures real broker processes for the
// tests that drive built binaries: Conclave itself, and the ActiveMQ Classic
// of Debian's activemq package, which every expectation is checked against
// first. It also compiles and runs the Java programs that use the real client.
//
// A Broker is one configured node; it may be started, killed and started again
// on the same port and directory, as an operator would. Each running process
// has one goroutine, which waits for it and closes its done channel. Processes
// die with the test that started them (PDEATHSIG), whatever ends it.
//
// Nothing here depends on package testing, so that benchmarks use it as well.
package harness
