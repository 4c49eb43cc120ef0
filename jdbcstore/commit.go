package jdbcstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/conclavemq/conclave/store"
)

// longestWait bounds a wait for company, in which the committer sleeps.
const longestWait = time.Millisecond

// commit is the committer: it alone writes to the database, unless a caller
// leads for a batch (lead.go). It takes what has been appended, sends it in
// batches, each one transaction, and calls each unit's Done in log order.
func (s *Store) commit() {
	defer close(s.ended)
	s.role.Enter()
	for {
		s.role.Gather()
		units, closed := s.take()
		if len(units) > 0 {
			s.rounds(units)
			continue
		}
		if closed {
			return
		}
		<-s.role.Woken()
		s.role.Enter()
	}
}

// rounds carries out what was taken.
func (s *Store) rounds(units []*store.Unit) {
	for rest := units; len(rest) > 0; {
		rest = s.round(rest)
	}
	s.role.Return(units)
}

// take gives what is pending. Where there is nothing it lets go of the role.
func (s *Store) take() (units []*store.Unit, closed bool) {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if units = s.role.TakeLocked(); len(units) > 0 {
		s.backlog = 0
		if !s.full {
			s.gate.Open()
		}
	}
	return units, s.closed
}

// round carries out the first units, as many as go into one transaction, and
// returns the others.
func (s *Store) round(units []*store.Unit) (rest []*store.Unit) {
	if err := s.failureOf(); err != nil {
		s.refuse(units, err)
		return nil
	}
	n := s.gather(units)
	s.carryOut(units[:n])
	return units[n:]
}

// gather takes units from the queue until a batch is full.
func (s *Store) gather(units []*store.Unit) int {
	size, refuseAdds := int64(0), s.refusesAdds()
	for i, u := range units {
		w := u.Work.(*work)
		if size > 0 && size+w.size > int64(s.o.MaxBatch) {
			return i
		}
		if !w.begin(refuseAdds) {
			continue
		}
		size += w.size
	}
	return len(units)
}

// begin moves a unit on from waiting and reports whether it is to be written.
func (w *work) begin(full bool) bool {
	if !w.stage.CompareAndSwap(waiting, taken) && w.stage.Load() == cancelled {
		return false
	}
	if full && w.adds && w.err == nil {
		w.err = store.ErrNoSpace
	}
	if w.branch.Refused() {
		w.err = store.ErrUnknownTransaction
	}
	return w.err == nil
}

// carryOut makes units durable, and calls their Done. What the database
// refuses is found by halves.
func (s *Store) carryOut(units []*store.Unit) {
	for s.again(units) {
	}
}

// again tries once and reports whether to try again.
func (s *Store) again(units []*store.Unit) bool {
	b, err := s.compile(units)
	if err == nil {
		began := time.Now()
		if err = s.write(b); len(b.statements) > 0 {
			s.role.Company.Wrote(b.syncs, s.role.Asking(), time.Since(began))
		}
	}
	if err == nil {
		s.finish(b)
		return false
	}
	s.topics = s.committedTopics()
	switch {
	case errors.Is(err, store.ErrNoSpace):
		return s.withoutSpace(units)
	case s.failureOf() != nil:
		s.refuse(units, s.failureOf())
	case !refusal(err):
		s.fail(fmt.Errorf("%w: %w", store.ErrFailed, err))
		s.refuse(units, s.failureOf())
	default:
		s.split(units, err)
	}
	return false
}

// split carries out units of which at least one is refused.
func (s *Store) split(units []*store.Unit, err error) {
	live := 0
	for _, u := range units {
		if w := u.Work.(*work); w.stage.Load() != cancelled && w.err == nil {
			live++
		}
	}
	if live > 1 {
		s.carryOut(units[:len(units)/2])
		s.carryOut(units[len(units)/2:])
		return
	}
	for _, u := range units {
		w := u.Work.(*work)
		if w.stage.Load() == cancelled {
			continue
		}
		if w.err == nil {
			w.err = explainRefusal(err)
		}
		s.done(u, w)
	}
}

// compile makes the batch of units.
func (s *Store) compile(units []*store.Unit) (*batch, error) {
	if err := s.learn(units); err != nil {
		return nil, err
	}
	s.batches++
	b := &batch{units: units, number: s.batches}
	c := compiler{s: s, topics: s.topics, high: s.high, b: b}
	b.segment.reset()
	for _, u := range units {
		w := u.Work.(*work)
		if w.stage.Load() == cancelled || w.err != nil {
			continue
		}
		if w.branch.Refused() {
			w.err = store.ErrUnknownTransaction
			continue
		}
		if u.Sync {
			b.syncs++
		}
		c.unit(u, w)
	}
	c.flush()
	s.high = c.high
	c.finish()
	return b, nil
}

// finish adds what a batch ends with.
func (c *compiler) finish() {
	b := c.b
	if len(b.record) <= mostSingly {
		for from, sequence := range b.record {
			b.statements = append(b.statements, call{name: stmtProducer, keep: func(row []byte) { from.place = row },
				parameters: [][]byte{textValue(from.name), int8Value(sequence), int8Value(time.Now().UnixMilli()), from.place}})
		}
	} else {
		var name, last array
		for from, sequence := range b.record {
			name.text(from.name)
			last.int(sequence)
		}
		b.call(stmtProducers, name.value(), last.value(), int8Value(time.Now().UnixMilli()))
	}
	if len(b.statements) > 0 && (b.special || !b.marked) {
		b.marker = ""
		b.call(stmtMarker, int8Value(b.number))
	}
}

