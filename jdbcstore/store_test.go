//go:build postgres

package jdbcstore

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/storetest"
)

// TestStore is the suite of all stores.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		Open: func(t *testing.T) store.Store { return mustOpen(t, options(emptySchema(t))) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return mustOpen(t, options(s.(*Store).o.Tables.Prefix))
		},
		Abandon: func(t *testing.T, s store.Store) {
			s.(*Store).fail(store.ErrFailed)
		},
	})
}

// TestStoreOnBadNetwork is the same suite with connections that are cut, and
// answers that are lost, all the time.
func TestStoreOnBadNetwork(t *testing.T) {
	p := newProxy(t, server.Address())
	const seed = 1
	stop, random := make(chan struct{}), rand.New(rand.NewPCG(seed, seed))
	t.Cleanup(func() { close(stop) })
	go func() {
		for n := 0; ; n++ {
			// Not at regular times: attempts are, and could always meet one.
			pause := time.NewTimer(time.Duration(100+random.IntN(500)) * time.Millisecond)
			select {
			case <-stop:
				pause.Stop()
				return
			case <-pause.C:
			}
			if n%4 == 0 {
				p.cut()
			} else {
				p.deafen()
			}
		}
	}()
	reach := func(t *testing.T, prefix string) store.Store {
		o := options(prefix)
		o.Config = p.config(t)
		for range 100 {
			if s, err := Open(t.Context(), o); err == nil {
				t.Cleanup(func() { _ = s.Close() })
				return s
			}
		}
		t.Fatal("store was not opened in 100 attempts")
		return nil
	}
	storetest.Run(t, storetest.Factory{
		Open:   func(t *testing.T) store.Store { return reach(t, emptySchema(t)) },
		Reopen: func(t *testing.T, s store.Store) store.Store { return reach(t, s.(*Store).o.Tables.Prefix) },
	})
}
