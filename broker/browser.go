package broker

import (
	"math"
	"slices"
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
	transient, last := q.unstored()
	for rank := range q.window.lanes() {
		var ok bool
		if transient, ok = br.showLane(q, rank, transient, last); !ok {
			return false
		}
	}
	for i := range transient {
		if !br.offer(q, transient[i].m, transient[i].redeliveries) {
			return false
		}
	}
	return true
}

// showLane delivers what the store has of a lane, and what else comes before
// it. It returns what is left of that.
func (br *browser) showLane(q *queue, rank uint8, transient []shown, last store.Seq) (rest []shown, ok bool) {
	limit := max(q.policy.MaxBrowsePageSize, 1)
	for after := store.Seq(0); ; {
		entries, err := q.read(rank, after, limit, browsePageBytes)
		if err != nil {
			br.b.log.Error("cannot read a queue to browse it", "destination", q.dest.String(), "error", err)
			return transient, true
		}
		for i := range entries {
			e := &entries[i]
			if after = e.Seq; after > last {
				return transient, true
			}
			at := key{seq: e.Seq, rank: rank}
			for len(transient) > 0 && transient[0].key.less(at) {
				if !br.offer(q, transient[0].m, transient[0].redeliveries) {
					return nil, false
				}
				transient = transient[1:]
			}
			var r ref
			r.fromEntry(e, q, rank)
			if !br.offer(q, e.Message, r.redeliveries) {
				return nil, false
			}
		}
		if !mayGoOn(entries) {
			return transient, true
		}
	}
}

// offer waits for credit and a peer that reads, and delivers; false if the browser was closed.
func (br *browser) offer(q *queue, m *message.Message, redeliveries int32) bool {
	if br.filter != nil && !br.filter.Match(m) {
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
	br.closed = true
	br.credit.Broadcast()
}

// shown is a message in memory as a browser sees it.
type shown struct {
	m            *message.Message
	key          key
	redeliveries int32
}

// unstored returns what the store would not show, in order, and the position
// at which a browse of the store ends.
func (q *queue) unstored() (list []shown, last store.Seq) {
	q.mu.Lock()
	defer q.mu.Unlock()
	collect := func(r *ref) {
		if !r.stored || r.unit != nil {
			list = append(list, shown{r.m, r.key, r.redeliveries})
		}
	}
	for c := range q.rota.each {
		c.mu.Lock()
		for _, r := range c.inflight.refs[c.inflight.head:] {
			if r != nil && r.home == home(q) {
				collect(r)
			}
		}
		c.mu.Unlock()
	}
	for r := q.window.head; r != nil; r = r.next {
		collect(r)
	}
	slices.SortFunc(list, func(x, y shown) int {
		if x.key.less(y.key) {
			return -1
		}
		return 1
	})
	last = q.window.last()
	if q.window.behind() && !q.window.heard() {
		last = math.MaxUint64 // all is from before this process
	}
	return list, last
}
