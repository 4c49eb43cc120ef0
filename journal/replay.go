package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// replayer builds an index from files, record by record. (ActiveMQ:
// MessageDatabase.recover)
type replayer struct {
	x        *index
	log      *slog.Logger
	exists   func(file uint32) bool
	codec    *openwire.Store
	seq      uint64
	records  int
	epoch    uint64 // highest seen
	newest   uint32 // file with a record
	foreign  uint32 // newest file with a record that only ActiveMQ writes
	inflight map[message.TransactionID]*transaction
	damage   []Damage

	file uint32 // being read
	c    command

	// What the last records named, to save looking it up.
	destination *destination
	transaction []byte
	current     *transaction
	producers   map[string]message.ProducerID

	// recent are the newest adds, for LastBrokerSequence.
	recent     [recentAdds]location
	recentNext int

	// For a follower, whose files may go while it reads others.
	roster         roster
	acknowledged   func(c *command, at location) // is told of subscriptions' acknowledgements; may be nil
	duplicates     int                           // adds that were ignored
	forwarded      map[uint32]*forwarded         // files of compacted acknowledgements
	brokerSequence int64                         // the highest of messages that have been looked at
	stamp          stamp                         // of the newest rewritten file that was read
	replaced       []uint32                      // files that were rewritten, as the log says; the newest
}

const (
	recentAdds = 256
	// maxKnownProducers bounds the replayer's memory of producers' texts.
	maxKnownProducers = 10_000
	// maxReplaced bounds what a replay remembers of rewritten files. A follower
	// looks at them in every pass, and at all files when it is promoted.
	maxReplaced = 10_000
)

func newReplayer(x *index, log *slog.Logger, exists func(uint32) bool) *replayer {
	return &replayer{
		x: x, log: log, exists: exists,
		codec:     openwire.NewStore(openwire.StoreVersion),
		inflight:  map[message.TransactionID]*transaction{},
		producers: map[string]message.ProducerID{},
		forwarded: map[uint32]*forwarded{},
	}
}

// replay replays the next file that is read ahead, and returns where its last
// batch ends.
func (r *replayer) replay(a *ahead, number uint32) (end int64, err error) {
	r.file = number
	for last := false; !last; {
		p := <-a.pieces
		a.progress.add(int64(len(p.buf)))
		for i := range p.found {
			f := &p.found[i]
			if f.damage != nil {
				r.report(*f.damage)
				continue
			}
			r.batch(f.offset, f.payload)
			end = f.offset + int64(len(f.payload))
		}
		last, err = p.last, p.err
		a.release(p)
	}
	return end, err
}

func (r *replayer) report(d Damage) {
	r.damage = append(r.damage, d)
	if d.Tail {
		r.log.Warn("journal ends in an incomplete write; it is cut off",
			"file", d.File, "offset", d.Offset, "bytes", d.Length, "reason", d.Reason)
		return
	}
	if d.Doubtful {
		r.log.Warn("journal may be damaged", "file", d.File, "files", d.Missing, "bytes", d.Length, "reason", d.Reason)
		return
	}
	r.log.Error("journal is damaged; the rest is served",
		"file", d.File, "offset", d.Offset, "bytes", d.Length, "reason", d.Reason)
}

func (r *replayer) batch(offset int64, payload []byte) {
	for len(payload) > 0 {
		kind, record, rest, ok := nextRecord(payload)
		if !ok {
			return
		}
		if kind == userRecord {
			r.records++
			r.newest = r.file
			at := location{r.file, uint32(offset), uint32(len(record))}
			err := decodeCommand(record[recordHead:], &r.c)
			if err == nil && !r.copied(&r.c, at.offset) {
				err = r.apply(&r.c, at)
			}
			if err != nil {
				r.report(Damage{File: fileName(r.file), Offset: offset, Length: int64(len(record)), Reason: err.Error()})
			}
		}
		offset += int64(len(record))
		payload = rest
	}
}

