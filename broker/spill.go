package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/store"
)

// spill is where a connection's sends and commits wait for the store, in order, while it
// takes nothing: above all, for space on a full disk. The connection's other
// commands go on meanwhile, such as the acknowledgements that make space. A
// goroutine is there for as long as somebody waits.
type spill struct {
	b        *Broker
	left     *atomic.Bool // the connection's
	entering sync.Mutex   // held while a send passes on from here

	mu    sync.Mutex
	queue []spilled     // mu; the first is being tried
	bytes int64         // mu; of their messages
	empty chan struct{} // mu; closed when the queue becomes empty, nil while it is
}

// spilled is a send or a commit that waits.
type spilled struct {
	ctx  context.Context // of the reader and the connection
	gate gate
	size int64
	// run goes on when the store takes it, or ends it with an error.
	run func(error)
}

// maxSpilled is how many bytes of messages may wait here; then the reader
// waits.
const maxSpilled = 1 << 20

// parkable reports whether the producer can be told later how its send ended.
func (d *dispatch) parkable() bool { return d.required || d.p.info.WindowSize > 0 }

// waitForStore lets d pass if the store takes it. Otherwise it puts it into
// the spill, if its producer waits for an answer, or blocks. Nobody passes
// those of the same connection who came before.
func (d *dispatch) waitForStore(ctx context.Context) (spilledNow bool, err error) {
	if !d.m.Persistent {
		return false, nil
	}
	s := &d.c.spill
	for {
		wait, full := s.state()
		switch {
		case wait == nil:
			if now, err := d.admits(); now {
				return false, err
			}
			if !d.parkable() {
				return false, d.c.b.admit(ctx, d.gate())
			}
			s.add(d, ctx)
			return true, nil
		case d.parkable() && !full:
			s.add(d, ctx)
			return true, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", ErrClosed, ctx.Err())
		}
	}
}

// state gives what is closed when nobody waits any more, nil if nobody does,
// and whether as many wait as may.
func (s *spill) state() (wait <-chan struct{}, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.empty, s.bytes >= maxSpilled
}

// add puts a send into the spill.
func (s *spill) add(d *dispatch, ctx context.Context) {
	send := d.later()
	s.push(spilled{ctx, d.gate(), d.m.Size(), func(err error) {
		if err != nil {
			send.finish()(err)
			return
		}
		send.enter(ctx)
	}})
}

// push lets w wait for its turn. It never blocks.
func (s *spill) push(w spilled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, w)
	s.bytes += w.size
	if s.empty == nil {
		s.empty = make(chan struct{})
		s.b.run(s.pass)
	}
}

// pass takes one after the other to the store, until nobody waits.
func (s *spill) pass() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			close(s.empty)
			s.queue, s.empty = nil, nil
			s.mu.Unlock()
			return
		}
		next := s.queue[0]
		s.mu.Unlock()
		s.try(next)
		s.mu.Lock()
		s.bytes -= next.size
		s.queue[0] = spilled{}
		s.queue = s.queue[1:]
		s.mu.Unlock()
	}
}

func (s *spill) try(w spilled) {
	err := s.b.admit(w.ctx, w.gate)
	s.entering.Lock()
	defer s.entering.Unlock()
	if err == nil && w.ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ErrClosed, w.ctx.Err())
	}
	if errors.Is(err, ErrClosed) && s.left.Load() {
		err = s.b.ousted(s.left)
	}
	w.run(err)
}

// refused reports that the store has refused what it had admitted, because its
// disk filled in that moment, and that this is not for the client to know: w is
// tried again like all that comes after it.
func (s *spill) refused(err error, w spilled) bool {
	if !errors.Is(err, store.ErrNoSpace) || s.b.options.SendFailIfNoSpace || w.ctx.Err() != nil {
		return false
	}
	s.push(w)
	return true
}

// settle waits until no send is passing on; those whose context has ended will
// not any more.
func (s *spill) settle() {
	s.entering.Lock()
	defer s.entering.Unlock()
}
