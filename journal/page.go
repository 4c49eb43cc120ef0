package journal

import (
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

const (
	// maxRun is how many bytes of neighbouring records one read brings. The
	// messages of a run share its memory.
	maxRun = 64 << 10
	// maxGap is how many bytes between two records are read for nothing.
	maxGap = 4 << 10
	// maxReported bounds the memory of messages reported as unreadable.
	maxReported = 10_000
)

// place is an entry as a page needs it, outside indexMu.
type place struct {
	location
	seq          uint64
	redeliveries uint16
	redelivered  bool
}

// placeLists are pooled, decoders too.
var (
	placeLists = sync.Pool{New: func() any { return new([]place) }}
	decoders   = sync.Pool{New: func() any { return openwire.NewStore(openwire.StoreVersion) }}
)

// span says what a page is to be of.
type span struct {
	dest         message.Destination
	subscription string // whose messages; "" is all
	priority     int    // -1 is all
}

// order returns the list that s reads, and whether there may be anything.
func (s *span) order(d *destination) (*order, bool) {
	if s.priority >= 0 && d.levels[s.priority] == 0 {
		return nil, false
	}
	if s.subscription == "" {
		return &d.order, true
	}
	sub := d.subscriptions[s.subscription]
	if sub == nil {
		return nil, false
	}
	return &sub.pending, true
}

// Page reads a destination; see store.Store.
func (j *Journal) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	return j.page(dst, &span{dest, "", -1}, after, limit, maxBytes)
}

// PageSubscription reads what a durable subscription has not acknowledged;
// see store.Store.
func (j *Journal) PageSubscription(dst []store.Entry, dest message.Destination, subscription string, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	if subscription == "" {
		return dst, nil
	}
	return j.page(dst, &span{dest, subscription, -1}, after, limit, maxBytes)
}

// PagePriority reads the messages of one priority; see store.Store.
func (j *Journal) PagePriority(dst []store.Entry, dest message.Destination, subscription string, priority uint8, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	if priority >= store.Priorities {
		return dst, nil
	}
	return j.page(dst, &span{dest, subscription, int(priority)}, after, limit, maxBytes)
}

func (j *Journal) page(dst []store.Entry, s *span, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	if limit <= 0 {
		return dst, nil
	}
	places := placeLists.Get().(*[]place)
	defer func() { placeLists.Put(places) }()
	first := len(dst)
	for {
		var moved, last uint64
		*places, last, moved = j.places((*places)[:0], s, uint64(after), limit-(len(dst)-first), maxBytes)
		if last == 0 {
			return dst, nil
		}
		n, full := len(dst), false
		var err error
		if dst, maxBytes, full, err = j.readAll(dst, s.dest, *places, moved, maxBytes, first); err != nil || full || len(dst)-first >= limit {
			return dst, err
		}
		// Records are smaller than messages count, or some were unreadable, or
		// of another priority.
		after = store.Seq(last)
		if len(dst) > n && maxBytes <= 0 {
			return dst, nil
		}
	}
}

// maxVisited is how many entries are looked at before the index is let go of:
// a page of one priority may have to step over many of others.
const maxVisited = 1 << 16

// places collects what to read: at most limit entries, and no more after
// maxBytes of records. last is how far it has come, 0 if there is nothing
// more. The places hold as long as j.moved is what it returns.
func (j *Journal) places(places []place, s *span, after uint64, limit int, maxBytes int64) (found []place, last, moved uint64) {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	x := j.index
	moved = j.moved.Load()
	d := x.destinations[s.dest]
	if d == nil {
		return places, 0, moved
	}
	o, any := s.order(d)
	if !any {
		return places, 0, moved
	}
	visited := 0
	o.after(&x.slab, after, func(h handle) bool {
		e := x.slab.get(h)
		last = e.seq
		if s.priority >= 0 && int(e.priority) != s.priority {
			visited++
			return visited < maxVisited
		}
		p := place{location: e.location, seq: e.seq, redeliveries: e.redeliveries}
		if e.seq <= x.recovered {
			_, updated := x.updated[h]
			p.redelivered = updated || store.Segment(e.file) <= d.flagged
		}
		places = append(places, p)
		maxBytes -= int64(e.size)
		return len(places) < limit && maxBytes > 0
	})
	return places, last, moved
}

