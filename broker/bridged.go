package broker

import (
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// landingQueue is where it is stored which messages other brokers have sent,
// one message each. Clients cannot use it.
var landingQueue = message.NewQueue("Conclave.BridgedIds")

// Properties of a message of landingQueue, all strings.
const (
	landingSource = "source"
	landingPlace  = "destination"
	landingID     = "id"
)

// Bounds of what is remembered. A bridge sends again at most what was under
// way when it broke, its prefetchSize for each consumer.
const (
	maxLandings    = 8192 // of one broker at one destination
	maxAllLandings = 1 << 20
	landingPage    = 256 // are forgotten in one unit
)

// bridged remembers the messages that other brokers have sent here last, so
// that one is stored once though its bridge, or the broker at either end of
// it, dies between the store here and the acknowledgement there. What is
// remembered is stored in the unit that stores the message, so that it is known
// after a failover too, whatever has become of the message.
//
// A message is known by its id, the destination, the broker that sends it and
// the hops that it has made: one that comes back after it had gone on has made
// more hops and is not taken for a repetition, and neither is one that comes
// out of the order of its producer, as the messages of many queues on several
// bridges do. (ActiveMQ's auditNetworkProducers compares with the last
// sequence of the producer, and drops both.) On a topic the id is enough: its
// messages never come back, and where several ways lead here each brings them.
//
// What is not persistent is remembered in memory alone.
type bridged struct {
	place
	producer message.ProducerID
	serial   atomic.Int64
	loaded   chan struct{} // closed when known has what is in the store
	passing  recent        // what is not persistent
	doubts   recent        // what bridges had in hand and gave back; see parting.go
	leaving  leaving
	using    sync.Mutex  // held while used becomes true
	used     atomic.Bool // there are or were bridges; stored
	surplus  chan struct{} // capacity 1: there is something to forget

	mu      sync.Mutex
	known   map[landingKey]*landings // mu
	total   int                      // mu
	flights map[flightKey]*idFlight  // mu; messages that are not stored yet
	excess  []store.Op               // mu; Removes to be done
	// As of duplicates.
	loading         bool      // mu
	cursor, visible store.Seq // mu
}

// landingKey is one broker's way to one destination.
type landingKey struct {
	source string
	dest   message.Destination
}

type flightKey struct {
	landingKey
	id string
}

// landings are the last messages of one such way, the oldest first.
type landings struct {
	known map[digest]landed
	order []landed // also some that were forgotten before their time
}

type landed struct {
	digest digest
	id     message.MessageID // of the record
	seq    store.Seq
}

// landing is a message on its way into the store.
type landing struct{ key flightKey }

// maxRecent bounds what is remembered of messages that are not persistent.
const maxRecent = 1 << 16

// recent is a set of the last that were added.
type recent struct {
	mu    sync.Mutex
	known map[digest]struct{} // mu
	ring  []digest            // mu
	next  int                 // mu
}

// add reports whether x is new.
func (r *recent) add(x digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.known[x]; known {
		return false
	}
	if r.known == nil {
		r.known = map[digest]struct{}{}
	}
	r.known[x] = struct{}{}
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, x)
		return true
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = x
	r.next = (r.next + 1) % maxRecent
	return true
}

func (r *recent) has(x digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.known[x]
	return known
}

// forget takes x out; its place in the ring stays.
func (r *recent) forget(x digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, x)
}

func (a *bridged) init(b *Broker) {
	a.place.init(b, landingQueue)
	a.policy = DefaultPolicy()
	a.producer = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 4}
	a.known, a.flights = map[landingKey]*landings{}, map[flightKey]*idFlight{}
	a.loaded, a.surplus = make(chan struct{}), make(chan struct{}, 1)
}

func (a *bridged) recover(state *store.DestinationState) bool {
	if state.Destination != landingQueue {
		return false
	}
	a.stats.size.Store(state.Messages)
	a.loading = state.Messages > 0
	a.used.Store(a.loading)
	return true
}

