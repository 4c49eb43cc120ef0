// Package interop proves a broker with real Java clients: programs of our own
// in java/, compiled against ActiveMQ's activemq-client, and directories that
// ActiveMQ 5.17.2 itself wrote or has to read.
//
// Its tests carry the build tag interop and drive processes through
// test/harness. Every expectation holds on ActiveMQ as well, which
// -broker=activemq shows, except where a comment says that Conclave has to do
// better.
package interop
