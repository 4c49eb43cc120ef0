package broker

import "github.com/conclavemq/conclave/store"

// pageLocked starts the pager if the window has run low while there is more
// in the store. There is at most one pager a queue, and none for a queue
// without consumers. It leaves its place to those that wait in holdPager.
func (q *queue) pageLocked() {
	w := &q.window
	if w.paging || q.idled != nil || q.removed || q.rota.n == 0 || q.b.stopping.Load() || !q.mayPageLocked() {
		return
	}
	w.paging = true
	q.b.run(q.page)
}

// mayPageLocked reports whether there is something for a pager to do.
func (q *queue) mayPageLocked() bool {
	switch {
	case len(q.fetch) > 0:
		return true
	case q.seek != nil:
		_, spooled := q.spooledLocked()
		return (q.seek.due || spooled) && !q.saturated()
	}
	_, due := q.window.due(&q.place)
	return due
}

// fellBehindLocked says that the store has what the window has no room for.
func (q *queue) fellBehindLocked(l *lane) {
	if !l.behind && q.seek != nil {
		q.seek.due = true
	}
	l.behind = true
}

// openLocked is the last lane of which there is something to deliver. With
// selective consumers that is a question to each.
func (q *queue) openLocked() uint8 {
	if q.seek != nil || q.window.rest == nil {
		return store.Priorities
	}
	return q.window.open()
}

// page reads from store and spool until the window is full or has caught up.
func (q *queue) page() {
	q.mu.Lock()
	more, err := q.pageOnce()
	for more && q.idled == nil {
		q.release()
		q.mu.Lock()
		more, err = q.pageOnce()
	}
	q.window.paging = false
	if err != nil {
		q.b.log.Error("cannot read a queue from the store", "destination", q.dest.String(), "error", err)
		q.b.starved.Store(true) // try again with the next tick
		q.release()
		return
	}
	q.dispatchLocked()
	q.answerLocked()
	q.release()
}

// pageOnce does one step; false if there is nothing to do. The queue is locked,
// and unlocked while the store is read.
func (q *queue) pageOnce() (more bool, err error) {
	if q.removed || q.b.stopping.Load() {
		return false, nil
	}
	if fetch := q.fetch; len(fetch) > 0 {
		q.fetch = nil
		q.mu.Unlock()
		q.restore(fetch)
		q.mu.Lock()
		return true, nil
	}
	if q.seek != nil {
		return q.seekPage()
	}
	w := &q.window
	rank, due := w.due(&q.place)
	if !due {
		return false, nil
	}
	l := w.lane(rank)
	ahead := w.ahead(l, &q.place)
	q.mu.Unlock()
	next, err := q.readAhead(rank, ahead)
	q.mu.Lock()
	if err != nil {
		return false, err
	}
	if !q.removed && q.seek == nil {
		q.takeLocked(l, rank, next)
		if w.head != nil && q.b.mayServe() {
			q.offerLocked()
		}
	}
	return true, nil
}

// read reads a page of a lane from the store.
func (q *queue) read(rank uint8, after store.Seq, limit int, bytes int64) ([]store.Entry, error) {
	if q.window.rest == nil {
		return q.b.store.Page(nil, q.dest, after, limit, bytes)
	}
	return q.b.store.PagePriority(nil, q.dest, "", store.Priorities-1-rank, after, limit, bytes)
}

// mayGoOn reports whether there may be more behind a page. Only an empty one
// says that there is not: a page also ends before a message that would exceed
// its bytes.
func mayGoOn(entries []store.Entry) bool { return len(entries) > 0 }

// admitLocked makes a page's messages available.
func (q *queue) admitLocked(l *lane, rank uint8, entries []store.Entry, full bool, seen store.Seq) {
	refs := make([]ref, len(entries))
	i := 0
	q.window.admitPage(l, entries, full, seen, func(e *store.Entry, hint *ref) *ref {
		if q.passesLocked(e.Seq) {
			return nil
		}
		r := &refs[i]
		i++
		q.fromStore(r, e, rank)
		q.usage.add(r.size())
		return q.window.insert(r, hint)
	})
}

// fromStore makes r of what the store returned.
func (q *queue) fromStore(r *ref, e *store.Entry, rank uint8) {
	r.fromEntry(e, q, rank)
	if n, ok := q.counts[e.Seq]; ok {
		r.redeliveries = max(r.redeliveries, n)
		delete(q.counts, e.Seq)
	}
}

// passesLocked reports whether the message at seq belongs to a transaction, and
// notes that the cursor has come by.
func (q *queue) passesLocked(seq store.Seq) bool {
	_, ok := q.locked[seq]
	if ok {
		q.locked[seq] = true
	}
	return ok
}

// restore brings messages back that a rolled back transaction had locked.
func (q *queue) restore(positions []store.Seq) {
	for _, seq := range positions {
		entries, err := q.b.store.Page(nil, q.dest, seq-1, 1, 1)
		if err != nil {
			q.b.log.Error("cannot read a message back", "destination", q.dest.String(), "error", err)
			continue
		}
		if len(entries) == 0 || entries[0].Seq != seq {
			continue
		}
		r := &ref{}
		q.mu.Lock()
		rank := q.window.rank(entries[0].Message)
		q.fromStore(r, &entries[0], rank)
		if q.returned.has(seq) {
			r.redeliveries = max(r.redeliveries, 1)
		}
		if !q.removed && seq <= q.window.lane(rank).cursor {
			q.enterLocked(r)
		}
		q.mu.Unlock()
	}
}

// lock keeps a message from being delivered that a prepared transaction has
// acknowledged.
func (q *queue) lock(seq store.Seq) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.size.Add(-1)
	q.lockLocked(seq)
}

func (q *queue) lockLocked(seq store.Seq) {
	if q.locked == nil {
		q.locked = map[store.Seq]bool{}
	}
	q.locked[seq] = false
}

// unlock ends that: the message is gone, or has to be fetched if the cursor
// has passed it. A pager that has just read a page with what is gone must not
// bring it back.
func (q *queue) unlock(seq store.Seq, fetch bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	passed, locked := q.locked[seq]
	if locked && !fetch && q.window.paging {
		q.gone = append(q.gone, seq)
		return
	}
	delete(q.locked, seq)
	if fetch {
		q.stats.size.Add(1)
		q.returned.add(seq)
	}
	if fetch && passed {
		q.fetch = append(q.fetch, seq)
		q.pageLocked()
	}
}