// arrives reports whether d's message is to be stored. If it has been before,
// or is just now, its sender is answered.
func (d *dispatch) arrives(source string) bool {
	b, m := d.c.b, d.m
	key := hopKey(source, m, len(m.BrokerPath))
	if m.Destination.Kind.IsTopic() {
		key = flightKey{landingKey{"", m.Destination}, m.ID.ProducerKey()}
	}
	done := d.finish()
	if !m.Persistent || m.Destination.Kind.IsTemporary() {
		x := digestOf(m.Destination.String() + " " + key.source + " " + key.id)
		if b.bridged.passing.has(digestOf(m.Destination.String()+" "+m.ID.ProducerKey())) || !b.bridged.passing.add(x) {
			done(nil)
			return false
		}
		waiting := d.done
		d.arrived = &x
		d.done = func(err error) {
			b.bridged.settlePassing(&x, err)
			waiting(err)
		}
		return true
	}
	select {
	case <-b.bridged.loaded:
	case <-b.quiet:
		done(ErrClosed)
		return false
	}
	if !b.bridged.begin(key, m, done) {
		b.log.Info("a message that was stored before is not stored again", "message", m.ID.String(), "destination", m.Destination.String(), "from", source)
		return false
	}
	d.arrival = &landing{key}
	waiting, l := d.done, d.arrival
	d.done = func(err error) {
		b.bridged.settle(l, err)
		waiting(err)
	}
	return true
}

// begin claims a message that is about to be stored; false if it is known, or
// on its way, in which case done is called when that is over.
func (a *bridged) begin(key flightKey, m *message.Message, done func(error)) bool {
	a.mu.Lock()
	if a.knowsLocked(key) || a.strayLocked(m) {
		a.mu.Unlock()
		a.stats.copies.Add(1)
		done(nil)
		return false
	}
	defer a.mu.Unlock()
	if f := a.flights[key]; f != nil {
		f.waiting = append(f.waiting, done)
		return false
	}
	a.flights[key] = &idFlight{}
	return true
}

// settle ends what begin has begun; l may be nil, and may be settled already.
func (a *bridged) settle(l *landing, err error) {
	if l == nil {
		return
	}
	a.mu.Lock()
	f := a.flights[l.key]
	delete(a.flights, l.key)
	a.mu.Unlock()
	if f == nil {
		return
	}
	for _, done := range f.waiting {
		done(err)
	}
}

// settlePassing is settle for what is not persistent: x may be nil. What was
// refused may be sent again.
func (a *bridged) settlePassing(x *digest, err error) {
	if x != nil && err != nil {
		a.passing.forget(*x)
	}
}

// record is the message by which an arrival is remembered.
func (a *bridged) record(l *landing) *message.Message {
	properties, _ := message.AppendProperties(nil, message.Properties{ // strings can always be encoded
		{Name: landingSource, Value: l.key.source}, {Name: landingPlace, Value: l.key.dest.String()}, {Name: landingID, Value: l.key.id},
	})
	now := a.b.nowMS()
	return &message.Message{
		Persistent: true, Priority: 4, Destination: landingQueue, Producer: a.producer, Timestamp: now, BrokerInTime: now,
		ID:         message.MessageID{Producer: a.producer, ProducerSequence: a.serial.Add(1), BrokerSequence: a.b.sequence.Add(1)},
		Properties: properties,
	}
}

func landingOf(m *message.Message) (key flightKey, ok bool) {
	source, ok1 := text(m, landingSource)
	dest, ok2 := text(m, landingPlace)
	id, ok3 := text(m, landingID)
	return flightKey{landingKey{source, message.ParseDestination(dest, message.Queue)}, id}, ok1 && ok2 && ok3
}

func text(m *message.Message, name string) (string, bool) {
	v, _, err := m.Property(name)
	s, ok := v.(string)
	return s, ok && err == nil
}

// bridged is a target of its records.

