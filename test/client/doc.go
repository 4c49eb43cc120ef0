// Package client proves the Go client with ActiveMQ 5.17.2 and with Conclave:
// one table of what applications do, and one of failover's options with a
// broker that is killed in the middle, both run against both.
//
// Its tests carry the build tag interop.
package client
