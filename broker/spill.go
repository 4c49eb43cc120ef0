package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// spill is where a connection's sends wait for the store, in order, while it
// takes nothing: above all, for space on a full disk. The connection's other
// commands go on meanwhile, such as the acknowledgements that make space. A
// goroutine is there for as long as somebody waits.
type spill struct {
	b        *Broker
	entering sync.Mutex // held while a send passes on from here

	mu    sync.Mutex
	queue []spilled     // mu; the first is being tried
	bytes int64         // mu; of the messages
	empty chan struct{} // mu; closed when the queue becomes empty, nil while it is
}

// spilled is a send that waits.
type spilled struct {
	ctx  context.Context // of the reader and the connection
	send dispatch
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
		case wait == nil && !d.parkable():
			return false, d.admit(ctx)
		case wait == nil:
			err := d.c.b.store.Admit(d.c.b.never)
			if !errors.Is(err, context.Canceled) {
				return false, refusal(err)
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

func (s *spill) add(d *dispatch, ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, spilled{ctx, *d})
	s.bytes += d.m.Size()
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
		next := &s.queue[0]
		s.mu.Unlock()
		s.try(next.ctx, &next.send)
		s.mu.Lock()
		s.bytes -= s.queue[0].send.m.Size()
		s.queue[0] = spilled{}
		s.queue = s.queue[1:]
		s.mu.Unlock()
	}
}

func (s *spill) try(ctx context.Context, d *dispatch) {
	err := d.admit(ctx)
	s.entering.Lock()
	defer s.entering.Unlock()
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ErrClosed, ctx.Err())
	}
	if err != nil {
		d.finish()(err)
		return
	}
	d.enter()
}

// settle waits until no send is passing on; those whose context has ended will
// not any more.
func (s *spill) settle() {
	s.entering.Lock()
	defer s.entering.Unlock()
}
