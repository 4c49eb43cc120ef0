package broker

import (
	"strconv"
	"strings"
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
	maxLandings    = 1 << 14 // at one destination
	maxAllLandings = 1 << 20
	landingPage    = 256 // are forgotten in one unit
)

// bridged remembers the messages that other brokers have sent here last, so
// that one is stored once though its bridge, or the broker at either end of
// it, dies between the store here and the acknowledgement there. What is
// remembered is stored in the unit that stores the message, so that it is known
// after a failover too, whatever has become of the message.
//
// A message is known by its id and its destination; with them it is remembered
// how many hops it had made, and which broker sent it. One that comes back
// after it had gone on has made more; who has made as many, or fewer, is a
// repetition, or a copy that was left behind. A message that comes out of the
// order of its producer is none, as those of many queues on several bridges do.
// (ActiveMQ's auditNetworkProducers compares with the last sequence of the
// producer, and drops all of these.) On a topic the id is enough: its messages
// never come back, and where several ways lead here each brings them; see
// detour.go.
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
	using    sync.Mutex    // held while used becomes true
	used     atomic.Bool   // there are or were bridges; stored
	surplus  chan struct{} // capacity 1: there is something to forget
	entering entering

	mu      sync.Mutex
	known   map[message.Destination]*landings // mu
	total   int                               // mu
	flights map[flightKey]*arriving           // mu; messages whose senders have no answer yet
	excess  []store.Op                        // mu; Removes to be done
	// As of duplicates.
	loading         bool      // mu
	cursor, visible store.Seq // mu
}

// flightKey is a message at a destination.
type flightKey struct {
	dest message.Destination
	id   string
}

// landings are the last messages of one destination.
type landings struct {
	known map[digest]landed
	order []landed // the oldest first
	// forgotten are those of order that were taken out before their time.
	forgotten map[store.Seq]struct{}
}

type landed struct {
	digest digest
	way    landing
	id     message.MessageID // of the record
	seq    store.Seq
}

// landing is how a message has come.
type landing struct {
	source string // the broker that sent it
	hops   int
}

// anyHops is more than any message makes: whatever comes is a repetition.
const anyHops = 1 << 30

// arriving is a message on its way into the store.
type arriving struct {
	key     flightKey
	way     landing
	waiting []func(error) // bridged.mu; of who sends it again meanwhile
	fewest  int           // bridged.mu; hops of any copy so far
}