func (r *replayer) apply(c *command, at location) error {
	switch c.kind {
	case entryTrace:
		r.trace(c, at)
	case entryAdd:
		return r.add(c, at)
	case entryRemove:
		return r.remove(c, at)
	case entryUpdate:
		return r.update(c, at)
	case entryPrepare, entryCommit, entryRollback:
		return r.outcome(c, at)
	case entryRemoveDestination:
		r.x.conceal(message.Destination{Kind: c.destination.kind, Name: string(c.destination.name)}, at.file)
		if d := r.lookup(c.destination); d != nil {
			r.x.removeDestination(d, at.file)
			r.destination = nil
		}
	case entrySubscription:
		return r.subscription(c, at)
	case entryProducerAudit, entryAckFileMap:
		r.foreign = at.file
	case entryRewrittenFile:
		r.foreign = at.file
		r.forwarded[at.file] = &forwarded{mark: at.offset, source: c.source, there: c.skipIfSource && r.exists(c.source)}
	}
	return nil
}

func (r *replayer) trace(c *command, at location) {
	if !bytes.HasPrefix(c.text, []byte(tracePrefix)) {
		r.foreign = at.file
		r.roster.foreign = true
		return
	}
	text := string(c.text)
	if r.roster.note(at.file, text) {
		return
	}
	if h, ok := parseFileHead(text); ok {
		r.epoch = max(r.epoch, h.epoch)
	} else if d, segment, ok := parseExposed(text); ok {
		r.x.expose(d, segment, at.file)
	} else if d, id, n, ok := parseRedelivered(text); ok {
		r.recount(d, id, n, at)
	} else if producer, sequence, ok := parseSequence(text); ok {
		r.x.producers.note(r.x.producers.number(producer), sequence, at.file)
	} else if s, ok := parseStamp(text); ok {
		r.stamp = s
	} else if number, ok := parseReplaced(text); ok && len(r.replaced) < maxReplaced {
		r.replaced = append(r.replaced, number)
	}
}

func (r *replayer) recount(name message.Destination, id identity, redeliveries int32, at location) {
	if d := r.x.destinations[name]; d != nil {
		if h := r.x.find(d, id); h != 0 {
			r.x.recount(d, h, redeliveries, at.file)
		}
	}
}

// lookup returns a destination, or nil.
func (r *replayer) lookup(name destinationName) *destination {
	if d := r.destination; d != nil && d.name.Kind == name.kind && d.name.Name == string(name.name) {
		return d
	}
	d := r.x.destinations[message.Destination{Kind: name.kind, Name: string(name.name)}]
	if d != nil {
		r.destination = d
	}
	return d
}

// obtain is lookup that makes the destination.
func (r *replayer) obtain(name destinationName) *destination {
	d := r.lookup(name)
	if d == nil {
		d = r.x.destination(message.Destination{Kind: name.kind, Name: string(name.name)})
		r.destination = d
	}
	return d
}

// identity reads a producer key, which is "connection:session:producer:n". A
// text of another form is an identity of its own.
func (r *replayer) identity(text []byte) identity {
	i := bytes.LastIndexByte(text, ':')
	if i < 0 {
		return identity{producer: message.ProducerID{Connection: message.ConnectionID(text)}, sequence: -1}
	}
	sequence, err := strconv.ParseInt(string(text[i+1:]), 10, 64)
	if err != nil {
		return identity{producer: message.ProducerID{Connection: message.ConnectionID(text)}, sequence: -1}
	}
	producer, ok := r.producers[string(text[:i])]
	if !ok {
		key := string(text[:i])
		if producer, err = message.ParseProducerID(key); err != nil {
			producer = message.ProducerID{Connection: message.ConnectionID(key)}
		}
		if len(r.producers) >= maxKnownProducers {
			clear(r.producers)
		}
		r.producers[key] = producer
	}
	return identity{producer, sequence}
}

