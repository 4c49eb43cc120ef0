package journal

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// exposure is what is recorded of how much of a destination may have been
// delivered. A broker records it again and again, further each time, and the
// furthest counts: a record that a newer one has replaced may stay or go as it
// likes, as long as the newer one is there. But each of them would count again
// if it outlived the record that ends them all, a withdrawal or the end of the
// destination: that keeps company with all of them.
//
// It is apart from the destination. A record of it makes none, so that it
// brings none back that was removed; and a topic that goes with its last
// subscription leaves it behind, since the broker goes by it for the next one.
type exposure struct {
	segment store.Segment // the furthest, 0 for none
	file    uint32        // where the newest record of that is; it is carried on when the file goes
	// records are the files that hold any record of it. Those that are deleted,
	// or rewritten without one, leave: there are never more than files.
	records fileList
}

// expose records that messages up to the end of segment may be delivered,
// because of a record in file; 0 withdraws that.
func (x *index) expose(name message.Destination, segment store.Segment, file uint32) {
	if segment == 0 {
		x.conceal(name, file)
		return
	}
	e := x.exposures[name]
	if e == nil {
		e = &exposure{}
		x.exposures[name] = e
	}
	e.records = e.records.with(file)
	if segment >= e.segment {
		e.segment, e.file = segment, file
	}
}

// conceal ends what was exposed of a destination because of a record in file.
func (x *index) conceal(name message.Destination, file uint32) {
	e := x.exposures[name]
	if e == nil {
		return
	}
	f := x.file(file)
	for _, n := range e.records {
		if n != file {
			f.conceals = f.conceals.with(n)
		}
	}
	delete(x.exposures, name)
}

// exposed is how far a destination has been.
func (x *index) exposed(name message.Destination) store.Segment {
	if e := x.exposures[name]; e != nil {
		return e.segment
	}
	return 0
}

// unrecord notes that a file holds no record of what was exposed any more, but
// of the destinations that still says it of. Where it had the one that counted,
// that was carried on, withdrawn or past everything, and older ones do not
// matter either.
func (x *index) unrecord(file uint32, still map[message.Destination]bool) {
	for name, e := range x.exposures {
		if still[name] || !e.records.has(file) {
			continue
		}
		if e.file == file {
			e.segment, e.file = 0, 0
		}
		if e.records = e.records.without(file); len(e.records) == 0 {
			delete(x.exposures, name)
		}
	}
}

// carriedExposures lists the operations that say again what only the files that
// are gone say. It drops what no longer matters.
func (x *index) carriedExposures(gone func(uint32) bool, current uint32) (ops []store.Op) {
	for name, e := range x.exposures {
		if !gone(e.file) {
			continue
		}
		if x.pastExposure(name, uint32(e.segment), current) {
			e.segment, e.file = 0, 0
		} else {
			ops = append(ops, store.Op{Action: store.Expose, Destination: name, Segment: e.segment})
		}
	}
	return ops
}

// maxLookedAt bounds the search for a message that was exposed; where there
// are more, it is taken to be there.
const maxLookedAt = 10_000

// pastExposure reports whether all messages of a destination, present and
// future, lie behind the segment that was exposed.
func (x *index) pastExposure(name message.Destination, segment, current uint32) bool {
	d := x.destinations[name]
	if segment >= current || d != nil && d.order.n > maxLookedAt {
		return false
	}
	// A prepared message gets its place in the order when it is committed, but
	// lies where it was prepared.
	past := true
	if d != nil {
		d.order.after(&x.slab, 0, func(h handle) bool {
			past = x.slab.get(h).file > segment
			return past
		})
	}
	for _, t := range x.prepared {
		for i := range t.ops {
			op := &t.ops[i]
			past = past && (op.action != store.Add || op.destination != name || op.at.file > segment)
		}
	}
	return past
}
