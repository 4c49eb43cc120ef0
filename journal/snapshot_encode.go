package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// The layout of a snapshot; FORMAT.md has the whole of it.
const (
	snapshotMagic   = "conclave snapshot 3\n"
	sectionHead     = 8       // uint32 length, uint32 CRC-32C
	sectionTarget   = 1 << 20 // a section ends with the item that exceeds it
	maxSection      = 8 << 20
	maxSnapshotText = 1 << 20 // a name, or a subscription
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Bits of the byte that an entry begins with: what follows is not what the
// entry before lets expect.
const (
	entrySeq      = 1 << iota // seq is not one higher
	entryProducer             // another producer
	entrySequence             // its sequence is not one higher than its last
	entryFile                 // another file
	entryOffset               // does not begin where the record before ended
	entrySize                 // another size
	entryUpdated              // has been updated: the file of its first record
	entryMark                 // another priority, or redeliveries that are recorded
)

// snapshotEncoder writes a view in sections. The first error ends it.
type snapshotEncoder struct {
	write    func(section []byte) error
	b        []byte // the section that is being made, head included
	err      error
	sections uint64
	total    int64
	codec    *openwire.Store
	numbers  []uint32 // of producers here, by theirs in the index
	last     []int64  // sequence by number here
}

// encodeSnapshot writes v. Each section is given to write whole.
func encodeSnapshot(v *view, at time.Time, write func(section []byte) error) (total int64, err error) {
	e := &snapshotEncoder{write: write, codec: openwire.NewStore(openwire.StoreVersion)}
	e.begin()
	e.meta(v, at)
	for i := range v.files {
		e.file(&v.files[i], v.ends[v.files[i].number])
	}
	for _, d := range v.damage {
		e.text(d.File)
		e.ints(d.Offset, d.Length)
		e.text(d.Reason)
		e.item()
	}
	e.producers(v)
	for i := range v.contents {
		e.destination(v, &v.contents[i])
	}
	for i := range v.exposures {
		e.exposure(&v.exposures[i])
	}
	for id, t := range v.prepared {
		e.transaction(id, t)
	}
	e.flush()
	e.flush() // an empty section is the end
	return e.total, e.err
}

func (e *snapshotEncoder) begin() { e.b = append(e.b[:0], make([]byte, sectionHead)...) }

// flush ends a section. The first is preceded by the magic.
func (e *snapshotEncoder) flush() {
	if e.err != nil {
		return
	}
	payload := e.b[sectionHead:]
	if len(payload) > maxSection {
		e.err = fmt.Errorf("%w: a section of %d bytes", errSnapshot, len(payload))
		return
	}
	binary.BigEndian.PutUint32(e.b, uint32(len(payload)))
	binary.BigEndian.PutUint32(e.b[4:], crc32.Checksum(payload, castagnoli))
	b := e.b
	if e.sections == 0 {
		b = append([]byte(snapshotMagic), b...)
	}
	e.sections++
	e.total += int64(len(b))
	e.err = e.write(b)
	e.begin()
}

// item ends an item, which no two sections share.
func (e *snapshotEncoder) item() {
	if len(e.b) >= sectionTarget {
		e.flush()
	}
}

func (e *snapshotEncoder) uints(values ...uint64) {
	for _, v := range values {
		e.b = binary.AppendUvarint(e.b, v)
	}
}

func (e *snapshotEncoder) ints(values ...int64) {
	for _, v := range values {
		e.b = binary.AppendVarint(e.b, v)
	}
}

func (e *snapshotEncoder) text(s string) {
	if len(s) > maxSnapshotText && e.err == nil {
		e.err = fmt.Errorf("%w: a text of %d bytes", errSnapshot, len(s))
	}
	e.uints(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *snapshotEncoder) meta(v *view, at time.Time) {
	e.ints(at.UnixMilli())
	e.uints(uint64(v.position), uint64(v.mark.end), v.mark.digest, v.epoch, v.seq)
	e.ints(v.sequence)
	used := v.producers.idle
	for n := uint32(1); n < v.producers.next; n++ {
		if v.producers.known.at(n).entries > 0 {
			used++
		}
	}
	e.uints(uint64(v.entries.live), uint64(len(v.files)), uint64(len(v.damage)), uint64(used),
		uint64(len(v.contents)), uint64(len(v.exposures)), uint64(len(v.prepared)))
	e.flush() // by itself, to be read alone
}

func (e *snapshotEncoder) file(f *fileView, t endings) {
	e.uints(uint64(f.number), uint64(f.end), f.fingerprint)
	if f.head == nil {
		e.uints(0)
	} else {
		e.uints(1, f.head.epoch, uint64(f.head.first), uint64(f.head.after), uint64(f.head.seal))
	}
	e.numbersList(t.ends)
	e.numbersList(t.conceals)
	e.item()
}

func (e *snapshotEncoder) numbersList(numbers []uint32) {
	e.uints(uint64(len(numbers)))
	for _, n := range numbers {
		e.uints(uint64(n))
	}
}

// producers writes those with messages, then the idle ones, the oldest first.
func (e *snapshotEncoder) producers(v *view) {
	e.numbers = make([]uint32, v.producers.next)
	for n := uint32(1); n < v.producers.next; n++ {
		if k := v.producers.known.at(n); k.entries > 0 {
			e.producer(n, k)
		}
	}
	for n := v.producers.known.at(0).next; n != 0; n = v.producers.known.at(n).next {
		e.producer(n, v.producers.known.at(n))
	}
}

func (e *snapshotEncoder) producer(n uint32, k *producer) {
	e.numbers[n] = uint32(len(e.last))
	e.last = append(e.last, k.last)
	held := uint64(0)
	if k.entries > 0 {
		held = 1
	}
	e.uints(held)
	e.identity(identity{k.id, k.last})
	e.uints(uint64(k.file))
	e.item()
}

func (e *snapshotEncoder) identity(id identity) {
	e.text(string(id.producer.Connection))
	e.ints(id.producer.Session, id.producer.Value, id.sequence)
}

func (e *snapshotEncoder) name(d message.Destination) {
	e.uints(uint64(d.Kind))
	e.text(d.Name)
}

func (e *snapshotEncoder) destination(v *view, d *destinationView) {
	e.name(d.name)
	e.uints(uint64(d.order.n), uint64(len(d.subscriptions)))
	e.item()
	var last entry
	for _, block := range d.order.blocks {
		for _, h := range block {
			m := v.entries.get(h)
			counted := uint32(0)
			if m.redeliveries != 0 {
				counted = v.counted[h].file
			}
			e.entry(m, &last, v.updated[h], counted)
			last = *m
			e.item()
		}
		if e.err != nil {
			return
		}
	}
	for i := range d.subscriptions {
		e.subscription(v, d, &d.subscriptions[i])
	}
}

// entry writes a message with the help of the one before.
func (e *snapshotEncoder) entry(m, last *entry, updated, counted uint32) {
	control := len(e.b)
	e.b = append(e.b, 0)
	flag := byte(0)
	if m.seq != last.seq+1 {
		flag |= entrySeq
		e.b = binary.AppendUvarint(e.b, m.seq-last.seq)
	}
	if m.producer != last.producer {
		flag |= entryProducer
		e.b = binary.AppendUvarint(e.b, uint64(e.numbers[m.producer]))
	}
	if p := &e.last[e.numbers[m.producer]]; m.sequence != *p+1 {
		flag |= entrySequence
		e.b = binary.AppendVarint(e.b, m.sequence-*p)
	}
	e.last[e.numbers[m.producer]] = m.sequence
	expected := last.offset + last.size
	if m.file != last.file {
		flag |= entryFile
		e.b = binary.AppendVarint(e.b, int64(m.file)-int64(last.file))
		expected = 0
	}
	if m.offset != expected {
		flag |= entryOffset
		e.b = binary.AppendVarint(e.b, int64(m.offset)-int64(expected))
	}
	if m.size != last.size {
		flag |= entrySize
		e.b = binary.AppendVarint(e.b, int64(m.size)-int64(last.size))
	}
	if updated != 0 {
		flag |= entryUpdated
		e.b = binary.AppendUvarint(e.b, uint64(updated))
	}
	if m.priority != last.priority || m.redeliveries != 0 {
		flag |= entryMark
		e.b = binary.AppendUvarint(e.b, uint64(m.redeliveries)<<4|uint64(m.priority))
		if m.redeliveries != 0 {
			e.b = binary.AppendUvarint(e.b, uint64(counted))
		}
	}
	e.b[control] = flag
}

// subscription writes what it has pending as runs of the destination's order:
// how many messages to leave out, and how many to take.
func (e *snapshotEncoder) subscription(v *view, d *destinationView, s *subscription) {
	info, err := e.codec.AppendSubscription(nil, &s.info)
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("encode subscription %s: %w", s.info.Key(), err)
	}
	e.text(string(info))
	e.uints(uint64(s.origin), uint64(s.latest))
	e.numbersList(s.records)
	e.uints(uint64(s.pending.n))
	e.item()
	pending := cursor{o: &s.pending}
	skipped, taken := uint64(0), uint64(0)
	for all := (cursor{o: &d.order}); ; {
		h, p := all.get(), pending.get()
		if p == 0 || h == 0 {
			break
		}
		if all.advance(); h == p {
			pending.advance()
			taken++
			continue
		}
		if taken > 0 {
			e.uints(skipped, taken)
			e.item()
			skipped, taken = 0, 0
		}
		skipped++
	}
	if taken > 0 {
		e.uints(skipped, taken)
	}
	if pending.get() != 0 && e.err == nil {
		e.err = fmt.Errorf("%w: subscription %s has what its topic has not", errSnapshot, s.info.Key())
	}
	e.item()
}

func (e *snapshotEncoder) exposure(v *exposureView) {
	e.name(v.name)
	e.uints(uint64(v.segment), uint64(v.file))
	e.numbersList(v.records)
	e.item()
}

func (e *snapshotEncoder) transaction(id message.TransactionID, t *transaction) {
	e.text(string(appendTransaction(nil, id)))
	e.uints(uint64(len(t.ops)))
	e.item()
	for i := range t.ops {
		op := &t.ops[i]
		unmatched := uint64(0)
		if op.unmatched {
			unmatched = 1
		}
		e.uints(uint64(op.action), unmatched, uint64(op.priority))
		e.name(op.destination)
		e.identity(op.id)
		e.text(op.subscription)
		e.uints(uint64(op.at.file), uint64(op.at.offset), uint64(op.at.size))
		e.item()
	}
}

// cursor walks an order.
type cursor struct {
	o        *order
	block, i int
}

// get returns the entry that it stands at, 0 at the end.
func (c *cursor) get() handle {
	if c.block == len(c.o.blocks) {
		return 0
	}
	return c.o.blocks[c.block][c.i]
}

func (c *cursor) advance() {
	if c.i++; c.i == len(c.o.blocks[c.block]) {
		c.block, c.i = c.block+1, 0
	}
}

// tableSize is the length of a table for n entries.
func tableSize(n int) int {
	return max(minTable, 1<<bits.Len(uint((n*8+6)/7-1)))
}
