// Package console lets people and programs look at a broker over HTTP: health
// checks, metrics for Prometheus, and Jolokia's protocol with the beans that
// ActiveMQ has.
//
// The server runs on every node from the process's start, whatever its role. It
// asks a [Node], which is whatever runs the broker, and a [Broker] while that
// node is the master; both answer from memory, under short locks, and never
// wait for storage. Each HTTP request looks once (see view) and answers from
// that, so that nothing it says contradicts itself and the broker is asked as
// little as possible.
//
//	/health           200: the process is there
//	/health/ready     200: this node is the master and serves; else 503
//	/health/standby   200: the same, or a slave that waits for its turn; else 503
//	/metrics          Prometheus' text format
//	/api/jolokia      Jolokia, see package jolokia
//
// Health is open to everybody, for probes have no password. With users, the rest
// needs one of them by basic authentication; without, the server listens on
// loopback addresses alone and answers only to their names, so that a page
// somewhere cannot reach it through a browser's DNS.
package console
