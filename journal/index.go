package journal

import (
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// index says what the journal holds and where. It changes only by records, in
// log order, the same ones live and on replay: an index equals a replay of
// the files. Journal.indexMu guards it.
type index struct {
	slab         slab
	producers    producers
	destinations map[message.Destination]*destination
	exposures    map[message.Destination]*exposure
	files        map[uint32]*fileUse
	// updated maps the entries whose record is an update to the file of their
	// first one, which keeps their place in the order.
	updated map[handle]uint32
	// repeated maps entries to the files that hold other adds of them, which
	// were ignored: what ends the message has to outlive those too.
	repeated map[handle][]uint32
	// counted maps the entries whose redeliveries were recorded to the file of
	// the newest record.
	counted  map[handle]counting
	prepared map[message.TransactionID]*transaction
	// recovered is the highest seq that replay gave.
	recovered uint64
}

// fileUse says what keeps a file from being deleted.
type fileUse struct {
	live int      // messages whose record it holds
	pins int      // subscriptions, and operations of prepared transactions
	ends fileList // whose records are ended by records in this one
	// conceals are files with records of exposures that records in this one
	// end. They are apart, since removals here have nothing to do with them.
	conceals fileList
	compacted
}

// counting is where the redeliveries of a message are recorded.
type counting struct {
	d    *destination
	file uint32
}

// destination is a queue or topic.
type destination struct {
	name          message.Destination
	order         order
	table         table
	bytes         int64                    // of records
	levels        [store.Priorities]uint32 // messages by priority
	subscriptions map[string]*subscription
	flagged       store.Segment // how far it had been exposed at recovery
}

// subscription is a durable subscription of a topic.
type subscription struct {
	info    message.SubscriptionInfo
	pending order
	// origin is the file of the record since which messages are kept for it,
	// latest that of its newest record. Both are pinned.
	origin, latest uint32
	// records are the files of all its records: its end must outlive them.
	records []uint32
}

func newIndex() *index {
	return &index{
		producers:    newProducers(),
		destinations: map[message.Destination]*destination{},
		exposures:    map[message.Destination]*exposure{},
		files:        map[uint32]*fileUse{},
		updated:      map[handle]uint32{},
		repeated:     map[handle][]uint32{},
		counted:      map[handle]counting{},
		prepared:     map[message.TransactionID]*transaction{},
	}
}

func (x *index) file(n uint32) *fileUse {
	f := x.files[n]
	if f == nil {
		f = &fileUse{}
		x.files[n] = f
	}
	return f
}

// end notes that a record in file ends one in target, so that file must stay
// as long as target does.
func (x *index) end(file, target uint32) {
	if file == target {
		return
	}
	f := x.file(file)
	f.ends = f.ends.with(target)
}

// destination returns the named destination, made if it is not there.
func (x *index) destination(name message.Destination) *destination {
	d := x.destinations[name]
	if d == nil {
		d = &destination{name: name}
		x.destinations[name] = d
	}
	return d
}

// identity is the key of a message.
type identity struct {
	producer message.ProducerID
	sequence int64
}

// find returns the entry of a message, or 0.
func (x *index) find(d *destination, id identity) handle {
	n, ok := x.producers.numbers[id.producer]
	if !ok {
		return 0
	}
	return d.table.find(&x.slab, n, id.sequence)
}

// add stores a message. It reports false for a duplicate; a topic message
// without subscriptions is not kept either, but that is no duplicate.
func (x *index) add(d *destination, id identity, at location, seq uint64, priority uint8) bool {
	n := x.producers.number(id.producer)
	x.producers.note(n, id.sequence, at.file)
	if d.name.Kind.IsTopic() && len(d.subscriptions) == 0 {
		return true
	}
	if h := d.table.find(&x.slab, n, id.sequence); h != 0 {
		x.repeat(h, at.file)
		return false
	}
	h := x.slab.put(entry{seq: seq, sequence: id.sequence, producer: n, location: at, holders: uint32(len(d.subscriptions)), priority: priority})
	x.producers.hold(n)
	d.table.insert(&x.slab, h)
	d.order.push(h)
	d.levels[priority]++
	for _, sub := range d.subscriptions {
		sub.pending.push(h)
	}
	d.bytes += int64(at.size)
	x.file(at.file).live++
	return true
}

// remove forgets a message because of a record in file.
func (x *index) remove(d *destination, h handle, file uint32) {
	e := x.slab.get(h)
	if e.holders > 0 {
		for _, sub := range d.subscriptions {
			sub.pending.remove(&x.slab, e.seq)
		}
	}
	d.order.remove(&x.slab, e.seq)
	d.levels[e.priority]--
	d.table.remove(&x.slab, h)
	d.bytes -= int64(e.size)
	x.drop(h, file)
}

// drop frees an entry that no list holds any more.
func (x *index) drop(h handle, file uint32) {
	e := x.slab.get(h)
	f := x.file(e.file)
	f.live--
	f.deaths++
	x.end(file, e.file)
	if first, ok := x.updated[h]; ok {
		f := x.file(first)
		f.live--
		f.deaths++
		x.end(file, first)
		delete(x.updated, h)
	}
	x.endRepeated(h, file)
	delete(x.repeated, h)
	delete(x.counted, h)
	x.producers.release(e.producer)
	x.slab.drop(h)
}

// acknowledge takes a subscription's hold off a message.
func (x *index) acknowledge(d *destination, key string, h handle, file uint32) {
	sub := d.subscriptions[key]
	if sub == nil {
		return
	}
	e := x.slab.get(h)
	if !sub.pending.remove(&x.slab, e.seq) {
		return
	}
	x.end(file, e.file)
	if first, ok := x.updated[h]; ok {
		x.end(file, first)
	}
	x.endRepeated(h, file)
	e = x.slab.edit(h)
	if e.holders--; e.holders == 0 {
		x.remove(d, h, file)
	}
}

// repeat notes an add of a stored message in another file.
func (x *index) repeat(h handle, file uint32) {
	if e := x.slab.get(h); e.file != file && !slices.Contains(x.repeated[h], file) {
		x.repeated[h] = append(x.repeated[h], file)
	}
}

func (x *index) endRepeated(h handle, file uint32) {
	if len(x.repeated) == 0 {
		return
	}
	for _, n := range x.repeated[h] {
		x.end(file, n)
	}
}

// update moves a message to a newer record.
func (x *index) update(d *destination, h handle, at location) {
	e := x.slab.get(h)
	if _, again := x.updated[h]; again {
		f := x.file(e.file)
		f.live--
		f.deaths++
		x.end(at.file, e.file)
	} else {
		x.updated[h] = e.file
	}
	x.file(at.file).live++
	d.bytes += int64(at.size) - int64(e.size)
	x.slab.edit(h).location = at
}

// subscribe makes or changes a subscription because of a record in file.
func (x *index) subscribe(d *destination, key string, info message.SubscriptionInfo, retroactive bool, file uint32) {
	sub := d.subscriptions[key]
	if sub == nil {
		sub = &subscription{origin: file, latest: file}
		x.file(file).pins += 2
		if d.subscriptions == nil {
			d.subscriptions = map[string]*subscription{}
		}
		d.subscriptions[key] = sub
		if retroactive {
			d.order.after(&x.slab, 0, func(h handle) bool {
				sub.pending.push(h)
				x.slab.edit(h).holders++
				return true
			})
		}
	}
	sub.info = info
	if !slices.Contains(sub.records, file) {
		sub.records = append(sub.records, file)
	}
	x.move(&sub.latest, file)
	if sub.pending.n == 0 {
		x.move(&sub.origin, file)
	}
}

// move takes a pin from one file to another.
func (x *index) move(pin *uint32, file uint32) {
	x.file(*pin).pins--
	x.file(file).pins++
	*pin = file
}

// unsubscribe deletes a subscription because of a record in file; the last
// one takes the topic with it.
func (x *index) unsubscribe(d *destination, key string, file uint32) {
	sub := d.subscriptions[key]
	if sub == nil {
		return
	}
	delete(d.subscriptions, key)
	x.unpin(sub, file)
	sub.pending.after(&x.slab, 0, func(h handle) bool {
		e := x.slab.edit(h)
		if e.holders > 1 {
			e.holders--
			x.end(file, e.file)
			return true
		}
		e.holders = 0
		x.remove(d, h, file)
		return true
	})
	if len(d.subscriptions) == 0 {
		x.removeDestination(d, file)
	}
}

func (x *index) unpin(sub *subscription, file uint32) {
	x.file(sub.origin).pins--
	x.file(sub.latest).pins--
	for _, n := range sub.records {
		x.end(file, n)
	}
}

// removeDestination deletes a destination because of a record in file, but for
// what was exposed of it.
func (x *index) removeDestination(d *destination, file uint32) {
	for _, sub := range d.subscriptions {
		x.unpin(sub, file)
	}
	d.order.after(&x.slab, 0, func(h handle) bool {
		x.drop(h, file)
		return true
	})
	delete(x.destinations, d.name)
}

// recount notes how often a message was given back, because of a record in
// file.
func (x *index) recount(d *destination, h handle, redeliveries int32, file uint32) {
	x.slab.edit(h).redeliveries = uint16(min(max(redeliveries, 0), maxRedeliveries))
	x.counted[h] = counting{d, file}
}

// maxRedeliveries bounds the counter that is kept.
const maxRedeliveries = 1<<16 - 1
