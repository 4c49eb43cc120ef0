package journal

import (
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// loader makes an index of a snapshot, without what lay in files that are
// gone: a replay of the files that are left would not find it either.
type loader struct {
	r      *snapshotReader
	x      *index
	codec  *openwire.Store
	ends   map[uint32]int64 // of the files that are there
	gone   map[uint32]bool
	seq    uint64
	placer *placer // of a large destination's table, or nil
	// By number in the snapshot.
	numbers []uint32 // in the index
	last    []int64  // sequence

	// The file of the entry before, and where it ends; -1 if it is gone.
	file    uint32
	fileEnd int64
}

// loadIndex reads what follows the tables of files and damage.
func loadIndex(r *snapshotReader, m *snapshotMeta, files []fileView, ends map[uint32]endings, gone map[uint32]bool) *index {
	l := &loader{r: r, x: newIndex(), codec: openwire.NewStore(openwire.StoreVersion), gone: gone, seq: m.seq,
		ends: make(map[uint32]int64, len(files))}
	for _, f := range files {
		if !gone[f.number] {
			l.ends[f.number] = f.end
			l.x.file(f.number) // also if it holds nothing any more: it is not clean of what has ended
		}
	}
	l.fileEnds(ends)
	l.producers(m.producers)
	for range m.destinations {
		if r.more(); r.err != nil {
			return nil
		}
		l.destination()
	}
	for range m.exposures {
		if r.more(); r.err != nil {
			return nil
		}
		l.exposure()
	}
	for range m.prepared {
		if r.more(); r.err != nil {
			return nil
		}
		l.transaction()
	}
	l.idle()
	if r.end(); r.err != nil {
		return nil
	}
	return l.x
}

// fileEnds takes the files over that end records in others. One that is gone
// while such a file is there was not deleted by a broker.
func (l *loader) fileEnds(ends map[uint32]endings) {
	for n, t := range ends {
		if f := (endings{l.left(n, t.ends), l.left(n, t.conceals)}); len(f.ends)+len(f.conceals) > 0 {
			x := l.x.file(n)
			x.ends, x.conceals = f.ends, f.conceals
		}
	}
}

// left is what is left of the files in which n ends something.
func (l *loader) left(n uint32, targets fileList) fileList {
	targets = slices.DeleteFunc(targets, func(t uint32) bool { return l.gone[t] })
	if len(targets) > 0 && l.gone[n] {
		l.r.fail("%s is gone, and %s, in which it ends records, is not", fileName(n), fileName(targets[0]))
	}
	return targets
}

func (l *loader) producers(n uint64) {
	for range n {
		if l.r.more(); l.r.err != nil {
			return
		}
		held := l.r.uint() != 0
		id := l.r.identity()
		number, ok := l.x.producers.restore(id.producer, id.sequence, l.r.uint32(), held)
		if !ok {
			l.r.fail("a producer is there twice, or there are too many")
			return
		}
		l.numbers = append(l.numbers, number)
		l.last = append(l.last, id.sequence)
	}
}

// idle takes those for idle whose messages were all left out.
func (l *loader) idle() {
	p := &l.x.producers
	for _, n := range l.numbers {
		if k := p.known.at(n); k.entries == 0 && k.next == 0 && p.known.at(0).prev != n {
			p.link(n)
		}
	}
	for p.idle > maxIdleProducers {
		p.forget(p.known.at(0).next)
	}
}

func (l *loader) destination() {
	r := l.r
	name := r.name()
	n, subscriptions := r.count(), r.count()
	if _, twice := l.x.destinations[name]; twice {
		r.fail("destination %s is there twice", name)
	}
	if r.err != nil {
		return
	}
	d := l.x.destination(name)
	var all []handle // with 0 for what was left out; if there are subscriptions
	if n > 0 {
		d.table.slots = make([]handle, tableSize(int(n)))
	}
	l.placer = nil
	if len(d.table.slots) >= placerMin {
		l.placer = newPlacer(&d.table)
		defer l.placer.putting.Wait() // it may end early
	}
	if subscriptions > 0 {
		all = make([]handle, 0, n)
	}
	var last entry
	number := uint64(1) << 32 // of the last producer in the snapshot: none
	for i := range n {
		if r.more(); r.err != nil {
			return
		}
		h := l.entry(d, &last, &number, n-i)
		if subscriptions > 0 {
			all = append(all, h)
		}
	}
	if l.placer != nil {
		l.placer.finish()
	}
	for range subscriptions {
		if r.more(); r.err != nil {
			return
		}
		l.subscription(d, all)
	}
	if d.name.Kind.IsTopic() {
		l.unheld(d)
	}
}

// entry reads a message; rest is how many there are with it.
func (l *loader) entry(d *destination, last *entry, number *uint64, rest uint64) handle {
	r, m := l.r, *last
	flag := r.b[0]
	r.b = r.b[1:]
	step, sequence, gap, expected := uint64(1), int64(1), int64(0), int64(last.offset)+int64(last.size)
	if flag&entrySeq != 0 {
		step = r.uint()
	}
	m.seq += step
	if flag&entryProducer != 0 {
		*number = r.uint()
	}
	if flag&entrySequence != 0 {
		sequence = r.int()
	}
	if flag&entryFile != 0 {
		m.file = uint32(int64(m.file) + r.int())
		expected = 0
	}
	if flag&entryOffset != 0 {
		gap = r.int()
	}
	if flag&entrySize != 0 {
		m.size = uint32(int64(m.size) + r.int())
	}
	first, counted := uint32(0), uint32(0)
	if flag&entryUpdated != 0 {
		first = r.uint32()
	}
	m.redeliveries = 0
	if flag&entryMark != 0 {
		mark := r.uint()
		if m.priority = uint8(mark & 15); m.priority >= store.Priorities || mark>>4 > maxRedeliveries {
			r.fail("malformed message")
			return 0
		}
		if m.redeliveries = uint16(mark >> 4); m.redeliveries > 0 {
			counted = r.uint32()
		}
	}
	offset := expected + gap
	if *number >= uint64(len(l.numbers)) || step == 0 || m.seq < last.seq || m.seq > l.seq {
		r.fail("malformed message")
		return 0
	}
	l.last[*number] += sequence
	m.producer, m.sequence, m.offset = l.numbers[*number], l.last[*number], uint32(offset)
	m.holders = 0
	*last = m
	if !l.there(m.location, offset) || first != 0 && l.gone[first] {
		l.leaveOut(m.file, first)
		return 0
	}
	h := l.put(d, m, first, rest)
	if counted != 0 {
		l.x.counted[h] = counting{d, counted}
	}
	return h
}

// there reports whether a record is in a file that is not gone.
func (l *loader) there(at location, offset int64) bool {
	if at.file != l.file {
		l.file, l.fileEnd = at.file, -1
		if end, ok := l.ends[at.file]; ok {
			l.fileEnd = end
		}
	}
	if l.fileEnd >= 0 && (offset < 0 || at.size < recordHead || offset+int64(at.size) > l.fileEnd) {
		l.r.fail("a message beyond the end of %s", fileName(at.file))
	}
	return l.fileEnd >= 0
}

// leaveOut is for a message that is not taken over, because its file is gone.
func (l *loader) leaveOut(file, first uint32) {
	if !l.gone[file] {
		l.r.fail("a message in %s, which is not listed", fileName(file))
	}
	if first != 0 && l.gone[file] != l.gone[first] {
		l.r.fail("a message in %s and %s, of which one is gone", fileName(file), fileName(first))
	}
}

func (l *loader) put(d *destination, m entry, first uint32, rest uint64) handle {
	x := l.x
	h := x.slab.put(m)
	x.producers.known.at(m.producer).entries++
	if l.placer != nil {
		l.placer.add(&m, h)
	} else {
		d.table.place(&x.slab, h)
		d.table.n++
	}
	d.order.load(h, rest)
	d.levels[m.priority]++
	d.bytes += int64(m.size)
	x.file(m.file).live++
	if first != 0 {
		x.updated[h] = first
		x.file(first).live++
	}
	return h
}

// load is push where it is known how many more there are.
func (o *order) load(h handle, rest uint64) {
	last := len(o.blocks) - 1
	if last < 0 || len(o.blocks[last]) == blockSize {
		o.blocks = append(o.blocks, make([]handle, 0, min(rest, blockSize)))
		last++
	}
	o.n++
	o.blocks[last] = append(o.blocks[last], h)
}

func (l *loader) subscription(d *destination, all []handle) {
	r, x := l.r, l.x
	info, err := l.codec.Subscription(r.text())
	if err != nil {
		r.fail("subscription: %v", err)
		return
	}
	sub := &subscription{info: *info, origin: r.uint32(), latest: r.uint32(), records: r.numbers()}
	if d.subscriptions == nil {
		d.subscriptions = map[string]*subscription{}
	}
	if d.subscriptions[info.Key()] != nil || !d.name.Kind.IsTopic() {
		r.fail("subscription %s", info.Key())
	}
	sub.records = slices.DeleteFunc(sub.records, func(n uint32) bool { return l.gone[n] })
	kept := len(sub.records) > 0 // or what ended it is gone, too
	if kept {
		d.subscriptions[info.Key()] = sub
		x.file(sub.origin).pins++
		x.file(sub.latest).pins++
	}
	n := r.uint()
	if n > uint64(len(all)) {
		r.fail("subscription %s has more than its topic", info.Key())
	}
	for n > 0 && r.err == nil {
		r.more()
		skip, take := r.uint(), r.uint()
		if r.err != nil || take == 0 || take > n || skip > uint64(len(all)) || take > uint64(len(all))-skip {
			r.fail("malformed list of a subscription")
			return
		}
		for _, h := range all[skip : skip+take] {
			if h != 0 && kept {
				sub.pending.load(h, n)
				x.slab.get(h).holders++
			}
		}
		all, n = all[skip+take:], n-take
	}
}

// unheld refuses a topic's messages that no subscription wants.
func (l *loader) unheld(d *destination) {
	d.order.after(&l.x.slab, 0, func(h handle) bool {
		if l.x.slab.get(h).holders == 0 {
			l.r.fail("a message of %s that nobody waits for", d.name)
		}
		return l.r.err == nil
	})
}

// exposure reads what was exposed of a destination. Where the file that counts
// is gone, it was carried on, or did not matter any more.
func (l *loader) exposure() {
	r := l.r
	name := r.name()
	e := &exposure{segment: store.Segment(r.uint32()), file: r.uint32(), records: r.fileList()}
	if len(e.records) == 0 || (e.segment == 0) != (e.file == 0) || e.file != 0 && !e.records.has(e.file) || l.x.exposures[name] != nil {
		r.fail("what was exposed of %s", name)
	}
	if r.err != nil {
		return
	}
	if l.gone[e.file] {
		e.segment, e.file = 0, 0
	}
	e.records = slices.DeleteFunc(e.records, func(n uint32) bool { return l.gone[n] })
	for _, n := range e.records {
		if _, ok := l.ends[n]; !ok {
			r.fail("something exposed in %s, which is not listed", fileName(n))
		}
	}
	if len(e.records) > 0 {
		l.x.exposures[name] = e
	}
}

func (l *loader) priority() uint8 {
	n := l.r.uint()
	if n >= store.Priorities {
		l.r.fail("priority %d", n)
		return 0
	}
	return uint8(n)
}

func (l *loader) transaction() {
	r := l.r
	id, err := decodeTransaction(r.text())
	if err != nil {
		r.fail("transaction: %v", err)
		return
	}
	id.Connection = message.ConnectionID(string(id.Connection))
	t := &transaction{}
	for range r.count() {
		if r.more(); r.err != nil {
			return
		}
		op := heldOp{action: store.Action(r.uint()), unmatched: r.uint() != 0, priority: l.priority(), destination: r.name(), id: r.identity(),
			subscription: string(r.text()), at: location{r.uint32(), r.uint32(), r.uint32()}}
		if end, ok := l.ends[op.at.file]; !ok || int64(op.at.offset)+int64(op.at.size) > end || op.at.size < recordHead {
			r.fail("an operation of a transaction in %s, which is gone", fileName(op.at.file))
		}
		if op.action != store.Add && op.action != store.Remove && op.action != store.Acknowledge {
			r.fail("operation %d in a transaction", op.action)
		}
		t.ops = append(t.ops, op)
		l.x.file(op.at.file).pins++
	}
	l.x.prepared[id] = t
}
