// Package crowd is a load of many clients on a pair of brokers: they send and
// consume on four queues, one by one and in transactions, and pass messages on
// from one queue to another. Every step goes into a harness.History, which is
// checked when the load is over. An error that a client sees fails the test,
// since its URL fails over.
package crowd
