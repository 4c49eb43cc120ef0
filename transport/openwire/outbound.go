package openwire

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

const (
	mostQueued = 1 << 20 // entries of an outbound queue: the hard limit
	mostBytes  = 4 << 20 // of messages that wait before consumers are held back
	mostOwed   = 1 << 14 // requests that are not answered before the reader waits
	keepQueue  = 1 << 9  // entries of a queue's memory that is kept when idle
	busyQueue  = 1 << 11 // the same while it is made use of
)

// kind says which fields of an entry count.
type kind uint8

const (
	aCommand  kind = iota // command
	aRequest              // command, which wants a response
	aResponse             // correlation
	aDelivery             // delivery
	aNumbered             // command with correlation as its id, which wants a response
	aFormat               // command, a *codec.Format: what follows is encoded so
)

// entry is something to send, by value so that queueing allocates nothing.
type entry struct {
	kind        kind
	answers     bool // one less is owed when it has been written
	correlation int32
	delivery    message.Delivery
	command     any
}

// outbound is what waits to be written. Whoever appends never blocks.
type outbound struct {
	mu       sync.Mutex
	work     sync.Cond // the writer waits for entries or the end
	settled  sync.Cond // the reader or a stop waits for owed to fall
	queue    []entry   // guarded by mu
	owed     int       // guarded by mu: requests whose answer is not written
	finished bool      // guarded by mu: takes nothing more, what is there is written
	closed   bool      // guarded by mu: nothing more is written
	draining bool      // guarded by mu: deliveries are dropped
	idle     bool      // guarded by mu: the writer waits and has written all it took
	lent     bool      // guarded by mu: the idle writer's buffer is somebody else's
	rest     bool      // guarded by mu: which came back with something to write
	corked   bool      // guarded by mu: nothing is taken before finish
	gathered int       // guarded by mu: answers in a corked queue

	spare []entry // guarded by mu: memory for the queue, while the writer waits

	bytes   atomic.Int64 // of messages queued or being written; changed under mu
	resumes []func()     // guarded by mu: who waits for bytes to fall
}

func newOutbound() *outbound {
	o := &outbound{}
	o.work.L, o.settled.L = &o.mu, &o.mu
	return o
}

// push appends e and reports whether there was room; where the queue has ended
// e is dropped.
func (o *outbound) push(e *entry) bool {
	o.mu.Lock()
	if o.finished || o.closed || o.draining && e.kind == aDelivery {
		if e.answers {
			o.settleLocked(1)
		}
		o.mu.Unlock()
		return true
	}
	full := len(o.queue) >= mostQueued
	if !full {
		o.queue = append(o.queue, *e)
		if e.kind == aDelivery && e.delivery.Message != nil {
			o.bytes.Add(e.delivery.Message.Size())
		}
		if o.corked && e.answers {
			o.gathered++
			o.settled.Broadcast()
		}
	}
	wake := len(o.queue) == 1
	o.mu.Unlock()
	if wake {
		o.work.Signal()
	}
	return !full
}

// borrow gives the caller the writer, if it has nothing to do, until giveBack.
func (o *outbound) borrow() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.idle || o.lent || o.rest || o.corked || len(o.queue) > 0 || o.finished || o.closed {
		return false
	}
	o.lent = true
	return true
}

// giveBack ends borrow. answers were written; rest says that there is more
// for the writer to write.
func (o *outbound) giveBack(answers int, rest bool) {
	o.mu.Lock()
	o.lent, o.rest = false, rest
	if answers > 0 {
		o.settleLocked(answers)
	}
	wake := rest || len(o.queue) > 0 || o.finished || o.closed
	o.mu.Unlock()
	if wake {
		o.work.Signal()
	}
}

