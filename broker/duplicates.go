package broker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// propertyDuplicateID is set by clients that want a message stored once,
// however often it is sent to one destination. Not in ActiveMQ.
const propertyDuplicateID = "JMSXDuplicateId"

// idQueue is where ids are stored that have been used, one message each, with
// the name of the destination and the id as properties. Clients cannot use it.
var idQueue = message.NewQueue("Conclave.DuplicateIds")

// Properties of a message of idQueue, both strings.
const (
	idDestination = "destination"
	idValue       = "id"
)

// Bounds of what is remembered. Beyond them the oldest ids of a destination
// are forgotten before their time.
const (
	maxIDs    = 100_000 // of one destination
	maxAllIDs = 4 << 20
	maxIDLen  = 4096 // bytes of an id
)

// duplicates remembers, for a while, the ids that messages were sent with. An
// id is stored in the unit that stores its message, as a message of idQueue:
// so both are there or none is, whatever becomes of the message later and of
// this process.
type duplicates struct {
	place
	window   int64 // ms, 0 off; fixed
	producer message.ProducerID
	serial   atomic.Int64
	loaded   chan struct{} // closed when known has what is in the store

	mu      sync.Mutex
	known   map[message.Destination]*idList // mu
	total   int                             // mu; ids in known
	flights map[idKey]*idFlight             // mu; ids whose message is not stored yet
	// See schedule; what is at or before cursor has been read from the store.
	loading         bool      // mu
	cursor, visible store.Seq // mu
}

// idKey is an id at a destination, as the producer named it.
type idKey struct {
	dest message.Destination
	id   string
}

// digest stands for an id in memory. That two ids have one is out of reach
// even for who looks for such.
type digest [16]byte

func digestOf(id string) (d digest) {
	sum := sha256.Sum256([]byte(id))
	copy(d[:], sum[:])
	return d
}

// idList are the ids of one destination, the oldest first.
type idList struct {
	at    map[digest]int64 // when each was used, ms since 1970
	order []digest
}

// idFlight is an id whose message is on its way. Who sends it again meanwhile
// is told the same.
type idFlight struct{ waiting []func(error) }

// imprint is an id that a message on its way is to be remembered by.
type imprint struct {
	key   idKey
	state imprintState
}

type imprintState uint8

const (
	unclaimed imprintState = iota
	claimed                // the message is to be stored, and its id with it
	repeated               // it has been stored before
)

func (d *duplicates) init(b *Broker) {
	d.place.init(b, idQueue)
	d.policy = DefaultPolicy()
	d.window = b.options.DuplicateDetectionWindow.Milliseconds()
	d.producer = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 3}
	d.known = map[message.Destination]*idList{}
	d.flights = map[idKey]*idFlight{}
	d.loaded = make(chan struct{})
}

// recover takes up what an earlier master remembered.
func (d *duplicates) recover(state *store.DestinationState) bool {
	if state.Destination != idQueue {
		return false
	}
	d.stats.size.Store(state.Messages)
	d.loading = state.Messages > 0
	return true
}

// mark reads the id of m; nil if it has none. It waits until what an earlier
// master remembered has been read.
func (d *duplicates) mark(ctx context.Context, m *message.Message) (*imprint, error) {
	if d.window == 0 || !bytes.Contains(m.Properties, []byte(propertyDuplicateID)) {
		return nil, nil
	}
	value, ok, err := m.Property(propertyDuplicateID)
	id, isText := value.(string)
	switch {
	case err != nil || !ok || value == nil:
		return nil, nil
	case !isText || id == "" || len(id) > maxIDLen:
		return nil, failure(ErrMessageFormat, "%s must be a string of 1 to %d bytes", propertyDuplicateID, maxIDLen)
	}
	select {
	case <-d.loaded:
	case <-d.b.quiet:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrClosed, ctx.Err())
	}
	return &imprint{key: idKey{m.Destination, id}}, nil
}

// begin claims an id for a message that is about to be stored. If it is known,
// done is called; if it is on its way, done is called when that is known, or,
// if done is nil, nothing happens and busy is true.
func (d *duplicates) begin(k *imprint, done func(error)) (busy bool) {
	d.mu.Lock()
	if d.knowsLocked(k.key) {
		k.state = repeated
		d.mu.Unlock()
		d.stats.copies.Add(1)
		if done != nil {
			done(nil)
		}
		return false
	}
	if f := d.flights[k.key]; f != nil {
		if done != nil {
			k.state = repeated
			f.waiting = append(f.waiting, done)
		}
		d.mu.Unlock()
		return done == nil
	}
	d.flights[k.key] = &idFlight{}
	k.state = claimed
	d.mu.Unlock()
	return false
}

// settle ends what begin has begun, with the outcome.
func (d *duplicates) settle(k *imprint, err error) {
	if k == nil || k.state != claimed {
		return
	}
	d.mu.Lock()
	k.state = repeated
	f := d.flights[k.key]
	delete(d.flights, k.key)
	d.mu.Unlock()
	if f == nil {
		return
	}
	for _, done := range f.waiting {
		done(err)
	}
}

