package broker

import "github.com/conclavemq/conclave/store"

// spillLocked puts a message that is not stored into the spool, if it cannot
// wait in memory.
func (f *feed) spillLocked(r *ref) bool {
	p, l := &f.t.place, f.window.lane(r.key.rank)
	if !p.space.spools || p.policy.DurablesInMemory || !l.more() && !p.crowded() {
		return false
	}
	return l.overflow.push(f.d.b, r.m, r.key)
}

// readAhead reads what comes next in a lane.
func (f *feed) readAhead(rank uint8, a ahead) (stretch, error) {
	return a.read(func() ([]store.Entry, error) { return f.read(rank, a.after, a.limit, a.bytes) })
}

// takeLocked puts a stretch into the window.
func (f *feed) takeLocked(l *lane, rank uint8, s stretch) {
	s.settle(l)
	if s.paged {
		f.admitLocked(l, rank, s.entries, s.full, s.seen)
	}
	for i := range s.spooled {
		p := &s.spooled[i]
		p.key.rank = rank
		f.enterLocked(&ref{m: p.m, home: f, key: p.key, redeliveries: p.m.RedeliveryCounter}, nil)
	}
	l.overflow.drop(f.d.b, s.spooled)
}

// earlyLocked reports whether r has to wait for what the store has before it: it
// is not stored and was kept in memory while nobody was connected, or while the
// pager was at work.
func (f *feed) earlyLocked(r *ref) bool {
	l := f.window.lane(r.key.rank)
	return !r.stored && l.behind && r.key.seq > l.cursor
}

// stuckLocked reports whether a lane has nothing in memory but what is early,
// however much that is.
func (f *feed) stuckLocked(rank uint8) bool {
	first := f.window.firstOf(rank)
	return first != nil && f.earlyLocked(first)
}

// dueLocked reports whether it is time to page.
func (f *feed) dueLocked() bool {
	rank, due := f.window.due(&f.t.place)
	return due || f.window.lane(rank).behind && f.stuckLocked(rank) && !f.t.saturated()
}
