// Package jdbcstore is a store.Store on the PostgreSQL schema of ActiveMQ's
// JDBC store: ActiveMQ Classic serves what a Store leaves, and a Store serves
// what ActiveMQ leaves. FORMAT.md describes the tables, ActiveMQ's and ours.
//
// Nothing is kept in memory that a take-over would have to read: a message's
// Seq is the ID of its row, a page is a query by key, and the sizes of
// destinations are counted in the transactions that change them. A trigger
// notices a writer that is no Conclave; only after one has written does [Open]
// read all messages (reconcile.go).
//
// # The way of a unit
//
// Append encodes a unit's messages on the caller's goroutine and gives it its
// place. The committer takes what waits, compiles it to statements (compile*.go)
// and sends them in one go (session.go): what precedes a Sync is one
// transaction, so a batch of any number of units is one round trip, unless it
// is large, and one write of the server's log. Rows are inserted by arrays, one
// statement for all of a batch, and deleted by a list of IDs in the statement
// that counts them.
// Operations keep their order where it matters: a segment of a batch is what
// can be sorted into deletions, insertions and acknowledgements. A message that
// is added and removed within a segment is never written.
//
// From 1,000 messages on, COPY brings them in place of arrays ([Options].CopyRows,
// copy.go). The server inserts while it still receives, and has no arrays to
// take apart. But pgconn sends COPY alone, so that such a batch is begun and
// committed by name and takes three round trips. COPY also casts nothing: a
// table with columns of other types, which the configuration may choose, or
// with rules or row security gets arrays. An asynchronous producer makes
// batches as large as MaxBatch lets it, here 2,350 to 2,860 messages of 1 KiB.
//
// Measured (BenchmarkBatch: one producer, messages of 1 KiB, all three indexes,
// PostgreSQL 15 on the same machine, which others kept busy; medians of 5 runs
// of each in turn):
//
//	messages    server's processor time a message    messages/s by COPY
//	in a batch  by arrays    by COPY                 against arrays, in the same run
//	     300    12.4 us      11.8 us                 +2 % (-21 to +34)
//	   1,000    12.5         11.9                    +20 % (-9 to +50)
//	   3,000    13.3         10.6                    +29 % (-39 to +33)
//
// An asynchronous producer (BenchmarkAsync) costs the server 13.3 us a message
// by arrays and 9.8 by COPY, measured in the same way.
//
// The client spends the same on either; the server's log gets 2 % less. The
// four statements that a small batch consists of cost 60 us together, of which
// the fence takes 20; one statement for all was no faster.
//
// One synchronous producer, message by message, with an fsync each (10th
// percentiles of ways that took turns, on a busy machine; in brackets the same
// without fsync, which is what the processors alone need):
//
//	182 us (21)  a row of 1 KiB into a table of its own, in one round trip
//	209    (34)  a row of ACTIVEMQ_MSGS with its three indexes
//	257    (47)  … behind the fence: the least that has the store's guarantees
//	280    (57)  … with the destination's row, which counts it
//	295    (63)  Append and Lead
//	315    (72)  Append, by the committer
//
// A message of such a producer takes longer by what happens around the append,
// since each part waits for the one before: of 540 us on a quiet machine of two
// processors, which has the server and the client, too, the server's session
// works for 230, the broker for 120, the client for 85, and the disk syncs for
// the rest. There is one round trip a message, and nothing else is asked.
// What is counted with each batch, a destination and where need be a producer,
// is found by where its row was last (statements.go: place).
// Eight producers send together, 7.9 messages a batch. Without the wait for
// company they fall into halves that take turns: that costs 212 us of
// processors a message in place of 130, and on a busy disk more than half of
// the rate.
//
// What the statements cost is what they do: the fence's two in one, by
// SELECT … FOR SHARE in the INSERT, takes 1 to 3 us less, the destination's
// row in the same statement 0 to 3. They pass in one packet anyway.
//
// # Who may write
//
// Each transaction begins with the statements of the fence ([Options].Fence),
// which fail when another process has taken an epoch: a deposed master's commit
// is impossible. After the commit nothing is confirmed while the lease is not
// valid.
//
// # When the database goes away
//
// Units wait, nothing is confirmed, and the committer connects again and again.
// A transaction whose answer was lost may have been carried out or not. Each
// batch has a number, which it leaves in a row of ours. The new session ends
// the old one first, whose name only that one has, so that what it had been
// sent is carried out or never will be; then it looks for the number, behind
// the fence, and sends the batch again only if it is not there (write.go,
// connect.go). A database that refuses a batch for its contents gets it by
// halves, until the unit is found that it refuses. Without space, new messages
// are refused and removals are not.
//
// # Goroutines
//
// A Store has these, all joined by Close: the committer (commit.go), which has
// a session of its own and alone writes, unless a caller that is alone takes its
// role for a batch (lead.go): the same code on another goroutine; the janitor (janitor.go), which
// measures the tables and forgets silent producers; the watcher, where there is
// a lease, which fails the store when that is lost. Pages are read on their
// callers' goroutines by the sessions of a pool.
//
// Locks: the role (package committer) makes a goroutine the committer and is
// taken before all others, by nobody who waits but the committer's own
// goroutine. queueMu orders Append and guards what waits; stateMu guards what
// readers know of destinations; producers.mu guards the sequences. None of these
// is held while another is taken.
package jdbcstore
