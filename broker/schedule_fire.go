package broker

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// longestNap bounds how long the loop sleeps, so that it follows a clock that
// was set.
const longestNap = time.Second

// loop fires jobs when they are due, and takes requests of management in
// between.
func (s *schedule) loop() {
	ctx, cancel := context.WithCancel(context.Background())
	s.b.run(func() {
		<-s.b.quiet
		cancel()
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last *flight
	for {
		select {
		case <-s.b.quiet:
			return
		case <-s.wake:
		case <-timer.C:
		}
		more := true
		for more && !s.b.stopping.Load() {
			last, more = s.fireDue(ctx, last)
		}
		timer.Reset(s.rest())
	}
}

// rest is how long the loop may sleep from now on; what comes meanwhile and is
// due earlier wakes it.
func (s *schedule) rest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := s.untilNextLocked()
	s.wakes = s.b.nowMS() + wait.Milliseconds()
	return wait
}

// untilNext is how long nothing is due, as far as anybody wants to know.
func (s *schedule) untilNext() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.untilNextLocked()
}

func (s *schedule) untilNextLocked() time.Duration {
	first, ok := s.alarms.first()
	if !ok {
		return longestNap
	}
	wait := first.due - s.b.nowMS()
	if wait >= longestNap.Milliseconds() {
		return longestNap
	}
	return max(time.Duration(wait), 0) * time.Millisecond
}

// flight counts the units of one page.
type flight struct {
	left   atomic.Int32
	landed chan struct{}
}

func (f *flight) land() {
	if f.left.Add(-1) == 0 {
		close(f.landed)
	}
}

// fireDue appends the units of a page of what is due, and waits until those of
// the page before are in the store. More says that there may be more to do.
func (s *schedule) fireDue(ctx context.Context, last *flight) (now *flight, more bool) {
	if s.untilNext() > 0 {
		return last, false
	}
	if s.b.paused.Load() || !s.b.mayServe() {
		return last, s.nap(retryJobs/10) && false
	}
	if err := s.b.store.Admit(ctx); err != nil {
		return last, s.nap(retryJobs) && false // a full disk, where producers are told
	}
	next := &flight{landed: make(chan struct{})}
	next.left.Store(1)
	n, postponed := s.fireTurn(next)
	next.land()
	if last != nil {
		select {
		case <-last.landed:
		case <-s.b.stop:
		}
	}
	if n > 0 && postponed == n {
		s.nap(retryJobs / 10)
	}
	return next, n > 0
}

// fireTurn fires a page, n jobs, of which some may have to wait.
func (s *schedule) fireTurn(f *flight) (n, postponed int) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.mu.Lock()
	due := s.alarms.takeDue(nil, s.b.nowMS(), salvo, salvoBytes)
	s.mu.Unlock()
	return len(due), s.firePage(due, f)
}

// firePage fires what it can, in order, and returns how many have to wait.
func (s *schedule) firePage(due []alarm, f *flight) (postponed int) {
	messages, err := s.read(due)
	if err != nil {
		s.b.log.Error("cannot read scheduled messages", "error", err)
		s.putBack(due, retryJobs)
		return len(due)
	}
	coming := arrivals{}
	for i, a := range due {
		m := messages[i]
		if m == nil {
			s.lose(a)
			continue
		}
		u := s.firing(m, a, coming)
		if u == nil {
			s.putBack(due[i:i+1], retryJobs)
			postponed++
			continue
		}
		f.left.Add(1)
		u.commit(store.None, message.TransactionID{}, true, func(err error) {
			if err != nil {
				s.putBack([]alarm{a}, retryJobs)
			} else {
				s.leave(a)
				s.stats.dispatched.Add(1)
			}
			f.land()
		})
	}
	return postponed
}

// read brings the messages of alarms; those that cannot be read are nil.
func (s *schedule) read(due []alarm) ([]*message.Message, error) {
	order := make([]int, len(due))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return int(int64(due[i].seq) - int64(due[j].seq))
	})
	messages := make([]*message.Message, len(due))
	var page []store.Entry
	limit := 1 // more while jobs that are due lie side by side
	for at := 0; at < len(order); {
		var err error
		page, err = s.b.store.Page(page[:0], s.dest, due[order[at]].seq-1, limit, jobPageBytes)
		if err != nil {
			return nil, err
		}
		hits := 0
		for i := range page {
			for at < len(order) && due[order[at]].seq < page[i].Seq {
				at++
			}
			if at < len(order) && due[order[at]].seq == page[i].Seq {
				messages[order[at]] = page[i].Message
				at++
				hits++
			}
		}
		if len(page) == 0 {
			break
		}
		if hits*2 >= len(page) {
			limit = min(limit*2, len(order)-at+1)
		} else {
			limit = 1
		}
	}
	return messages, nil
}

// lose forgets a job that the store cannot give back; the store has said so.
func (s *schedule) lose(a alarm) {
	s.b.log.Error("a scheduled message is lost: the store does not have it", "position", uint64(a.seq))
	s.leave(a)
}

// leave forgets what a job counted for.
func (s *schedule) leave(a alarm) {
	s.stats.size.Add(-1)
	s.stats.dequeued.Add(1)
	s.usage.release(int64(a.size))
}

// putBack makes jobs due once more, after a while if wait is not 0.
func (s *schedule) putBack(list []alarm, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range list {
		if wait > 0 {
			a.due = s.b.nowMS() + wait.Milliseconds()
		}
		s.alarms.putBack(a)
	}
}

// removal takes a job out of the store.
func (s *schedule) removal(m *message.Message, seq store.Seq) store.Op {
	return store.Op{Action: store.Remove, Destination: s.dest, ID: m.ID, Seq: seq}
}

