// Package postgres drives pairs of real broker processes on one PostgreSQL
// database: who serves, what becomes of what was acknowledged, and what users
// see when brokers, sessions, the server, its standbys or the network between
// them fail. Its tests carry the build tag postgres: `make postgres`.
//
// TestFaultTable is the table of faults. A row is what is done to a pair under
// the load of harness/crowd, how soon somebody has to serve again, and what is
// looked at besides; harness.History checks P1 to P6. Rows of an asynchronous
// standby check what such a database promises, which is less.
//
// Most tests have a database of their own on a server that all share; those
// that do something to the server have a server of their own. Rows that make
// networks or small file systems need root.
package postgres
