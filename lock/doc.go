// Package lock decides which process owns a store, and says at any moment
// whether it still does.
//
// A [Locker] gives a [Lease] to one process at a time, over all hosts that
// share the storage. The lock decides who starts; the lease's epoch, which
// rises with every ownership, decides whose work counts. [FileLocker] locks a
// directory; FORMAT.md beside this file describes the files that it uses
// and ReadHolder reads them without taking part in the election.
//
// # Validity
//
// Holding a lock once is not holding it now. A lease is valid until a moment
// on the boot-time clock, which counts pauses of the process and of the
// machine. Each proof of ownership by the keeper moves that moment to one
// window after the proof began, so a storage call that hangs proves nothing
// and a process that was paused finds its lease invalid in its first
// instruction. Nothing may be acknowledged or delivered while [Lease.Valid] is
// false. It turns true again when the keeper finds that the lock is still
// held, the lock file is still the one at its path, nobody wrote to it and the
// epoch is unchanged: a pause alone costs a broker nothing but the pause.
//
// A lease is lost, finally and once, when a proof shows another owner, or when
// the process has run for the grace period without any proof. [Lease.Lost] is
// closed then. The owner writes nothing more and leaves.
//
// # Locks that exclude nobody
//
// Some file systems grant one lock to two hosts. Where that cannot be ruled out
// (the file system is not local, and its lock has never kept this process out),
// a won lock counts only when the last owner has shown no sign of life for its
// window; see rival.go. A broker that finds such an owner alive waits as a
// slave.
//
// # Goroutines
//
// A lease has two. The keeper owns the lock's descriptor from the moment of
// Acquire: it alone makes storage calls and it closes the descriptor when it
// ends, so that a call which hangs can delay neither a caller nor the
// watchdog. The watchdog touches no storage; it counts its own ticks while the
// lease is invalid and so measures time in which this process ran.
//
// A FileLocker has one goroutine while it waits on a local file system: it
// sits in the kernel, which wakes it when the holder dies. The kernel offers
// no way to call it back, so when the caller's context ends, the goroutine
// stays as it is and the next Acquire takes it over; if it wins the lock while
// nobody wants it, it lets go at once. Ending the process ends it too.
package lock