func (a *bridged) init(b *Broker) {
	a.place.init(b, landingQueue)
	a.policy = DefaultPolicy()
	a.producer = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 4}
	a.known, a.flights = map[message.Destination]*landings{}, map[flightKey]*arriving{}
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
	way := landing{source, len(m.BrokerPath)}
	if m.Destination.Kind.IsTopic() {
		way.source = ""
	}
	done := d.finish()
	if !m.Persistent || m.Destination.Kind.IsTemporary() {
		x, fresh := d.passes(way)
		if !fresh {
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
	l := &arriving{key: flightKey{m.Destination, m.ID.ProducerKey()}, way: way, fewest: way.hops}
	fresh, before := b.bridged.begin(l, m.BrokerPath, done)
	if before > way.hops {
		d.bypass(before)
	}
	if !fresh && !m.Destination.Kind.IsTopic() { // in a ring, each of a topic's comes twice
		b.log.Info("a message that was stored before is not stored again", "message", m.ID.String(), "destination", m.Destination.String(), "from", source)
	}
	if !fresh {
		return false
	}
	d.arrival = l
	waiting := d.done
	d.done = func(err error) {
		b.bridged.settle(l, err)
		waiting(err)
	}
	return true
}

// transient is what a message is known by that is not persistent.
func (l landing) transient(dest message.Destination, m *message.Message) digest {
	return digestOf(dest.String() + " " + l.source + " " + strconv.Itoa(l.hops) + " " + m.ID.ProducerKey())
}

// begin claims a message that is about to be stored; not fresh if it is known,
// or on its way, in which case done is called when that is over. Of a topic's
// it returns the hops that the copy had made which counts. One that is stored may
// have gone on, and be back, before its sender has its answer.
func (a *bridged) begin(l *arriving, path []message.BrokerID, done func(error)) (fresh bool, before int) {
	topic := l.key.dest.Kind.IsTopic()
	a.mu.Lock()
	was, known := a.knownLocked(l.key)
	if known && (topic || l.way.hops <= was.way.hops || a.strayLocked(path, was.way)) {
		if topic && was.way.hops != anyHops {
			before = was.way.hops
			was.way.hops = min(before, l.way.hops)
			a.known[l.key.dest].known[was.digest] = was
		}
		a.mu.Unlock()
		a.stats.copies.Add(1)
		done(nil)
		return false, before
	}
	defer a.mu.Unlock()
	if f := a.flights[l.key]; f != nil && !(known && was.way == f.way) {
		f.waiting = append(f.waiting, done)
		if topic {
			before = f.fewest
			f.fewest = min(before, l.way.hops)
		}
		return false, before
	}
	a.flights[l.key] = l
	return true, 0
}

func (a *bridged) knownLocked(k flightKey) (landed, bool) {
	l := a.known[k.dest]
	if l == nil {
		return landed{}, false
	}
	was, known := l.known[digestOf(k.id)]
	return was, known
}

// strayLocked reports whether a message was where an earlier one came here from,
// and went on from there to another broker: it is a copy, made because the
// answer of this broker or of that other was lost.
func (a *bridged) strayLocked(path []message.BrokerID, earlier landing) bool {
	n := earlier.hops
	if n < 1 || n >= len(path) || a.b.peers.name(path[n-1]) != earlier.source {
		return false
	}
	next := a.b.peers.name(path[n])
	return next != "" && next != a.b.name
}

// settle ends what begin has begun; l may be nil, and may be settled already.
func (a *bridged) settle(l *arriving, err error) {
	if l == nil {
		return
	}
	a.mu.Lock()
	if a.flights[l.key] == l {
		delete(a.flights, l.key)
	}
	waiting := l.waiting
	l.waiting = nil
	a.mu.Unlock()
	for _, done := range waiting {
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
func (a *bridged) record(l *arriving) *message.Message {
	m := a.note()
	m.Properties, _ = message.AppendProperties(nil, message.Properties{ // strings can always be encoded
		{Name: landingSource, Value: l.way.source}, {Name: landingPlace, Value: l.key.dest.String()},
		{Name: landingID, Value: strconv.Itoa(l.way.hops) + " " + l.key.id},
	})
	return m
}

// note is an empty record.
func (a *bridged) note() *message.Message {
	now := a.b.nowMS()
	return &message.Message{
		Persistent: true, Priority: 4, Destination: landingQueue, Producer: a.producer, Timestamp: now, BrokerInTime: now,
		ID: message.MessageID{Producer: a.producer, ProducerSequence: a.serial.Add(1), BrokerSequence: a.b.sequence.Add(1)},
	}
}

func landingOf(m *message.Message) (l arriving, ok bool) {
	source, ok1 := text(m, landingSource)
	dest, ok2 := text(m, landingPlace)
	id, ok3 := text(m, landingID)
	count, id, ok4 := strings.Cut(id, " ")
	hops, err := strconv.Atoi(count)
	key := flightKey{message.ParseDestination(dest, message.Queue), id}
	return arriving{key: key, way: landing{source, hops}}, ok1 && ok2 && ok3 && ok4 && err == nil
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
	arrived, ok := landingOf(m)
	if !ok {
		return // it says only that there are bridges
	}
	l := a.known[arrived.key.dest]
	if l == nil {
		l = &landings{known: map[digest]landed{}, forgotten: map[store.Seq]struct{}{}}
		a.known[arrived.key.dest] = l
	}
	x := landed{digestOf(arrived.key.id), arrived.way, m.ID, seq}
	l.known[x.digest] = x
	l.order = append(l.order, x)
	a.total++
	if len(l.order) > maxLandings || a.total > maxAllLandings {
		a.dropLocked(l)
	}
}

// dropLocked forgets the oldest of a destination, also in the store.
func (a *bridged) dropLocked(l *landings) {
	old := l.order[0]
	l.order = l.order[1:]
	a.total--
	if _, gone := l.forgotten[old.seq]; gone {
		delete(l.forgotten, old.seq)
		return
	}
	if l.known[old.digest].seq == old.seq {
		delete(l.known, old.digest)
	}
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
