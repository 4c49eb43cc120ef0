// Package pglock elects one owner of an ActiveMQ schema in a PostgreSQL
// database. Its lockers give the same [lock.Lease] as the lock of a directory.
//
// [Advisory] holds a session-level advisory lock on a connection of its own,
// outside any pool. A slave waits for it inside the server, which wakes it in
// the moment when the master's session ends. [LeaseRow] keeps ActiveMQ's lease
// row instead; the lease needs no session, and so works through a pooler, which
// the store on the same database does not. A transaction beside it keeps out an
// ActiveMQ that looks at no lease (leaserow.go).
//
// # The fence
//
// The lock decides who starts; the epoch decides whose work counts. Table
// CONCLAVE_EPOCH has one row: the epoch and its holder. A [Fence] is the two
// statements that begin every writing transaction: a shared advisory lock that
// lasts as long as the transaction, and a look at that row. A new master takes
// the same lock exclusively while it takes the next epoch. So it waits for the
// transactions of the old master that are under way, and none that begins
// later can commit. No clock has a part in that.
//
// # Losing and finding the session
//
// A session that ends takes the lock with it. The lease turns invalid in that
// moment, and its keeper connects again. It goes on with the same epoch if it
// gets the lock and finds its own row in the table: then nobody else has been
// master. Otherwise the lease is lost. It is lost too when it has been invalid
// for the grace period, so that clients go and look for another broker.
//
// A holder that is frozen is noticed by the server, which ends the session of
// one that has been silent for longer than its lease can be valid.
package pglock