func (r *replayer) add(c *command, at location) error {
	d, id := r.obtain(c.destination), r.identity(c.id)
	r.recent[r.recentNext%recentAdds] = at
	r.recentNext++
	if c.transaction != nil {
		return r.hold(c, heldOp{action: store.Add, destination: d.name, id: id, at: at, priority: r.priority(c)})
	}
	r.seq++
	if !r.x.add(d, id, at, r.seq, r.priority(c)) {
		r.duplicates++
		warnDuplicate(r.log, d.name, id)
	}
	return nil
}

// priority is an add's: of the record, or else of the message itself.
func (r *replayer) priority(c *command) uint8 {
	if c.priority >= 0 {
		return uint8(c.priority)
	}
	m, err := r.codec.Message(c.body)
	if err != nil {
		return defaultPriority
	}
	return store.Priority(m)
}

// defaultPriority is JMS's.
const defaultPriority = 4

func warnDuplicate(log *slog.Logger, d message.Destination, id identity) {
	log.Warn("duplicate message ignored", "destination", d.String(),
		"message", id.producer.String()+":"+strconv.FormatInt(id.sequence, 10))
}

func (r *replayer) remove(c *command, at location) error {
	action := store.Remove
	if c.subscription != nil {
		action = store.Acknowledge
		if r.acknowledged != nil {
			r.acknowledged(c, at)
		}
	}
	d, id := r.lookup(c.destination), r.identity(c.id)
	if c.transaction != nil {
		if d == nil {
			d = r.obtain(c.destination)
		}
		return r.hold(c, heldOp{action: action, unmatched: c.ack != nil && len(c.ack) == 0, id: id, at: at,
			destination: d.name, subscription: string(c.subscription)})
	}
	if d == nil {
		return nil
	}
	if h := r.x.find(d, id); h != 0 && action == store.Remove {
		r.x.remove(d, h, at.file)
	} else if h != 0 {
		r.x.acknowledge(d, string(c.subscription), h, at.file)
	}
	return nil
}

func (r *replayer) update(c *command, at location) error {
	d, id := r.obtain(c.destination), r.identity(c.id)
	if h := r.x.find(d, id); h != 0 {
		r.x.update(d, h, at)
		return nil
	}
	r.seq++
	r.x.add(d, id, at, r.seq, r.priority(c))
	return nil
}

func (r *replayer) subscription(c *command, at location) error {
	key := string(c.subscription)
	if c.info == nil {
		if d := r.lookup(c.destination); d != nil {
			r.x.unsubscribe(d, key, at.file)
			r.destination = nil
		}
		return nil
	}
	info, err := r.codec.Subscription(c.info)
	if err != nil {
		return fmt.Errorf("subscription %q: %w", key, err)
	}
	r.x.subscribe(r.obtain(c.destination), key, *info, c.retroactive, at.file)
	return nil
}

// hold keeps an operation until its transaction ends.
func (r *replayer) hold(c *command, op heldOp) error {
	if r.current == nil || !bytes.Equal(c.transaction, r.transaction) {
		id, err := decodeTransaction(c.transaction)
		if err != nil {
			return err
		}
		if r.current = r.inflight[id]; r.current == nil {
			r.current = &transaction{}
			r.inflight[id] = r.current
		}
		r.transaction = append(r.transaction[:0], c.transaction...)
	}
	r.current.ops = append(r.current.ops, op)
	return nil
}

func (r *replayer) outcome(c *command, at location) error {
	id, err := decodeTransaction(c.transaction)
	if err != nil {
		return err
	}
	t := r.inflight[id]
	delete(r.inflight, id)
	r.current = nil
	switch {
	case c.kind == entryPrepare:
		if t != nil {
			r.x.prepare(id, t, at.file)
		}
		return nil
	case t == nil:
		t = r.x.prepared[id]
		r.x.forget(id, at.file)
	}
	if c.kind == entryRollback || t == nil {
		return nil
	}
	r.destination = nil
	duplicates := r.x.commit(t, at.file, func(int) uint64 { r.seq++; return r.seq })
	if duplicates > 0 {
		r.duplicates += duplicates
		r.log.Warn("duplicate messages ignored", "transaction", id.String(), "messages", duplicates)
	}
	return nil
}
