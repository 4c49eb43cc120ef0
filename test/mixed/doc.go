// Package mixed proves pairs of unlike brokers: ActiveMQ 5.17.2 and Conclave as
// the two members of one pair on one directory, each of them killed again and
// again while real Java clients send and receive through both, and an ActiveMQ
// master that was paused and wakes after Conclave has taken over.
//
// Its tests carry the build tag mixed and drive processes through
// test/harness, with the Java programs of test/interop. What Conclave promises
// is asserted; what ActiveMQ does not promise is counted and printed beside
// the figures of a pair of two ActiveMQs.
package mixed