// congested reports whether so much waits that consumers are to be given no
// more; resume is called when it is half of that.
func (o *outbound) congested(resume func()) bool {
	if o.bytes.Load() < mostBytes {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bytes.Load() < mostBytes || o.closed || o.finished {
		return false
	}
	o.resumes = append(o.resumes, resume)
	return true
}

// written forgets n bytes of messages, and lets those go on who were held
// back.
func (o *outbound) written(n int64) {
	o.mu.Lock()
	left := o.bytes.Add(-n)
	var resumes []func()
	if left <= mostBytes/2 {
		resumes, o.resumes = o.resumes, nil
	}
	o.mu.Unlock()
	for _, resume := range resumes {
		resume()
	}
}

// owe counts a request that wants an answer. It waits while too many are owed
// and reports whether the queue is still open.
func (o *outbound) owe() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.owed >= mostOwed && !o.closed && !o.finished {
		o.settled.Wait()
	}
	o.owed++
	return !o.closed && !o.finished
}

// owing is how many answers are owed.
func (o *outbound) owing() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.owed
}

// forgive takes one owed answer back that will never be sent.
func (o *outbound) forgive() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.settleLocked(1)
}

func (o *outbound) settleLocked(n int) {
	o.owed -= n
	if o.owed == 0 || o.corked || o.owed < mostOwed && o.owed+n >= mostOwed {
		o.settled.Broadcast()
	}
}

// take waits for entries and gives all of them; the memory of used is queued
// into next. It counts so many answers, which were written, as settled. It
// reports false at the end. A writer that has encoded what it has not written
// does not wait; it may get nothing.
func (o *outbound) take(used []entry, answers int, unwritten bool) ([]entry, bool) {
	clear(used)
	if n := cap(used); n > busyQueue || n > keepQueue && len(used) < n/4 {
		used = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if answers > 0 {
		o.settleLocked(answers)
	}
	if unwritten && o.corked && !o.finished && !o.closed {
		return used[:0], true
	}
	o.spare = used[:0]
	o.idle = true
	for o.lent || !o.rest && !o.finished && !o.closed && (len(o.queue) == 0 || o.corked) {
		o.work.Wait()
	}
	o.idle = false
	if o.closed || len(o.queue) == 0 && !o.rest {
		return nil, false
	}
	o.rest = false
	taken := o.queue
	o.queue, o.spare = o.spare, nil
	return taken, true
}

// trim gives the memory back that an idle queue does not need.
func (o *outbound) trim() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if cap(o.spare) > keepQueue {
		o.spare = nil
	}
	if len(o.queue) == 0 && cap(o.queue) > keepQueue {
		o.queue = nil
	}
}

// isClosed reports whether nothing more may be written.
func (o *outbound) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// more reports whether entries came while the writer was encoding.
func (o *outbound) more() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.queue) > 0 && !o.closed && (!o.corked || o.finished)
}

// drain drops deliveries from now on and waits until every answer that is
// owed has been written, or ctx ends.
func (o *outbound) drain(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.settled.Broadcast()
	})()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.draining = true
	for o.owed > 0 && !o.closed && !o.finished && ctx.Err() == nil {
		o.settled.Wait()
	}
}

// cork keeps what is queued until finish, so that it is written in one piece
// with the end.
func (o *outbound) cork() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.corked = true
	for i := range o.queue {
		if o.queue[i].answers {
			o.gathered++
		}
	}
}

// gather waits until every answer that is owed waits in the corked queue, for
// limit at most.
func (o *outbound) gather(limit time.Duration) {
	over := false
	defer time.AfterFunc(limit, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		over = true
		o.settled.Broadcast()
	}).Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.gathered < o.owed && !o.closed && !o.finished && !over {
		o.settled.Wait()
	}
}

// finish lets the writer end when it has written what is there.
func (o *outbound) finish() {
	o.mu.Lock()
	o.finished = true
	o.mu.Unlock()
	o.work.Signal()
	o.settled.Broadcast()
}

// close lets the writer end at once; what is queued is dropped.
func (o *outbound) close() {
	o.mu.Lock()
	o.closed = true
	o.queue, o.resumes = nil, nil
	o.mu.Unlock()
	o.work.Signal()
	o.settled.Broadcast()
}
