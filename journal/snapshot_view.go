package journal

import (
	"maps"
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
)

// view is the index as it was at one place in the log. Most of it is shared
// with the index, which copies what it changes until thaw: making a view of
// millions of messages takes well under a millisecond. Reading it needs no
// lock.
type view struct {
	position  uint32        // the file that was being written
	mark      mark          // the end of it
	written   int64         // Journal.written
	pause     time.Duration // for which the committer made it
	epoch     uint64
	seq       uint64 // at least the highest in use
	sequence  int64  // the highest broker sequence
	entries   slab
	producers producers
	contents  []destinationView
	exposures []exposureView
	updated   map[handle]uint32
	counted   map[handle]counting
	prepared  map[message.TransactionID]*transaction
	ends      map[uint32]endings
	damage    []Damage
	files     []fileView
}

type destinationView struct {
	name          message.Destination
	order         order
	subscriptions []subscription
}

// endings are the files in which a file ends something; see fileUse.
type endings struct{ ends, conceals fileList }

type exposureView struct {
	name message.Destination
	exposure
}

// fileView is what a snapshot says of a journal file, to know it again.
type fileView struct {
	number      uint32
	end         int64 // of its batches
	fingerprint uint64
	head        *fileHead
}

// freeze makes a view of what the index says. There is one at a time, until
// melt.
func (x *index) freeze() *view {
	v := &view{
		entries:   x.slab,
		producers: x.producers,
		contents:  make([]destinationView, 0, len(x.destinations)),
		updated:   maps.Clone(x.updated),
		counted:   maps.Clone(x.counted),
		prepared:  maps.Clone(x.prepared),
		ends:      make(map[uint32]endings, len(x.files)),
	}
	x.slab.frozen = true
	v.entries.pages = x.slab.pages.freeze()
	v.producers.numbers = nil
	v.producers.known = x.producers.known.freeze()
	for n, f := range x.files {
		if len(f.ends)+len(f.conceals) > 0 {
			v.ends[n] = endings{slices.Clone(f.ends), slices.Clone(f.conceals)}
		}
	}
	for _, d := range x.destinations {
		c := destinationView{name: d.name, order: d.order.freeze()}
		for _, sub := range d.subscriptions {
			s := *sub
			s.pending, s.records = sub.pending.freeze(), slices.Clone(sub.records)
			c.subscriptions = append(c.subscriptions, s)
		}
		v.contents = append(v.contents, c)
	}
	for name, e := range x.exposures {
		c := exposureView{name, *e}
		c.records = slices.Clone(c.records)
		v.exposures = append(v.exposures, c)
	}
	return v
}

// melt ends the sharing with the view.
func (x *index) melt() {
	x.slab.frozen = false
	x.slab.pages.melt()
	x.producers.known.melt()
}

func (o *order) freeze() order { return order{blocks: slices.Clone(o.blocks), n: o.n} }
