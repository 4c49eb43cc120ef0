package store

import (
	"context"

	"github.com/conclavemq/conclave/message"
)

// Store keeps messages. Its methods may be called from any goroutine.
type Store interface {
	// Recovered says what the store held when it was opened. It is called
	// once, before the first Append.
	Recovered() *State

	// Admit waits while the backlog of unwritten units is over its bound or
	// the store has no space, until ctx ends. It is called before a message
	// is accepted from a producer, and never from Done. It returns
	// ErrNoSpace at once where Limits.FailIfNoSpace is set.
	Admit(ctx context.Context) error

	// Append gives u its place in the log; see the package comment. It sets
	// Seq in each Add. It never blocks on I/O.
	Append(u *Unit)

	// Cancel takes u back if its write has not begun; Done is then never
	// called and the unit leaves no trace.
	Cancel(u *Unit) bool

	// Page appends to dst the messages of a destination with Seq > after, in
	// order, at most limit of them and no more after maxBytes of message
	// sizes; at least one if there is one. A message that cannot be read back
	// is left out, reported once in the log and counted; the error is for
	// what stops the whole page.
	Page(dst []Entry, dest message.Destination, after Seq, limit int, maxBytes int64) ([]Entry, error)

	// PageSubscription is Page for what a durable subscription, named by its
	// key, has not acknowledged.
	PageSubscription(dst []Entry, dest message.Destination, subscription string, after Seq, limit int, maxBytes int64) ([]Entry, error)

	// PagePriority is Page for the messages of one priority, 0 to 9, of what
	// subscription has not acknowledged; "" reads the destination itself.
	// Read from 9 to 0 a destination comes in the order of priorities.
	PagePriority(dst []Entry, dest message.Destination, subscription string, priority uint8, after Seq, limit int, maxBytes int64) ([]Entry, error)

	// Find returns where a queue holds the message with an id, as of the last
	// Done; false if it does not.
	Find(dest message.Destination, id message.MessageID) (Seq, bool)

	// LastSequence is the highest ProducerSequence stored for a producer,
	// or -1. It outlives the messages for as long as the store can tell.
	LastSequence(producer message.ProducerID) int64

	// Size is the bytes that the store takes on its disk.
	Size() int64

	// Failed is closed when the store can take no more; see ErrFailed.
	Failed() <-chan struct{}

	// Close waits for appended units, then lets go of the files.
	Close() error
}

// Leader is a Store whose callers can do the committer's work where nobody
// else has any, which saves waking the committer.
type Leader interface {
	// Lead is called after the Append of units with Led, under no lock that a
	// Done needs. It may commit what waits, and then blocks on I/O and calls the
	// Done functions, whoever they belong to.
	Lead()
}

// Lease is what a store asks of the lock that lets it write.
type Lease interface {
	// Epoch is the number of this mastership; it rises with each.
	Epoch() uint64
	// Valid reports whether this process is known to own the storage now.
	Valid() bool
	// Lost is closed when it is certain, or must be assumed, that it does not.
	Lost() <-chan struct{}
}

// Entry is one stored message.
type Entry struct {
	Message *message.Message
	Seq     Seq
	Segment Segment
	// Redelivered says that an earlier master may have delivered it.
	Redelivered bool
	// Redeliveries is the counter that Recount has kept; 0 without one.
	Redeliveries int32
}

// Priorities is how many there are, 0 to 9.
const Priorities = 10

// Priority is that of m. What is higher than JMS has counts as 9. (ActiveMQ:
// Message.setPriority)
func Priority(m *message.Message) uint8 { return min(m.Priority, Priorities-1) }

// State is what a store held when it was opened.
type State struct {
	Destinations []DestinationState
	Prepared     []Prepared
	// LastBrokerSequence is the highest MessageID.BrokerSequence seen.
	LastBrokerSequence int64
	// Rival says that a broker which records nothing of what it delivers was
	// the last to write, and did not stop cleanly.
	Rival bool
}

// DestinationState is a destination at recovery.
type DestinationState struct {
	Destination   message.Destination
	Messages      int64
	Bytes         int64
	Exposed       Segment
	Subscriptions []SubscriptionState
}

// SubscriptionState is a durable subscription at recovery.
type SubscriptionState struct {
	Info    message.SubscriptionInfo
	Pending int64
}

// Prepared is an XA branch that waits for its outcome. Its adds have no Seq;
// its removals and acknowledgements do.
type Prepared struct {
	Transaction message.TransactionID
	Ops         []Op
}
