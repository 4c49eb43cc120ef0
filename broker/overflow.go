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
	// dam is a position in the log, of the lane, that the first lies at or
	// behind: what is stored beyond it has to wait for what is spooled.
	dam store.Seq
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
	if o.n == 0 {
		o.dam = k.seq
	}
	o.n++
	return true
}

// drop forgets messages that were read.
func (o *overflow) drop(b *Broker, page []back) {
	if len(page) == 0 {
		return
	}
	o.n -= len(page)
	o.next, o.dam = page[len(page)-1].next, page[len(page)-1].key.seq
	o.list.Release(o.next)
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
		page = append(page, back{m, key{seq: store.Seq(seq), sub: sub}, next})
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
	merged  bool // the spool was read
	spooled []back
	beyond  store.Seq // where the first lies that was read and not taken; 0: there is none
}

// ahead says what of a lane to read next.
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
		s.full = mayGoOn(s.entries)
	}
	if a.list == nil {
		return s, nil
	}
	spooled, more, err := readBack(a.list, a.from, a.limit, a.bytes)
	if err != nil {
		return s, err
	}
	s.merged = true
	s.merge(a, spooled, more)
	return s, nil
}

// settle gives up what was read of the store beyond the first message that has
// been spooled since the read began. Nothing was spooled then, so that it was
// not looked for, and what is stored beyond it has come later.
func (s *stretch) settle(l *lane) {
	if !s.merged {
		s.entries, _ = l.cut(s.entries)
	}
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
			s.beyond = spooled[i].key.seq
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

// more reports whether there is more of a lane than the window holds.
func (l *lane) more() bool { return l.behind || l.overflow.n > 0 }

// more reports whether there is more than the window holds.
func (w *window) more() bool {
	for rank := range w.lanes() {
		if w.lane(rank).more() {
			return true
		}
	}
	return false
}

// closeOverflow forgets what is spooled and returns how much that was.
func (w *window) closeOverflow(b *Broker) (n int) {
	for rank := range w.lanes() {
		o := &w.lane(rank).overflow
		n += o.n
		o.close(b)
	}
	return n
}

// ahead says what a lane is to be filled with next.
func (w *window) ahead(l *lane, p *place) ahead {
	a := ahead{behind: l.behind, after: l.cursor, seen: l.visible}
	a.limit, a.bytes = w.wanting(l, p)
	a.limit, a.bytes = min(a.limit, p.policy.MaxPageSize), min(a.bytes, p.policy.MaxPageBytes)
	if l.overflow.n > 0 {
		a.list, a.from = l.overflow.list, l.overflow.next
	}
	return a
}
