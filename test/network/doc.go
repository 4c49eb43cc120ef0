// Package network runs networks of brokers: real processes of Conclave and of
// ActiveMQ, with real Java clients on different brokers. Build tag network; the
// machine needs the Debian packages of `make peers`, and root for the
// partitions, which are made between network namespaces.
package network
