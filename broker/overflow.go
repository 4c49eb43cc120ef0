package broker

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// overflow is what a queue, feed or subscriber has in the spool: messages that
// are in no store, behind all that it has in memory. While there are any, all
// that comes joins them, so that the order stays. Its owner's lock guards it.
type overflow struct {
	list SpoolList // nil before the first
	n    int
	next int64 // position of the first
}

// push puts a message at the end; false if it can never be kept there.
func (o *overflow) push(b *Broker, m *message.Message, k key) bool {
	if o.list == nil {
		o.list = b.options.Spool.NewList()
	}
	if err := o.list.Append(m, uint64(k.seq), k.sub); err != nil {
		b.log.Error("cannot spool a message", "message", m.ID.String(), "error", err)
		return false
	}
	o.n++
	return true
}

// pop forgets n messages that were read; next is where the others begin.
func (o *overflow) pop(b *Broker, n int, next int64) {
	if n == 0 {
		return
	}
	o.n -= n
	o.next = next
	o.list.Release(next)
	b.flow.freed()
}

// close forgets all.
func (o *overflow) close(b *Broker) {
	if o.list != nil {
		o.list.Close()
		b.flow.freed()
	}
	*o = overflow{}
}

// back is a message that comes back from a spool.
type back struct {
	m    *message.Message
	key  key
	next int64 // position behind it
}

// readBack reads from a list, from a position on. It is called without the
// list's owner's lock.
func readBack(list SpoolList, from int64, limit int, maxBytes int64) (page []back, full bool, err error) {
	if list == nil {
		return nil, false, nil
	}
	var bytes int64
	err = list.Read(from, func(m *message.Message, seq, sub uint64, next int64) bool {
		page = append(page, back{m, key{store.Seq(seq), sub}, next})
		bytes += m.Size()
		full = len(page) >= limit || bytes >= maxBytes
		return !full
	})
	return page, full, err
}

// stretch is what comes next for a window, from the store and from the spool,
// as far as the order of the two is known.
type stretch struct {
	paged   bool // the store was asked
	entries []store.Entry
	full    bool // there may be more in the store
	seen    store.Seq
	spooled []back
}

// ahead says what to read: the place of a window's owner when it was looked
// at.
type ahead struct {
	behind      bool
	after, seen store.Seq
	limit       int
	bytes       int64
	list        SpoolList // nil: nothing is spooled
	from        int64
}

// read reads a stretch. page reads from the store.
func (a ahead) read(page func() ([]store.Entry, error)) (s stretch, err error) {
	s.seen, s.paged = a.seen, a.behind
	if a.behind {
		if s.entries, err = page(); err != nil {
			return s, err
		}
		s.full = pageFull(s.entries, a.limit, a.bytes)
	}
	if a.list == nil {
		return s, nil
	}
	spooled, more, err := readBack(a.list, a.from, a.limit, a.bytes)
	if err != nil {
		return s, err
	}
	s.merge(a, spooled, more)
	return s, nil
}

// merge takes what is spooled as far as the store was read or had nothing, and
// gives up what was read of the store beyond where the spool was read to. What
// came while they were read may be behind others that came then.
func (s *stretch) merge(a ahead, spooled []back, more bool) {
	reached := max(a.seen, a.after)
	if n := len(s.entries); n > 0 && s.full {
		reached = s.entries[n-1].Seq
	} else if n > 0 {
		reached = max(reached, s.entries[n-1].Seq)
	}
	for i := range spooled {
		if spooled[i].key.seq > reached {
			spooled, more = spooled[:i], false
			break
		}
	}
	s.spooled = spooled
	if !more {
		return
	}
	last := spooled[len(spooled)-1].key.seq
	for i := range s.entries {
		if s.entries[i].Seq > last {
			s.entries, s.full = s.entries[:i], true
			break
		}
	}
}

// spillLocked puts a message that is not stored into the spool, if it cannot
// wait in memory.
func (q *queue) spillLocked(r *ref) bool {
	if !q.space.spools || q.overflow.n == 0 && !q.window.behind && q.holdsLocked() {
		return false
	}
	return q.overflow.push(q.b, r.m, r.key)
}

// holdsLocked reports whether one more message that is not stored may wait in
// memory.
func (q *queue) holdsLocked() bool {
	if !q.crowded() {
		return true
	}
	return q.window.n < leastWindow && q.window.bytes < leastWindowBytes && !q.usage.full()
}

// moreLocked reports whether there is more than the window holds.
func (q *queue) moreLocked() bool { return q.window.behind || q.overflow.n > 0 }

// ahead says what a window is to be filled with next from the store.
func (w *window) ahead(p *place) ahead {
	a := ahead{behind: w.behind, after: w.cursor, seen: w.visible}
	a.limit, a.bytes = w.bounds(p)
	a.limit = max(min(a.limit-w.n, p.policy.MaxPageSize), 1)
	a.bytes = max(min(a.bytes-w.bytes, p.policy.MaxPageBytes), 1)
	return a
}

// aheadLocked says what to read next.
func (q *queue) aheadLocked() ahead {
	a := q.window.ahead(&q.place)
	if q.overflow.n > 0 {
		a.list, a.from = q.overflow.list, q.overflow.next
	}
	return a
}

func (q *queue) read(a ahead) (stretch, error) {
	return a.read(func() ([]store.Entry, error) {
		return q.b.store.Page(nil, q.dest, a.after, a.limit, a.bytes)
	})
}

// takeLocked puts a stretch into the window.
func (q *queue) takeLocked(s stretch) {
	if q.removed {
		return
	}
	if s.paged {
		q.admitLocked(s.entries, s.full, s.seen)
	}
	for i := range s.spooled {
		p := &s.spooled[i]
		q.enterLocked(&ref{m: p.m, home: q, key: p.key, redeliveries: p.m.RedeliveryCounter})
	}
	if n := len(s.spooled); n > 0 {
		q.overflow.pop(q.b, n, s.spooled[n-1].next)
	}
}

// sweepSpool takes away what has expired at the beginning of the spool, where
// no consumer makes the pager do so.
func (q *queue) sweepSpool() {
	q.mu.Lock()
	due := q.overflow.n > 0 && q.rota.n == 0 && !q.window.paging && !q.removed
	list, from := q.overflow.list, q.overflow.next
	q.window.paging = q.window.paging || due // nobody else reads meanwhile
	q.mu.Unlock()
	if !due {
		return
	}
	page, _, err := readBack(list, from, expirePage, expirePageBytes)
	if err != nil {
		q.b.log.Error("cannot look for expired messages", "destination", q.dest.String(), "error", err)
	}
	now, n := q.b.nowMS(), 0
	for n < len(page) && page[n].m.Expired(now) {
		n++
	}
	q.mu.Lock()
	q.window.paging = false
	if n > 0 && !q.removed {
		for i := range page[:n] {
			r := &ref{m: page[i].m, home: q, key: page[i].key}
			q.usage.add(r.size()) // settle takes it away again
			q.doomed = append(q.doomed, r)
		}
		q.overflow.pop(q.b, n, page[n-1].next)
	}
	q.dispatchLocked()
	q.release()
}
