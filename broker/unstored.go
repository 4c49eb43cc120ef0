package broker

import (
	"maps"
	"math"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// shown is a message in memory as a browser sees it.
type shown struct {
	m            *message.Message
	key          key
	redeliveries int32
}

// shelf is what the store would not show of a lane: first what is in memory, then, read
// a page at a time, what is in the spool.
type shelf struct {
	q         *queue
	rank      uint8
	list      []shown
	spooled   SpoolList // nil: nothing more
	from, end int64
}

// first returns the first, nil if there are no more.
func (s *shelf) first() *shown {
	if len(s.list) == 0 && s.spooled != nil {
		s.fill()
	}
	if len(s.list) == 0 {
		return nil
	}
	return &s.list[0]
}

func (s *shelf) drop() { s.list = s.list[1:] }

// passes leaves out a message whose write was on its way when the shelf was
// filled: the store shows it by now.
func (s *shelf) passes(seq store.Seq) {
	if m := s.first(); m != nil && m.key.seq == seq && m.key.sub == 0 {
		s.drop()
	}
}

func (s *shelf) fill() {
	page, _, err := readBack(s.spooled, s.from, max(s.q.policy.MaxBrowsePageSize, 1), browsePageBytes)
	if err != nil {
		s.q.b.log.Error("cannot read spooled messages to browse them", "destination", s.q.dest.String(), "error", err)
	}
	if len(page) == 0 || err != nil {
		s.spooled = nil
	}
	for i := range page {
		p := &page[i]
		if p.next > s.end {
			s.spooled = nil
			break
		}
		s.from = p.next
		p.key.rank = s.rank
		s.list = append(s.list, shown{p.m, p.key, p.m.RedeliveryCounter})
	}
}

// unstored returns what the store would not show, in order, the redelivery
// counters that it does not have, and the position at which a browse of the
// store ends.
func (q *queue) unstored() (shelves []*shelf, counts map[store.Seq]int32, last store.Seq) {
	for rank := range q.window.lanes() {
		shelves = append(shelves, &shelf{q: q, rank: rank})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	counts = maps.Clone(q.counts)
	collect := func(r *ref) {
		if !r.stored || r.unit != nil {
			s := shelves[r.key.rank]
			s.list = append(s.list, shown{r.m, r.key, r.redeliveries})
			return
		}
		if r.redeliveries > r.m.RedeliveryCounter {
			if counts == nil {
				counts = map[store.Seq]int32{}
			}
			counts[r.key.seq] = r.redeliveries
		}
	}
	for c := range q.rota.each {
		c.mu.Lock()
		c.carriesLocked(func(r *ref) bool {
			if r.home == home(q) {
				collect(r)
			}
			return false
		})
		c.mu.Unlock()
	}
	for r := q.window.head; r != nil; r = r.next {
		collect(r)
	}
	for _, s := range shelves {
		slices.SortFunc(s.list, func(x, y shown) int {
			if x.key.less(y.key) {
				return -1
			}
			return 1
		})
		if o := &q.window.lane(s.rank).overflow; o.n > 0 {
			s.spooled, s.from, s.end = o.list, o.next, o.list.End()
		}
	}
	last = q.window.last()
	if q.window.behind() && !q.window.heard() {
		last = math.MaxUint64 // all is from before this process
	}
	return shelves, counts, last
}
