package broker

import "github.com/conclavemq/conclave/store"

// lock keeps a message from being delivered while a transaction that outlives
// its consumer has acknowledged it.
func (f *feed) lockLocked(seq store.Seq) {
	if f.locked == nil {
		f.locked = map[store.Seq]bool{}
	}
	f.locked[seq] = false
}

func (f *feed) lock(seq store.Seq) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.lockLocked(seq)
}

// unlock ends that: the message is gone, or has to be fetched if the cursor
// has passed it. A pager that has just read a page with what is gone must not
// bring it back.
func (f *feed) unlock(seq store.Seq, fetch bool) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	passed, locked := f.locked[seq]
	if locked && !fetch && f.window.paging {
		f.gone = append(f.gone, seq)
		return
	}
	delete(f.locked, seq)
	if fetch {
		f.returned.add(seq)
		f.redelivered[seq] = max(f.redelivered[seq], 1)
	}
	if fetch && passed {
		f.fetch = append(f.fetch, seq)
		f.pageLocked()
	}
}

// restore brings such messages back.
func (f *feed) restore(positions []store.Seq) {
	for _, seq := range positions {
		entries, err := f.d.b.store.PageSubscription(nil, f.t.dest, f.d.key(), seq-1, 1, 1)
		if err != nil {
			f.d.b.log.Error("cannot read a message back", "subscription", f.d.key(), "error", err)
			continue
		}
		f.d.mu.Lock()
		if len(entries) > 0 && entries[0].Seq == seq && f.entered(&entries[0]) && !f.cleared && f.d.active != nil {
			r := &ref{}
			r.fromEntry(&entries[0], f, f.window.rank(entries[0].Message))
			r.redeliveries = max(r.redeliveries, f.redelivered[seq])
			f.enterLocked(r, nil)
		}
		f.d.mu.Unlock()
	}
}

// entered reports whether the cursor has come by a message.
func (f *feed) entered(e *store.Entry) bool {
	return e.Seq <= f.window.lane(f.window.rank(e.Message)).cursor
}

// passesLocked is as queue's.
func (f *feed) passesLocked(seq store.Seq) bool {
	_, ok := f.locked[seq]
	if ok {
		f.locked[seq] = true
	}
	return ok
}

// letPagerLocked says that no pager is at work any more, nor a sweep.
func (f *feed) letPagerLocked() {
	f.window.paging = false
	for _, seq := range f.gone {
		delete(f.locked, seq)
	}
	f.gone = nil
}
