package broker

import "github.com/conclavemq/conclave/store"

// Bounds of what is read at a time for selective consumers.
const (
	scanPage      = 1024
	scanPageBytes = 1 << 20
)

// scan is one read of the store on behalf of a reader.
type scan struct {
	reader *reader
	rank   uint8
	front  bool      // from the cursor on, else what was passed
	after  store.Seq // where it begins
	end    store.Seq // the cursor when it began
	seen   store.Seq // visible when it began
}

// nextScan returns the read that is due: for the hungry reader that has waited
// longest.
func (s *seeker) nextScan() *scan {
	w := &s.q.window
	var best *reader
	for _, r := range s.readers {
		if best != nil && best.turn <= r.turn {
			continue
		}
		if _, ok := r.hungry(); ok {
			best = r
		}
	}
	if best == nil || s.q.saturated() {
		s.due = best != nil
		return nil
	}
	s.clock++
	best.turn = s.clock
	rank, _ := best.stand()
	l := w.lane(rank)
	sc := &scan{reader: best, rank: rank, front: best.at[rank] == atCursor, after: l.cursor, end: l.cursor, seen: l.visible}
	if !sc.front {
		sc.after = best.at[rank]
	} else if l.dammed() {
		return nil // there is no memory for what is spooled
	}
	return sc
}

// seekPage does one step of a pager's work for selective consumers. It returns
// false when there is nothing to do. The queue is locked, and unlocked while
// the store is read.
func (q *queue) seekPage() (more bool, err error) {
	if rank, ok := q.spooledLocked(); ok {
		return true, q.unspool(rank)
	}
	s := q.seek
	s.tidy()
	sc := s.nextScan()
	if sc == nil {
		q.restLocked()
		return false, nil
	}
	q.mu.Unlock()
	entries, err := q.read(sc.rank, sc.after, min(scanPage, q.policy.MaxPageSize), scanPageBytes)
	q.mu.Lock()
	if err != nil || q.removed || q.seek != s {
		return false, err
	}
	full := mayGoOn(entries)
	if sc.front {
		l := q.window.lane(sc.rank)
		kept, to := l.cut(entries)
		s.advance(sc, kept, full)
		l.cursor = max(l.cursor, to)
	} else {
		s.revisit(sc, entries, full)
	}
	for _, r := range s.readers {
		r.settle(&q.window, sc.rank)
	}
	if q.window.head != nil && q.b.mayServe() {
		q.offerLocked()
	}
	return true, nil
}

// passing collects the runs of a page that nobody wants.
type passing struct {
	runs  []run
	joins bool // the page begins with one
	open  bool // the message before was passed
	n     int
}

func (p *passing) pass(seq store.Seq) {
	switch {
	case p.open:
		p.runs[len(p.runs)-1].last = seq
	default:
		p.joins = p.joins || p.n == 0
		p.runs = append(p.runs, run{seq, seq})
		p.open = true
	}
	p.n++
}

func (p *passing) skip() { p.open, p.n = false, p.n+1 }

// advance takes in a page from the cursor on. Readers that have no room for
// what they want stay behind, as do those that are not done with another lane.
func (s *seeker) advance(sc *scan, entries []store.Entry, full bool) {
	q := s.q
	l := q.window.lane(sc.rank)
	start := l.cursor
	for _, r := range s.readers {
		if rank, ok := r.stand(); r.at[sc.rank] == atCursor && (!ok || rank != sc.rank || !r.served()) {
			r.at[sc.rank] = start
		}
	}
	var p passing
	q.window.admitPage(l, entries, full, sc.seen, func(e *store.Entry, hint *ref) *ref {
		if q.passesLocked(e.Seq) {
			p.skip()
			return nil
		}
		r := s.claimant(e, sc.rank,
			func(r *reader) bool { return r.at[sc.rank] == atCursor },
			func(r *reader) { r.at[sc.rank] = e.Seq - 1 })
		if r == nil {
			p.pass(e.Seq)
			return nil
		}
		p.skip()
		return s.claim(e, r, sc.rank, hint)
	})
	if len(p.runs) > 0 {
		l.passed.replace(start, l.cursor, p.runs, p.joins && start == sc.after)
	}
}

// revisit takes in a page of what was passed, for the readers that have come
// no further than that.
func (s *seeker) revisit(sc *scan, entries []store.Entry, full bool) {
	l := s.q.window.lane(sc.rank)
	looking := map[*reader]bool{}
	for _, r := range s.readers {
		rank, ok := r.stand()
		looking[r] = ok && rank == sc.rank && r.at[rank] >= sc.after && r.at[rank] < sc.end && r.served()
	}
	var p passing
	var hint *ref
	reached := sc.after
	for i := range entries {
		e := &entries[i]
		if e.Seq > sc.end {
			full = false
			break
		}
		reached = e.Seq
		if !l.passed.has(e.Seq) {
			p.skip()
			continue
		}
		r := s.claimant(e, sc.rank,
			func(r *reader) bool { return looking[r] && r.at[sc.rank] < e.Seq },
			func(r *reader) { looking[r], r.at[sc.rank] = false, e.Seq-1 })
		if r == nil {
			p.pass(e.Seq)
			continue
		}
		p.skip()
		hint = s.claim(e, r, sc.rank, hint)
	}
	if !full {
		reached = sc.end
	}
	for r, still := range looking {
		if still {
			r.at[sc.rank] = max(r.at[sc.rank], reached)
		}
	}
	l.passed.replace(sc.after, reached, p.runs, p.joins)
}

// claim puts a message into the window on r's account.
func (s *seeker) claim(e *store.Entry, r *reader, rank uint8, hint *ref) *ref {
	m := &ref{}
	s.q.fromStore(m, e, rank)
	s.q.usage.add(m.size())
	r.take(m)
	return s.q.window.insert(m, hint)
}
