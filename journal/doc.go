// Package journal is a store.Store on the files of ActiveMQ's KahaDB, byte for
// byte: ActiveMQ Classic serves what a Journal leaves, and a Journal serves
// what ActiveMQ leaves. FORMAT.md describes the files, with what Conclave
// writes into them for itself.
//
// An index in memory says where each message lies. It is built by replaying
// the files in [Open] and changes by the same records afterwards. A message
// costs it about 50 bytes. A snapshot of it (snapshot*.go) saves a cold start
// the reading of all files but the last; without one nothing is lost.
//
// While it is opened, one goroutine reads and verifies the files ahead of the
// replay (ahead.go), and another makes the newest one safe (inherit.go).
//
// A Journal has these goroutines, all joined by Close:
//
//   - the committer (commit.go) takes appended units, writes them in batches,
//     syncs, checks the lease, carries them out in the index and calls Done.
//     It alone writes to the current file and changes the index. A caller
//     that would only wait for it may be the committer for a batch, where the
//     strategy is Always and units come one at a time (lead.go): the same
//     code on another goroutine. What only the committer touches is guarded by
//     role, whoever it is;
//   - the allocator (allocate.go) reserves the space of files, fills them with
//     zeros ahead of small batches (fill.go) and keeps a spare one, which is
//     also the reserve for removals on a full disk;
//   - the janitor (collect.go) deletes files that nothing needs;
//   - the compactor (compact.go) rewrites files of which little is needed:
//     compact_sieve.go decides, compact_copy.go writes, compact_swap.go puts the
//     new file in its place;
//   - the snapshotter (snapshot.go) writes snapshots of the index, from views
//     that the committer makes and that share the index's memory (pages.go);
//   - the guard (guard.go) undoes what a deposed master does to names;
//   - the watcher, where there is a lease, fails the journal when it is lost.
//
// A [Follower] reads a journal that another process writes, on the goroutine
// of its Run; trail.go has what it remembers, reconcile.go how it takes in a
// file that was rewritten, promote.go how Open goes on from there.
//
// Locks: the role (package committer) makes a goroutine the committer and is
// taken before all others, waiting for it by the committer's own goroutine
// alone. queueMu orders Append and guards what waits; indexMu guards the index; segments, the allocator and
// a file being written have their own.
// queueMu may be taken while indexMu is held, not the other way round;
// segments.mu, allocator.mu, dataFile.mu and snapshotMu are taken last.
// compactor.mu comes before snapshotting, that before collectMu, and that
// before all others.
package journal