// readAll reads messages in runs. It reports full when the next one would
// have exceeded maxBytes; dst from first on is what the page has so far.
func (j *Journal) readAll(dst []store.Entry, dest message.Destination, places []place, moved uint64, maxBytes int64, first int) ([]store.Entry, int64, bool, error) {
	codec := decoders.Get().(*openwire.Store)
	defer decoders.Put(codec)
	for len(places) > 0 {
		n := runLength(places)
		start, end := places[0].offset, places[n-1].offset+places[n-1].size
		b := make([]byte, end-start)
		err := j.segments.readAt(places[0].file, b, int64(start))
		if err != nil && n > 1 {
			n, err = 1, nil
			b = b[:places[0].size]
			err = j.segments.readAt(places[0].file, b, int64(start))
		}
		if j.moved.Load() != moved {
			err = errMoved
		}
		for _, p := range places[:n] {
			var m *message.Message
			cause := err
			if cause == nil {
				m, cause = decodeStored(codec, b[p.offset-start:][:p.size:p.size])
			}
			if cause != nil {
				var err error
				if m, err = j.readAgain(codec, dest, p, cause); err != nil {
					return dst, maxBytes, false, err
				}
				if m == nil {
					continue
				}
			}
			if maxBytes -= m.Size(); maxBytes < 0 && len(dst) > first {
				return dst, maxBytes, true, nil
			}
			dst = append(dst, store.Entry{Message: m, Seq: store.Seq(p.seq), Segment: store.Segment(p.file),
				Redelivered: p.redelivered, Redeliveries: int32(p.redeliveries)})
		}
		places = places[n:]
	}
	return dst, maxBytes, false, nil
}

// runLength is how many places one read can bring.
func runLength(places []place) int {
	first, last := places[0], places[0]
	for i, p := range places[1:] {
		end := last.offset + last.size
		if p.file != first.file || p.offset < end || p.offset-end > maxGap || p.offset+p.size-first.offset > maxRun {
			return i + 1
		}
		last = p
	}
	return len(places)
}

// decodeStored reads the message of an add or update record. It aliases b.
func decodeStored(codec *openwire.Store, b []byte) (*message.Message, error) {
	kind, record, _, ok := nextRecord(b)
	if !ok || kind != userRecord || len(record) != len(b) {
		return nil, fmt.Errorf("%w: head", store.ErrCorrupt)
	}
	var c command
	if err := decodeCommand(record[recordHead:], &c); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	if c.kind != entryAdd && c.kind != entryUpdate {
		return nil, fmt.Errorf("%w: type %d holds no message", store.ErrCorrupt, c.kind)
	}
	m, err := codec.Message(c.body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return m, nil
}

// readAgain is for a message that could not be read where it was: it may have
// got another record or place meanwhile, or have gone. What is still there and
// cannot be read is reported, once. The error is for what stops the whole page.
func (j *Journal) readAgain(codec *openwire.Store, dest message.Destination, p place, cause error) (*message.Message, error) {
	for {
		at, moved, ok := j.locate(dest, p.seq)
		if !ok {
			return nil, j.usable()
		}
		if at == p.location && cause != errMoved {
			if err := j.usable(); err != nil {
				return nil, err
			}
			j.unreadable(p, cause)
			return nil, nil
		}
		p.location = at
		b := make([]byte, p.size)
		err := j.segments.readAt(p.file, b, int64(p.offset))
		if j.moved.Load() != moved {
			cause = errMoved
			continue
		}
		if err == nil {
			var m *message.Message
			if m, err = decodeStored(codec, b); err == nil {
				return m, nil
			}
		}
		cause = err
	}
}

// usable reports why nothing can be read any more, or nil.
func (j *Journal) usable() error {
	j.queueMu.Lock()
	defer j.queueMu.Unlock()
	if j.closed {
		return store.ErrClosed
	}
	return nil
}

// locate returns where the message at seq lies, as long as j.moved is what it
// returns.
func (j *Journal) locate(dest message.Destination, seq uint64) (at location, moved uint64, ok bool) {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	moved = j.moved.Load()
	d := j.index.destinations[dest]
	if d == nil {
		return at, moved, false
	}
	h := d.order.find(&j.index.slab, seq)
	if h == 0 {
		return at, moved, false
	}
	return j.index.slab.get(h).location, moved, true
}

func (j *Journal) unreadable(p place, cause error) {
	j.indexMu.Lock()
	defer j.indexMu.Unlock()
	if j.bad[p.seq] || len(j.bad) >= maxReported {
		return
	}
	j.bad[p.seq] = true
	j.unread.Add(1)
	j.o.Log.Error("stored message cannot be read back; it is left out", "file", fileName(p.file),
		"offset", p.offset, "bytes", p.size, "error", cause)
}
