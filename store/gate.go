package store

import (
	"context"
	"sync"
)

// Gate is where callers of Admit wait. The lock that is given to Pass guards
// it.
type Gate struct {
	room chan struct{} // closed by Open; nil without waiters
}

// Pass waits until look, which is called with the lock, says yes or has an
// error. It looks again after each Open.
func (g *Gate) Pass(ctx context.Context, lock sync.Locker, look func() (bool, error)) error {
	for {
		lock.Lock()
		pass, err := look()
		if pass || err != nil {
			lock.Unlock()
			return err
		}
		if g.room == nil {
			g.room = make(chan struct{})
		}
		room := g.room
		lock.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Open lets everyone who waits look again. The caller has the lock.
func (g *Gate) Open() {
	if g.room != nil {
		close(g.room)
		g.room = nil
	}
}
