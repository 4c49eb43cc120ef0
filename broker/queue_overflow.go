package broker

import "github.com/conclavemq/conclave/store"

// spillLocked puts a message that is not stored into the spool, if it cannot
// wait in memory.
func (q *queue) spillLocked(r *ref) bool {
	if !q.space.spools {
		return false
	}
	l := q.window.lane(r.key.rank)
	if l.overflow.n == 0 && !l.behind && q.holdsLocked() {
		return false
	}
	return l.overflow.push(q.b, r.m, r.key)
}

// holdsLocked reports whether one more message that is not stored may wait in
// memory. With selective consumers there may be as many as go there, since
// they can be looked at only there.
func (q *queue) holdsLocked() bool {
	switch {
	case !q.crowded():
		return true
	case q.usage.full():
		return false
	}
	return q.seek != nil || q.window.n < leastWindow && q.window.bytes < leastWindowBytes
}

// readAhead reads what comes next in a lane.
func (q *queue) readAhead(rank uint8, a ahead) (stretch, error) {
	return a.read(func() ([]store.Entry, error) { return q.read(rank, a.after, a.limit, a.bytes) })
}

// takeLocked puts a stretch into the window.
func (q *queue) takeLocked(l *lane, rank uint8, s stretch) {
	s.settle(l)
	if s.paged {
		q.admitLocked(l, rank, s.entries, s.full, s.seen)
	}
	for i := range s.spooled {
		p := &s.spooled[i]
		p.key.rank = rank
		q.enterLocked(&ref{m: p.m, home: q, key: p.key, redeliveries: p.m.RedeliveryCounter})
	}
	l.overflow.drop(q.b, s.spooled)
	l.overflow.dam = max(l.overflow.dam, s.beyond)
}

// spooledLocked returns a lane whose spooled messages can be looked at by
// selective consumers: what is stored before them has been looked at, and
// there is memory.
func (q *queue) spooledLocked() (rank uint8, ok bool) {
	for rank := range q.window.lanes() {
		l := q.window.lane(rank)
		if !l.dammed() {
			continue
		}
		if q.usage.full() {
			q.b.starved.Store(true) // look again with the next tick
			return 0, false
		}
		return rank, true
	}
	return 0, false
}

// dammed reports whether what is spooled comes before all that is beyond the
// cursor, as far as is known.
func (l *lane) dammed() bool {
	return l.overflow.n > 0 && (!l.behind || l.overflow.dam <= l.cursor)
}

// cut takes away what a page has beyond the dam of a lane whose cursor it begins
// at. The cursor then moves up to there.
func (l *lane) cut(entries []store.Entry) (kept []store.Entry, to store.Seq) {
	if l.overflow.n == 0 {
		return entries, 0
	}
	for i := range entries {
		if entries[i].Seq > l.overflow.dam {
			return entries[:i], l.overflow.dam
		}
	}
	return entries, 0
}

// unspool takes a page of a lane into memory. The queue is locked, and
// unlocked while the spool is read.
func (q *queue) unspool(rank uint8) error {
	s, l := q.seek, q.window.lane(rank)
	a := ahead{after: l.cursor, seen: l.cursor, limit: scanPage, bytes: scanPageBytes, list: l.overflow.list, from: l.overflow.next}
	if !l.behind {
		a.seen = max(a.seen, l.visible)
	}
	q.mu.Unlock()
	next, err := q.readAhead(rank, a)
	q.mu.Lock()
	if err != nil || q.removed {
		return err
	}
	q.takeLocked(l, rank, next)
	if q.seek == s && q.window.head != nil && q.b.mayServe() {
		q.offerLocked()
	}
	return nil
}

// takeSpooled takes a page of a lane's spool out of the queue. Pagers are held;
// the queue is locked, and unlocked while the spool is read.
func (q *queue) takeSpooled(rank uint8) (refs []*ref, err error) {
	l := q.window.lane(rank)
	if l.overflow.n == 0 || q.removed {
		return nil, nil
	}
	list, from := l.overflow.list, l.overflow.next
	q.mu.Unlock()
	page, _, err := readBack(list, from, scanPage, scanPageBytes)
	q.mu.Lock()
	if err != nil || q.removed {
		return nil, err
	}
	for i := range page {
		r := &ref{m: page[i].m, home: q, key: page[i].key, redeliveries: page[i].m.RedeliveryCounter}
		q.usage.add(r.size())
		q.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	l.overflow.drop(q.b, page)
	return refs, nil
}

// sweepSpool takes away what has expired at the beginning of each lane's
// spool, where no consumer makes the pager do so.
func (q *queue) sweepSpool() {
	for rank := range q.window.lanes() {
		q.mu.Lock()
		l := q.window.lane(rank)
		due := l.overflow.n > 0 && q.rota.n == 0 && !q.window.paging && !q.removed
		list, from := l.overflow.list, l.overflow.next
		q.window.paging = q.window.paging || due // nobody else reads meanwhile
		q.mu.Unlock()
		if due {
			q.sweepList(l, list, from)
		}
	}
}

func (q *queue) sweepList(l *lane, list SpoolList, from int64) {
	page, _, err := readBack(list, from, max(q.policy.MaxExpirePageSize, 1), expirePageBytes)
	if err != nil {
		q.b.log.Error("cannot look for expired messages", "destination", q.dest.String(), "error", err)
	}
	now, n := q.b.nowMS(), 0
	for n < len(page) && page[n].m.Expired(now) {
		n++
	}
	q.mu.Lock()
	if !q.removed {
		for i := range page[:n] {
			r := &ref{m: page[i].m, home: q, key: page[i].key}
			q.usage.add(r.size()) // settle takes it away again
			q.doomed = append(q.doomed, r)
		}
		l.overflow.drop(q.b, page[:n])
	}
	q.letPager()
}
