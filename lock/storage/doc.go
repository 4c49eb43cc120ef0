// Package storage judges whether a directory's storage keeps what a
// shared-storage broker relies on: locks that exclude and are freed, renames
// that are whole, writes that others see and that a sync makes durable.
//
// Three callers, from the least to the most that they do to the storage:
//
//   - [Inspect] reads what the kernel knows of the mount, and the free space.
//     Every start does that, before it asks for the lock.
//   - [TestLock] tries, by a second descriptor, a lock that this process
//     holds. Every master does that once, after it has won.
//   - [Run] is the command `conclave check-storage`: it tries everything, in a
//     scratch directory of its own below the checked one.
//
// # Helpers
//
// A call to storage that hangs cannot be taken back, and may keep even a
// killed process from ending. [Run] therefore makes none: helpers do, which
// are processes of the same binary ([Serve]) that take requests, one JSON
// object a line, on their input and answer on their output. While a call does
// not return a helper says which one it is. A helper that does not answer in
// time is killed and left alone, and the check ends.
//
// # Two hosts
//
// [Listen] lends a helper to a [Run] on another host, over TCP, in the same
// lines. The first must name a scratch directory that is there: its name has 128
// random bits, so whoever cannot write to the storage can neither name one nor
// do anything through the open port. That it is there also proves that both
// hosts look at the same storage. No two clocks are compared: both helpers
// answer to one process, which takes the times.
//
// # Goroutines
//
// Each connection to a helper has one reader, which ends with it. A helper has
// one beside its main one, which reports calls that take long. Listen serves
// one connection at a time.
package storage
