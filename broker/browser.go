package broker

import (
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// browser shows a consumer what is in its queues, in flight or not, without
// taking it, and then that there is no more. What is in the store is paged in
// by a goroutine of the browser's own as its credit allows. (ActiveMQ:
// QueueBrowserSubscription)
type browser struct {
	b      *Broker
	conn   *Connection
	peer   Peer
	info   message.ConsumerInfo
	filter Filter

	mu       sync.Mutex
	queues   []*queue   // mu; to be looked through
	inflight int        // mu; shown and not acknowledged
	prefetch int        // mu
	hold     hold       // mu
	credit   *sync.Cond // mu
	closed   bool       // mu
}

func newBrowser(c *Connection, info *message.ConsumerInfo, filter Filter) *browser {
	br := &browser{b: c.b, conn: c, peer: c.peer, info: *info, filter: filter, prefetch: clampPrefetch(info.PrefetchSize)}
	br.credit = sync.NewCond(&br.mu)
	br.hold = newHold(c.peer, br.release)
	return br
}

func (br *browser) details() *message.ConsumerInfo { return &br.info }

// browse adds a queue. A queue that comes into being later is not looked at.
func (br *browser) browse(q *queue) error {
	if err := q.mayConsume(br.conn); err != nil {
		return err
	}
	br.mu.Lock()
	defer br.mu.Unlock()
	br.queues = append(br.queues, q)
	q.stats.consumers.Add(1)
	return nil
}

// begin starts to show, once all queues have been added.
func (br *browser) begin() {
	br.mu.Lock()
	queues := br.queues
	br.mu.Unlock()
	br.b.run(func() {
		br.b.catchUp()
		for _, q := range queues {
			if !br.show(q) {
				return
			}
		}
		br.mu.Lock()
		defer br.mu.Unlock()
		if !br.closed {
			br.peer.Deliver(message.Delivery{Consumer: br.info.ID})
		}
	})
}

// catchUp waits until what has been appended is in the store for all to see: a
// message whose acknowledgement was taken before the browser came is not
// shown to it.
func (b *Broker) catchUp() {
	done := make(chan struct{})
	b.store.Append(&store.Unit{Done: func(error) { close(done) }})
	select {
	case <-done:
	case <-b.stop:
	}
}

// browsePageBytes bounds what is read at a time, beside maxBrowsePageSize.
const browsePageBytes = 4 << 20

// show delivers a queue's messages as they were when it began; false if the
// browser was closed.
func (br *browser) show(q *queue) bool {
	var v view
	var shelves []*shelf
	shelves, v.counts, v.last = q.unstored()
	v.taken = br.b.branches.taken(q)
	for rank := range q.window.lanes() {
		if !br.showLane(q, rank, shelves[rank], &v) {
			return false
		}
	}
	return true
}

// view is what a browser knows of a queue when it begins.
type view struct {
	counts map[store.Seq]int32 // redelivery counters that memory knows better than the store
	taken  map[key]bool        // acknowledged in transactions, not shown
	last   store.Seq           // at which a browse of the store ends
}

// showLane delivers what the store has of a lane, and what else it has.
func (br *browser) showLane(q *queue, rank uint8, transient *shelf, v *view) bool {
	limit := max(q.policy.MaxBrowsePageSize, 1)
	for after, more := store.Seq(0), true; more; {
		entries, err := q.read(rank, after, limit, browsePageBytes)
		if err != nil {
			br.b.log.Error("cannot read a queue to browse it", "destination", q.dest.String(), "error", err)
			break
		}
		more = mayGoOn(entries)
		for i := range entries {
			e := &entries[i]
			if after = e.Seq; after > v.last {
				more = false
				break
			}
			if !br.showUpTo(q, transient, key{seq: e.Seq, rank: rank}, v) {
				return false
			}
			transient.passes(e.Seq)
			if !v.taken[key{seq: e.Seq}] && !br.offer(q, e.Message, max(entryRedeliveries(e), v.counts[e.Seq])) {
				return false
			}
		}
	}
	return br.showUpTo(q, transient, key{rank: rank + 1}, v)
}

// showUpTo delivers what is not in the store and comes before k.
func (br *browser) showUpTo(q *queue, transient *shelf, k key, v *view) bool {
	for m := transient.first(); m != nil && m.key.less(k); m = transient.first() {
		if transient.drop(); !v.taken[key{seq: m.key.seq, sub: m.key.sub}] && !br.offer(q, m.m, m.redeliveries) {
			return false
		}
	}
	return true
}

// offer waits for credit and a peer that reads, and delivers; false if the browser was closed.
func (br *browser) offer(q *queue, m *message.Message, redeliveries int32) bool {
	if br.filter != nil && !br.filter.Match(m, redeliveries) {
		return true
	}
	br.mu.Lock()
	defer br.mu.Unlock()
	for !br.closed && (br.inflight >= max(br.prefetch, 1) || br.hold.heldLocked()) {
		br.credit.Wait()
	}
	if br.closed || !br.b.mayServe() {
		return false
	}
	br.inflight++
	br.peer.Deliver(message.Delivery{Consumer: br.info.ID, Destination: q.dest, Message: m, RedeliveryCounter: redeliveries})
	return true
}

// acknowledge gives credit back: nothing is consumed.
func (br *browser) acknowledge(_ *transaction, a *message.Ack, _ bool, done func(error)) {
	br.mu.Lock()
	br.inflight -= min(max(int(a.Count), 0), br.inflight)
	br.credit.Signal()
	br.mu.Unlock()
	done(nil)
}

// pull is not needed: a browser without prefetch is shown one at a time.
func (br *browser) pull(*message.Pull) error { return nil }

func (br *browser) setPrefetch(n int32) {
	br.mu.Lock()
	defer br.mu.Unlock()
	br.prefetch = clampPrefetch(n)
	br.credit.Signal()
}

func (br *browser) close(int64) {
	br.mu.Lock()
	defer br.mu.Unlock()
	if br.closed {
		return
	}
	br.closed = true
	for _, q := range br.queues {
		q.stats.consumers.Add(-1)
	}
	br.credit.Broadcast()
}