// firing is what happens when the job m is due, or nil if its destination has
// no room now.
func (s *schedule) firing(m *message.Message, a alarm, coming arrivals) *batch {
	u := newBatch(s.b)
	u.ops = append(u.ops, s.removal(m, a.seq))
	j, err := parseJob(m)
	if err != nil {
		s.bury(u, m, err)
		return u
	}
	if !j.cron || j.plan.repeat == 0 {
		room, err := s.deliver(u, j, coming)
		switch {
		case err != nil && s.mayComeBack(j):
			return nil
		case err != nil:
			s.bury(u, m, err)
			return u
		case !room:
			return nil
		}
	}
	if err := s.goOn(u, j); err != nil {
		s.b.log.Warn("a scheduled message does not come again", "job", j.name(), "error", err)
	}
	return u
}

// deliver adds j's message to where it goes, and reports whether there is room
// for it.
func (s *schedule) deliver(u *batch, j *job, coming arrivals) (bool, error) {
	d, err := j.delivery(s.b.nowMS(), s.unique)
	if err != nil {
		return false, err
	}
	legs, err := s.b.reach(d)
	if err != nil {
		return false, err
	}
	for _, l := range legs {
		if short(l.target, d) != nil || coming.fill(l.target, d) {
			return false, nil
		}
	}
	if d.ID.Producer != s.producer {
		d.ID.BrokerSequence = s.b.sequence.Add(1)
	}
	for _, l := range legs {
		u.add(l.target, l.copy(d))
	}
	return true, nil
}

// arrivals are the bytes of a page's messages that are on their way into
// memory.
type arrivals map[*usage]int64

// fill counts m, unless it and those before it are more than there is memory
// for at t.
func (a arrivals) fill(t target, m *message.Message) bool {
	p := t.base()
	if !p.policy.ProducerFlowControl || t.stores(m) && p.dest.Kind.IsQueue() {
		return false
	}
	for u := &p.usage; u != nil; u = u.parent {
		if u.limit > 0 && a[u] > 0 && u.used.Load()+a[u] >= u.limit {
			return true
		}
	}
	for u := &p.usage; u != nil; u = u.parent {
		a[u] += m.Size()
	}
	return false
}

// mayComeBack reports whether a destination that is not there may be so soon.
func (s *schedule) mayComeBack(j *job) bool {
	since := max(j.due, s.since)
	return j.m.Destination.Kind.IsTemporary() && s.b.nowMS() < later(since, temporaryGrace.Milliseconds())
}

// reach finds where a message goes that is sent by the broker itself.
func (b *Broker) reach(m *message.Message) ([]leg, error) {
	g, dest := &b.routing, b.named(m.Destination)
	if dest.IsComposite() || g.concerns(dest) {
		r, err := g.find(b.sendable, m.Destination, dest, b.registry.version.Load())
		if err != nil {
			return nil, err
		}
		first, more := r.take(m)
		if more == nil {
			more = []leg{{target: first}}
		}
		return more, nil
	}
	t, err := b.sendable(dest)
	return []leg{{target: t}}, err
}

// goOn adds the next state of a job that comes again. (ActiveMQ:
// JobSchedulerImpl.mainLoop)
func (s *schedule) goOn(u *batch, j *job) error {
	now := s.b.now()
	switch {
	case j.cron:
		if j.plan.repeat != 0 {
			if err := s.spawn(u, j); err != nil {
				return err
			}
		}
		due, err := nextCron(j.plan.cron, now)
		if err != nil {
			return err
		}
		return s.succeed(u, *j, due)
	case j.repeat != 0:
		next := *j
		if next.repeat > 0 {
			next.repeat = min(next.repeat-1, int32(s.maxRepeat))
		}
		return s.succeed(u, next, j.plan.again(now))
	}
	return nil
}

// spawn adds the repetitions that a cron entry starts: a job of its own.
func (s *schedule) spawn(u *batch, j *job) error {
	child := *j
	child.cron, child.repeat = false, min(j.plan.repeat, int32(s.maxRepeat))
	child.id = s.unique().String()
	once := plan{delay: j.plan.delay, period: j.plan.period}
	due, err := once.first(s.b.now())
	if err != nil {
		return err
	}
	return s.succeed(u, child, due)
}

// succeed adds j in a new state.
func (s *schedule) succeed(u *batch, j job, due int64) error {
	j.due = due
	j.renamed(s.unique())
	m, err := j.encode()
	if err != nil {
		return err
	}
	u.add(s, m)
	return nil
}

// bury moves a job that can never be delivered to the dead letter queue of its
// destination. ActiveMQ logs it and forgets it.
func (s *schedule) bury(u *batch, m *message.Message, cause error) {
	u.ops, u.adds = u.ops[:1], nil
	s.b.log.Warn("a scheduled message cannot be delivered", "message", m.ID.String(), "destination", m.Destination.String(), "error", cause)
	d := m.Copy()
	if j, err := parseJob(m); err == nil {
		if whole, err := j.delivery(s.b.nowMS(), s.unique); err == nil {
			d = whole
		}
	}
	d.Persistent = true // it was kept so far, and is not dropped now
	of := &place{}
	of.init(s.b, d.Destination)
	letter := of.deadLetter(d, cause.Error(), false, nil)
	if letter == nil {
		return
	}
	t, err := s.b.ensure(letter.Destination)
	if err != nil {
		s.b.log.Error("cannot create the dead letter queue", "destination", letter.Destination.String(), "error", err)
		return
	}
	u.add(t, letter)
	s.stats.deadLettered.Add(1)
}
