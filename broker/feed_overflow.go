package broker

import "github.com/conclavemq/conclave/store"

// spillLocked puts a message that is not stored into the spool, if it cannot
// wait in memory.
func (f *feed) spillLocked(r *ref) bool {
	p := &f.t.place
	if !p.space.spools || p.policy.DurablesInMemory || f.overflow.n == 0 && !f.window.behind && !p.crowded() {
		return false
	}
	return f.overflow.push(f.d.b, r.m, r.key)
}

// moreLocked reports whether there is more than the window holds.
func (f *feed) moreLocked() bool { return f.window.behind || f.overflow.n > 0 }

// aheadLocked says what to read next.
func (f *feed) aheadLocked() ahead {
	a := f.window.ahead(&f.t.place)
	if f.overflow.n > 0 {
		a.list, a.from = f.overflow.list, f.overflow.next
	}
	return a
}

func (f *feed) read(a ahead) (stretch, error) {
	return a.read(func() ([]store.Entry, error) {
		return f.d.b.store.PageSubscription(nil, f.t.dest, f.d.key(), a.after, a.limit, a.bytes)
	})
}

// takeLocked puts a stretch into the window.
func (f *feed) takeLocked(s stretch) {
	if s.paged {
		f.admitLocked(s.entries, s.full, s.seen)
	}
	for i := range s.spooled {
		p := &s.spooled[i]
		f.enterLocked(&ref{m: p.m, home: f, key: p.key, redeliveries: p.m.RedeliveryCounter}, nil)
	}
	if n := len(s.spooled); n > 0 {
		f.overflow.pop(f.d.b, n, s.spooled[n-1].next)
	}
}
