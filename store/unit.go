package store

import "github.com/conclavemq/conclave/message"

// Seq is a position in the log; it rises with every message that is added and
// is unique in the store. It is not kept across restarts: recovery numbers
// afresh, in log order. 0 is before every message.
type Seq uint64

// Segment is the part of the log that a message lies in; later messages are
// in the same or a higher one. Exposure is recorded for whole segments. A
// store that keeps no such record leaves it 0.
type Segment uint32

// Action says what an Op does.
type Action uint8

// The actions, and which fields of Op they read.
const (
	// Add stores Message in Destination. Append sets Seq; Segment is set
	// before Done. A topic keeps a message until every subscription that
	// existed at the time has acknowledged it.
	Add Action = iota + 1
	// Remove takes the message with ID at Seq out of a queue.
	Remove
	// Acknowledge marks the message with ID at Seq as consumed by
	// Subscription (its key) of a topic; Unmatched says that the selector did
	// not want it.
	Acknowledge
	// Update replaces the stored header of the message at Seq by Message, to
	// keep a redelivery counter. Its place in the order does not change.
	Update
	// AddSubscription creates or changes the durable subscription Info of
	// Destination. Retroactive starts it at the oldest message kept.
	AddSubscription
	// RemoveSubscription deletes Subscription and its hold on messages.
	RemoveSubscription
	// RemoveDestination deletes Destination with all that is in it.
	RemoveDestination
	// Expose records that messages of Destination up to the end of Segment
	// may be delivered to consumers. A store that recovers from a crash flags
	// the ones that are still there as possibly redelivered. Segment 0
	// withdraws that: nothing that is there has been delivered.
	Expose
	// Recount keeps Redeliveries for the message of a queue with ID at Seq: how
	// often it has been given back. Nothing happens if it is not there.
	Recount
)

// Op is one operation; Action says which fields count.
type Op struct {
	Action       Action
	Unmatched    bool
	Retroactive  bool
	Prioritized  bool // of an Add: the destination is read by priority
	Segment      Segment
	Redeliveries int32
	Seq          Seq
	Destination  message.Destination
	Message      *message.Message
	ID           message.MessageID
	Subscription string
	Info         *message.SubscriptionInfo
}

// Outcome says how a unit ends its transaction.
type Outcome uint8

// The outcomes.
const (
	// None: the unit belongs to no transaction; its operations still happen
	// together. Without any it is not written, and Done says that all before
	// it have been carried out.
	None Outcome = iota
	// Commit makes Ops happen under Transaction. For a prepared transaction
	// Ops is empty on Append; the store fills it, Seq and all, before Done.
	Commit
	// Prepare stores Ops under Transaction without effect until a later unit
	// commits it. Its messages get Seq at that commit.
	Prepare
	// Rollback forgets a prepared transaction.
	Rollback
)

// Unit is a set of operations that are durable together.
type Unit struct {
	Ops         []Op
	Transaction message.TransactionID
	Outcome     Outcome
	// Sync asks that Done wait for the data to be on stable storage; without
	// it, Done follows the write.
	Sync bool
	// Led says that the caller of Append calls Lead soon after, without having
	// waited for anything in between; see Leader. Any store may disregard it.
	Led bool
	// Done is called once, in log order, on the committer's goroutine or a
	// leader's; see the package comment. It may be nil.
	Done func(error)

	single [1]Op
	// Work is for the store alone.
	Work any
}

// Single returns a unit of one operation.
func Single(op Op, sync bool, done func(error)) *Unit {
	u := &Unit{Sync: sync, Done: done}
	u.single[0] = op
	u.Ops = u.single[:]
	return u
}