func (d *duplicates) knowsLocked(k idKey) bool {
	l := d.known[k.dest]
	if l == nil {
		return false
	}
	at, ok := l.at[digestOf(k.id)]
	return ok && d.b.nowMS() < at+d.window
}

// record is the message by which an id is remembered.
func (d *duplicates) record(k idKey) *message.Message {
	properties, _ := message.AppendProperties(nil, message.Properties{ // strings can always be encoded
		{Name: idDestination, Value: k.dest.String()}, {Name: idValue, Value: k.id},
	})
	now := d.b.nowMS()
	return &message.Message{
		Persistent: true, Priority: 4, Destination: idQueue, Producer: d.producer, Timestamp: now, BrokerInTime: now,
		ID:         message.MessageID{Producer: d.producer, ProducerSequence: d.serial.Add(1), BrokerSequence: d.b.sequence.Add(1)},
		Properties: properties,
	}
}

// keyOf reads a message of idQueue.
func keyOf(m *message.Message) (idKey, bool) {
	dest, _, err := m.Property(idDestination)
	id, _, errID := m.Property(idValue)
	name, okName := dest.(string)
	text, ok := id.(string)
	if err != nil || errID != nil || !okName || !ok {
		return idKey{}, false
	}
	return idKey{message.ParseDestination(name, message.Queue), text}, true
}

// duplicates is a target of the ids that are stored.

func (d *duplicates) base() *place                 { return &d.place }
func (d *duplicates) stores(*message.Message) bool { return true }
func (d *duplicates) announce() bool               { return true }
func (d *duplicates) retire(use) bool              { return false }
func (d *duplicates) refuse()                      {}
func (d *duplicates) attach(subscription) error    { return reserved(d.dest) }
func (d *duplicates) inUse() bool                  { return true }
func (d *duplicates) dispose()                     {}

func (d *duplicates) send(_ *message.Message, _ bool, done func(error)) { done(reserved(d.dest)) }

// arrive remembers an id that has been stored.
func (d *duplicates) arrive(m *message.Message, op *store.Op) {
	d.stats.size.Add(1)
	if d.window == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visible = max(d.visible, op.Seq)
	if d.loading || op.Seq <= d.cursor {
		return // it is read from the store, or has been
	}
	d.rememberLocked(m)
}

// rememberLocked enters an id, and forgets another if there are too many.
func (d *duplicates) rememberLocked(m *message.Message) {
	k, ok := keyOf(m)
	if !ok || m.Timestamp+d.window <= d.b.nowMS() {
		return
	}
	l := d.known[k.dest]
	if l == nil {
		l = &idList{at: map[digest]int64{}}
		d.known[k.dest] = l
	}
	x := digestOf(k.id)
	if _, again := l.at[x]; !again {
		l.order = append(l.order, x)
		d.total++
	}
	l.at[x] = m.Timestamp
	if len(l.order) > maxIDs || d.total > maxAllIDs {
		d.dropLocked(l)
	}
}

// dropLocked forgets the oldest id of a destination.
func (d *duplicates) dropLocked(l *idList) {
	delete(l.at, l.order[0])
	l.order = l.order[1:]
	d.total--
}

// once reports whether d's message is to be stored. If it has been before, or
// is just now, its producer is answered.
func (d *dispatch) once() bool {
	b := d.c.b
	b.duplicates.begin(d.mark, d.finish())
	if d.mark.state != claimed {
		return false
	}
	done, k := d.done, d.mark
	d.done = func(err error) {
		b.duplicates.settle(k, err)
		done(err)
	}
	return true
}

// errElsewhere is what a transaction fails with when one of its messages is
// being stored by another producer: it is to be tried again.
var errElsewhere = errors.New("a message with the same JMSXDuplicateId is being stored")

// claimMarks decides which of a transaction's messages are to be stored.
func (t *transaction) claimMarks() error {
	own := map[idKey]bool{}
	for _, k := range t.marks {
		if k.state != unclaimed {
			continue
		}
		if own[k.key] {
			k.state = repeated
			continue
		}
		if t.b.duplicates.begin(k, nil) {
			t.settleMarks(errElsewhere)
			return &Error{Kind: ErrTransaction, Code: XARollback, Text: "COMMIT FAILED: " + errElsewhere.Error() + ": " + k.key.id}
		}
		own[k.key] = true
	}
	return nil
}

// settleMarks ends the claims of a transaction, however that ends.
func (t *transaction) settleMarks(err error) {
	for _, k := range t.marks {
		t.b.duplicates.settle(k, err)
	}
}

// errRolledBack is what those are told who have sent a message again that was
// to come with a prepared transaction.
var errRolledBack = errors.New("the transaction with the same message was rolled back")

// reserve claims an id that a recovered branch would store.
func (d *duplicates) reserve(t *transaction, op *store.Op) {
	if d.window == 0 || op.Action != store.Add || op.Destination != idQueue {
		return
	}
	if key, ok := keyOf(op.Message); ok {
		k := &imprint{key: key}
		d.begin(k, nil)
		t.marks = append(t.marks, k)
	}
}

// forgetPeriod is how often ids are looked for whose time is over.
const forgetPeriod = time.Second
