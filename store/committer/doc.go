// Package committer is what stores share that have one goroutine at a time
// carry out what is appended: who that is, and when it waits for company. What
// is written, and how, is the store's.
//
// A [Role] has what is pending and hands it to whoever has the role. That is
// the store's own goroutine, which [Role.Wake] wakes, or a caller of its Lead
// for one batch: the reader of a producer that is alone then waits for the disk
// or the database, and for no other goroutine. A [Company] tells from the last
// batches who is alone, and for how many a batch is worth a wait.
//
// A unit that was left to a leader is never forgotten. When it was appended
// nobody had the role, which changes hands under the queue's lock alone:
// whoever has it now has come after the unit, and has yet to look for what is
// pending.
package committer
