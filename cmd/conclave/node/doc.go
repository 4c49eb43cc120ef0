// Package node is the life of one broker process: it waits for the lock as a
// slave, serves as a master, and ends one of two ways.
//
// A clean stop lets work in flight finish, closes the store, and gives the lock
// up last; nothing is written after that. A loss (of the lock, or of the
// store's disk) is the opposite: first silence towards clients, so that nothing
// is acknowledged or delivered any more, then Run returns ErrLost with files and
// lock as they are. The process must end or replace its image then; it must not
// close the store, since closing writes.
//
// Run is one goroutine, the caller's. Another calls Follow while Run waits for
// the lock. A goroutine watches over each start and
// each stop, which may hang with the storage. Node.mu guards the status, which
// any goroutine may read.
package node
