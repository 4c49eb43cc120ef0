// Package model has the election and its fencing as a model that the checker
// Spin explores in full: every order of steps, pauses and delays within its
// bounds.
//
// election.pml has two nodes, a storage and the passing of time. What stands
// for what:
//
//   - A step that a node does not take is a pause of the process or its host; a
//     storage operation that is in flight and not carried out is a delay, a
//     cut network, or a call that hangs. An operation outlives the process that
//     asked for it.
//   - A process can end at any step: killed, or because it noticed a loss.
//   - The storage gives a lock away when its holder has been silent for a lease
//     (NFS), or at once when somebody deletes the lock file.
//   - A file is an inode under a name. Writes go to the inode that the writer
//     has open, renames and links to the name.
//   - A client sends each of two messages until one is acknowledged; a master
//     that has a message already acknowledges it without writing it again.
//
// Two promises of the design are assertions. P1, that at most one epoch
// acknowledges and epochs only rise: no acknowledgement follows one of a later
// epoch. P2, that what was acknowledged is there: each take-over finds it. An
// acknowledgement counts from the moment of the last look at the lease; what
// is under way to the client then was on disk before any successor read.
//
// The checker has to find the seeded bugs as well: a model that finds nothing
// proves nothing. Not in the model: consumption, transactions, damage of
// files, deletion of files, a broken file system that gives the lock to two.
//
// The test needs spin and gcc, and the build tag model. With CONCLAVE_MODEL=deep
// it goes one epoch further, which takes minutes and some GiB.
package model
