package client

import (
	"context"
	"sync"
)

// window bounds the bytes that a producer has sent and the broker has not
// acknowledged with a ProducerAck. (ActiveMQ: producerWindowSize)
type window struct {
	limit int64

	mu    sync.Mutex
	used  int64         // guarded by mu
	err   error         // guarded by mu; the connection's end
	freed chan struct{} // guarded by mu; closed when used falls, nil if nobody waits
}

// acquire takes n bytes, waiting while the window is used up.
func (w *window) acquire(ctx context.Context, n int64) error {
	w.mu.Lock()
	for w.used >= w.limit && w.err == nil {
		if w.freed == nil {
			w.freed = make(chan struct{})
		}
		freed := w.freed
		w.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
		w.mu.Lock()
	}
	w.used += n
	err := w.err
	w.mu.Unlock()
	return err
}

func (w *window) release(n int64) { w.set(func() { w.used = max(w.used-n, 0) }) }

// reset forgets what a lost link owed.
func (w *window) reset() { w.set(func() { w.used = 0 }) }

func (w *window) fail(err error) { w.set(func() { w.err = err }) }

func (w *window) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	if w.freed != nil {
		close(w.freed)
		w.freed = nil
	}
}