func (a *bridged) base() *place                 { return &a.place }
func (a *bridged) stores(*message.Message) bool { return true }
func (a *bridged) announce() bool               { return true }
func (a *bridged) retire(use) bool              { return false }
func (a *bridged) refuse()                      {}
func (a *bridged) attach(subscription) error    { return reserved(a.dest) }
func (a *bridged) inUse() bool                  { return true }
func (a *bridged) dispose()                     {}

func (a *bridged) send(_ *message.Message, _ bool, done func(error)) { done(reserved(a.dest)) }

// arrive remembers what has been stored.
func (a *bridged) arrive(m *message.Message, op *store.Op) {
	a.stats.size.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.visible = max(a.visible, op.Seq)
	if a.loading || op.Seq <= a.cursor {
		return
	}
	a.rememberLocked(m, op.Seq)
}

func (a *bridged) rememberLocked(m *message.Message, seq store.Seq) {
	key, ok := landingOf(m)
	if !ok {
		return
	}
	l := a.known[key.landingKey]
	if l == nil {
		l = &landings{known: map[digest]landed{}}
		a.known[key.landingKey] = l
	}
	x := landed{digestOf(key.id), m.ID, seq}
	l.known[x.digest] = x
	l.order = append(l.order, x)
	a.total++
	if len(l.order) > maxLandings || a.total > maxAllLandings {
		a.dropLocked(l)
	}
}

// dropLocked forgets the oldest of a way, also in the store.
func (a *bridged) dropLocked(l *landings) {
	old := l.order[0]
	l.order = l.order[1:]
	a.total--
	if l.known[old.digest] != old {
		return // it was forgotten, or has come again
	}
	delete(l.known, old.digest)
	a.excess = append(a.excess, store.Op{Action: store.Remove, Destination: a.dest, ID: old.id, Seq: old.seq})
	if len(a.excess) >= landingPage {
		select {
		case a.surplus <- struct{}{}:
		default:
		}
	}
}

// start reads what an earlier master remembered, and begins to forget.
func (a *bridged) start() {
	if !a.loading {
		close(a.loaded)
	}
	a.b.run(a.keep)
}

func (a *bridged) keep() {
	if a.loading && !a.load() {
		return
	}
	for {
		select {
		case <-a.b.quiet:
			return
		case <-a.surplus:
		}
		a.mu.Lock()
		ops := a.excess
		a.excess = nil
		a.mu.Unlock()
		for len(ops) > 0 {
			n := min(len(ops), landingPage)
			u := &store.Unit{Ops: ops[:n:n]}
			ops = ops[n:]
			if !a.remove(u) {
				break // the next master reads it and drops it
			}
		}
	}
}

// remove waits until records are gone.
func (a *bridged) remove(u *store.Unit) bool {
	outcome := make(chan error, 1)
	a.b.began()
	u.Done = func(err error) {
		defer a.b.ended()
		outcome <- err
	}
	n := int64(len(u.Ops))
	a.b.store.Append(u)
	select {
	case err := <-outcome:
		if err == nil {
			a.stats.size.Add(-n)
		}
		return err == nil
	case <-a.b.stop:
		return false
	}
}

// load reads the records in the order of the log; false if the broker stops.
func (a *bridged) load() bool {
	for {
		a.mu.Lock()
		after, seen := a.cursor, a.visible
		a.mu.Unlock()
		entries, err := a.b.store.Page(nil, a.dest, after, jobPage, jobPageBytes)
		if err != nil {
			a.b.log.Error("cannot read from the store what other brokers have sent", "error", err)
			if !a.b.schedule.nap(retryJobs) {
				return false
			}
			continue
		}
		a.mu.Lock()
		for i := range entries {
			a.rememberLocked(entries[i].Message, entries[i].Seq)
			a.cursor = entries[i].Seq
		}
		if len(entries) == 0 {
			a.cursor = max(a.cursor, seen)
		}
		a.loading = len(entries) > 0 || a.visible > a.cursor
		done := !a.loading
		a.mu.Unlock()
		if done {
			close(a.loaded)
			return true
		}
		if a.b.stopping.Load() {
			return false
		}
	}
}
