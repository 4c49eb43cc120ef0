// Package store is the contract between a broker and whatever keeps its
// messages: the KahaDB journal, a PostgreSQL schema, or memory.
//
// A broker hands every change to the store as a [Unit]: some operations that
// happen together. Append gives the unit its place in the log and returns;
// one committer inside the store gathers waiting units, makes them durable at
// one go, and calls each unit's Done in log order. Done runs on the
// committer's goroutine: it must not block and must not call the store's
// blocking methods; it may call Append. One who appends may lend his goroutine
// to that committer; see [Leader].
//
// What is in the store is read by position: Seq rises in log order over the
// whole store, and a queue pages forward from the last Seq that it has seen.
// Reads see a message from just before its Done is called.
//
// Invariants that every store keeps, and storetest checks:
//
//   - units appended by one goroutine are in the log in that order, and Seq
//     order is log order;
//   - a unit is durable whole or not at all;
//   - once Done has reported success to a Unit with Sync, no crash loses it;
//   - Done is called exactly once for each unit, unless Cancel took it back or
//     the store has failed, after which no Done reports success;
//   - after Lease.Valid has turned false no Done reports success until it is
//     true again.
package store