// learn asks for the sequences of producers that it knows nothing of.
func (s *Store) learn(units []*store.Unit) error {
	var unknown []*producer
	for _, u := range units {
		if w := u.Work.(*work); w.stage.Load() == cancelled || w.err != nil || !w.adds {
			continue
		}
		for i := range u.Ops {
			if op := &u.Ops[i]; op.Action == store.Add {
				if from := s.producers.get(op.Message.ID.Producer); !from.known && !from.asked {
					from.asked = true
					unknown = append(unknown, from)
				}
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	names := make([]string, len(unknown))
	for i, from := range unknown {
		names[i] = from.name
	}
	last, err := s.lastSequences(names)
	for _, from := range unknown {
		from.asked = false
		if err == nil {
			s.producers.learn(from, last[from.name])
		}
	}
	return err
}

// withoutSpace refuses the units that add, for which there was no room. The
// others are tried again: even what removes needs a little, and is waited for,
// since the broker has forgotten what it removes. False: they are refused.
func (s *Store) withoutSpace(units []*store.Unit) (again bool) {
	s.setFull()
	adds := false
	for _, u := range units {
		if w := u.Work.(*work); w.adds && w.err == nil && w.stage.Load() != cancelled {
			w.err, adds = store.ErrNoSpace, true
		}
	}
	if adds {
		return true
	}
	if err := s.pause(removalPause, store.ErrNoSpace); err != nil {
		s.refuse(units, err)
		return false
	}
	return true
}

// refuse ends units with an error.
func (s *Store) refuse(units []*store.Unit, err error) {
	for _, u := range units {
		w := u.Work.(*work)
		if !w.stage.CompareAndSwap(waiting, taken) && w.stage.Load() == cancelled {
			continue
		}
		if w.err == nil {
			w.err = err
		}
		s.done(u, w)
	}
}

// finish calls Done for the units of a durable batch.
func (s *Store) finish(b *batch) {
	if len(b.after) > 0 {
		s.stateMu.Lock()
		for _, change := range b.after {
			change()
		}
		s.stateMu.Unlock()
	}
	for from, sequence := range b.record {
		from.recorded = max(from.recorded, sequence)
	}
	if s.outOfSpace {
		s.lookForSpace(b)
	}
	err := s.confirm()
	for _, u := range b.units {
		w := u.Work.(*work)
		if w.stage.Load() == cancelled {
			continue
		}
		if w.err == nil {
			s.settle(u)
			w.err = err
		}
		s.done(u, w)
	}
}

// settle completes the operations of a durable unit.
func (s *Store) settle(u *store.Unit) {
	if u.Outcome == store.Prepare {
		return
	}
	for i := range u.Ops {
		if op := &u.Ops[i]; op.Action == store.Add {
			op.Segment = segmentOf(op.Seq)
			s.producers.store(&op.Message.ID)
		}
	}
}

func (s *Store) done(u *store.Unit, w *work) {
	if w.err != nil && w.branch != nil {
		s.queueMu.Lock()
		s.branches.Undo(u, w.branch)
		s.queueMu.Unlock()
	}
	w.release()
	if u.Done != nil {
		u.Done(w.err)
	}
}

// confirm waits until the lease is valid: nothing is confirmed without it.
func (s *Store) confirm() error {
	l := s.o.Lease
	if l == nil || l.Valid() {
		return nil
	}
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	for {
		select {
		case <-l.Lost():
			s.fail(store.ErrLeaseLost)
			return s.failureOf()
		case <-s.context.Done():
			return s.failureOf()
		case <-tick.C:
			if l.Valid() {
				return nil
			}
		}
	}
}

// leasePoll is how often a lease that is not valid is looked at.
const leasePoll = 2 * time.Millisecond

// fail ends the store for good: it takes nothing more, and what waits is
// refused.
func (s *Store) fail(err error) {
	s.queueMu.Lock()
	if s.failure != nil {
		s.queueMu.Unlock()
		return
	}
	s.failure = err
	s.gate.Open()
	s.queueMu.Unlock()
	close(s.failed)
	s.cancel()
	s.role.Wake()
	s.o.Log.Error("store has failed", "error", err)
	if s.o.OnFatal != nil {
		go s.o.OnFatal(err)
	}
}

func (s *Store) failureOf() error {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	return s.failure
}

// setFull holds new messages back for a while after the database had no room
// for one.
func (s *Store) setFull() {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if s.full || s.closed {
		return
	}
	s.full = true
	if !s.outOfSpace {
		s.outOfSpace = true
		s.o.Log.Warn("no space left in the database; new messages wait", "retry", fullPause)
	}
	time.AfterFunc(fullPause, func() {
		s.queueMu.Lock()
		defer s.queueMu.Unlock()
		s.full = false
		s.gate.Open()
	})
}

// lookForSpace ends an outage with a durable batch that has added something.
func (s *Store) lookForSpace(b *batch) {
	s.outOfSpace = !slices.ContainsFunc(b.units, func(u *store.Unit) bool {
		w := u.Work.(*work)
		return w.adds && w.err == nil && w.stage.Load() != cancelled
	})
	if !s.outOfSpace {
		s.o.Log.Info("the database has space again")
	}
}

// Pauses before a full database is tried again, with new messages and with
// what only removes.
const (
	fullPause    = time.Second
	removalPause = 100 * time.Millisecond
)

func (s *Store) refusesAdds() bool {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	return s.full
}

// lastSequences asks the database what producers have reached, -1 for nothing.
func (s *Store) lastSequences(names []string) (map[string]int64, error) {
	var list array
	for _, name := range names {
		list.text(name)
	}
	var last map[string]int64
	err := s.retry(func(ctx context.Context, c *session) (err error) {
		last, err = c.last(ctx, list.value(), names)
		return err
	})
	return last, err
}
