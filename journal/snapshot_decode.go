package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
)

// snapshotMeta is what a snapshot begins with.
type snapshotMeta struct {
	at       time.Time
	position uint32
	mark     mark
	epoch    uint64
	seq      uint64
	sequence int64 // the broker's
	messages uint64
	files    uint64
	damage   uint64
	// The numbers of what follows.
	producers, destinations, exposures, prepared uint64
}

// snapshotReader reads a snapshot section by section. Nothing it reads is
// trusted further than its bytes go: a count of items is never more than there
// are bytes left. The first error ends it.
type snapshotReader struct {
	file    vfs.File
	size    int64
	offset  int64  // of the next section
	section []byte // its buffer
	b       []byte // what is left of the section
	err     error
	onRead  func(n int64) // told of every section; may be nil
}

// newSnapshotReader checks the magic and reads what the snapshot stands for.
func newSnapshotReader(file vfs.File) (*snapshotReader, snapshotMeta) {
	r := &snapshotReader{file: file}
	if r.size, r.err = file.Size(); r.err != nil {
		return r, snapshotMeta{}
	}
	magic := make([]byte, len(snapshotMagic))
	if n, _ := file.ReadAt(magic, 0); string(magic[:n]) != snapshotMagic {
		r.fail("it is none, or of another version")
		return r, snapshotMeta{}
	}
	r.offset = int64(len(magic))
	return r, r.meta()
}

func (r *snapshotReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s, before offset %d", errSnapshot, fmt.Sprintf(format, args...), r.offset)
	}
}

// more reads the next section when the one before is used up. It is for where
// an item must follow.
func (r *snapshotReader) more() {
	if len(r.b) > 0 || r.err != nil {
		return
	}
	if r.next(); len(r.b) == 0 {
		r.fail("items are missing")
	}
}

// next reads a section; an empty one is the end.
func (r *snapshotReader) next() {
	var head [sectionHead]byte
	if n, err := r.file.ReadAt(head[:], r.offset); n < len(head) {
		r.broken(err)
		return
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n > maxSection || n > r.size-r.offset-sectionHead {
		r.fail("a section of %d bytes", n)
		return
	}
	if int64(cap(r.section)) < n {
		r.section = make([]byte, n)
	}
	r.b = r.section[:n]
	if got, err := r.file.ReadAt(r.b, r.offset+sectionHead); got < len(r.b) {
		r.broken(err)
		return
	}
	if crc32.Checksum(r.b, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		r.fail("checksum of a section of %d bytes does not match", n)
		return
	}
	r.offset += sectionHead + n
	if r.onRead != nil {
		r.onRead(sectionHead + n)
	}
}

func (r *snapshotReader) broken(err error) {
	if err == nil || err == io.EOF {
		r.fail("it ends early")
	} else if r.err == nil {
		r.err = fmt.Errorf("read snapshot: %w", err)
	}
}

// end checks that nothing follows.
func (r *snapshotReader) end() {
	if r.err == nil && len(r.b) > 0 {
		r.fail("more than there should be")
	}
	if r.err != nil {
		return
	}
	if r.next(); len(r.b) > 0 || r.offset != r.size {
		r.fail("it does not end where it should")
	}
}

func (r *snapshotReader) uint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("malformed number")
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *snapshotReader) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *snapshotReader) uint32() uint32 {
	v := r.uint()
	if v > math.MaxUint32 {
		r.fail("number %d", v)
	}
	return uint32(v)
}

// offset63 is an offset in a file.
func (r *snapshotReader) offset63() int64 {
	v := r.uint()
	if v > math.MaxInt64 {
		r.fail("offset %d", v)
		return 0
	}
	return int64(v)
}

// text is valid until the next section; convert it to keep it.
func (r *snapshotReader) text() []byte {
	n := r.uint()
	if n > maxSnapshotText || n > uint64(len(r.b)) {
		r.fail("text of %d bytes", n)
		r.b = nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// count is how many items follow, each of a byte or more.
func (r *snapshotReader) count() uint64 {
	n := r.uint()
	if n > uint64(len(r.b))+uint64(max(0, r.size-r.offset)) {
		r.fail("%d items", n)
		return 0
	}
	return n
}

// fileList is numbers in ascending order.
func (r *snapshotReader) fileList() fileList {
	list := fileList(r.numbers())
	for i := range list {
		if i > 0 && list[i] <= list[i-1] {
			r.fail("files out of order")
			return nil
		}
	}
	return list
}

// numbers is a list of journal files, of one item.
func (r *snapshotReader) numbers() []uint32 {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail("%d numbers", n)
		return nil
	}
	if n == 0 {
		return nil
	}
	list := make([]uint32, n)
	for i := range list {
		list[i] = r.uint32()
	}
	return list
}

func (r *snapshotReader) meta() (m snapshotMeta) {
	r.more()
	m.at = time.UnixMilli(r.int())
	m.position = r.uint32()
	m.mark.end = r.offset63()
	m.mark.digest = r.uint()
	m.epoch, m.seq, m.sequence = r.uint(), r.uint(), r.int()
	m.messages, m.files, m.damage, m.producers, m.destinations, m.exposures, m.prepared =
		r.count(), r.count(), r.count(), r.count(), r.count(), r.count(), r.count()
	if m.messages >= math.MaxUint32 || m.producers >= math.MaxUint32 {
		r.fail("%d messages of %d producers", m.messages, m.producers)
	}
	return m
}

// fileTable reads the files with the numbers of those whose records they end.
func (r *snapshotReader) fileTable(m *snapshotMeta) (files []fileView, ends map[uint32]endings) {
	ends = map[uint32]endings{}
	for range m.files {
		if r.more(); r.err != nil {
			return nil, nil
		}
		f := fileView{number: r.uint32(), end: r.offset63(), fingerprint: r.uint()}
		if r.uint() != 0 {
			f.head = &fileHead{epoch: r.uint(), first: r.uint32(), after: r.uint32(), seal: r.offset63()}
		}
		if last := len(files) - 1; last >= 0 && files[last].number >= f.number {
			r.fail("files out of order")
		}
		files = append(files, f)
		if t := (endings{r.fileList(), r.fileList()}); len(t.ends)+len(t.conceals) > 0 {
			ends[f.number] = t
		}
	}
	return files, ends
}

func (r *snapshotReader) damages(m *snapshotMeta) (list []Damage) {
	for range m.damage {
		if r.more(); r.err != nil {
			return nil
		}
		list = append(list, Damage{File: string(r.text()), Offset: r.int(), Length: r.int(), Reason: string(r.text())})
	}
	return list
}

func (r *snapshotReader) name() message.Destination {
	kind := r.uint()
	if kind > uint64(message.TempTopic) {
		r.fail("destination type %d", kind)
	}
	return message.Destination{Kind: message.Kind(kind), Name: string(r.text())}
}

func (r *snapshotReader) identity() identity {
	connection := message.ConnectionID(r.text())
	return identity{producer: message.ProducerID{Connection: connection, Session: r.int(), Value: r.int()}, sequence: r.int()}
}
