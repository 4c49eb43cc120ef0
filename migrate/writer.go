package migrate

import (
	"context"
	"sync"

	"github.com/conclavemq/conclave/store"
)

// ahead is how many units may wait for the target.
const ahead = 8

// writer appends units to the target, some ahead of their Done. One goroutine
// uses it.
type writer struct {
	ctx   context.Context
	to    store.Store
	slots chan struct{}
	mu    sync.Mutex
	err   error // the first; guarded by mu
}

func newWriter(ctx context.Context, to store.Store) *writer {
	return &writer{ctx: ctx, to: to, slots: make(chan struct{}, ahead)}
}

// put appends a unit, when there is room. Its ops have their Seq afterwards.
func (w *writer) put(u *store.Unit) error {
	if err := w.acquire(); err != nil {
		return err
	}
	if err := w.to.Admit(w.ctx); err != nil {
		<-w.slots
		return err
	}
	u.Sync = true
	done := u.Done
	u.Done = func(err error) {
		if done != nil && err == nil {
			done(nil)
		}
		if err != nil {
			w.fail(err)
		}
		<-w.slots
	}
	w.to.Append(u)
	return nil
}

// ops is put of operations; none is nothing.
func (w *writer) ops(list ...store.Op) error {
	if len(list) == 0 {
		return nil
	}
	return w.put(&store.Unit{Ops: list})
}

func (w *writer) acquire() error {
	if err := w.failure(); err != nil {
		return err
	}
	select {
	case w.slots <- struct{}{}:
		return w.failure()
	case <-w.to.Failed():
		return store.ErrFailed
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// flush waits until everything has been done.
func (w *writer) flush() error {
	var err error
	n := 0
	for ; n < ahead && err == nil; n++ {
		err = w.acquire()
		if err != nil {
			break
		}
	}
	for range n {
		<-w.slots
	}
	if err == nil {
		err = w.failure()
	}
	return err
}

func (w *writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
