package storetest

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// testOrder: Done order, Seq order and page order are the order of Append.
func testOrder(t *testing.T, f Factory) {
	s := f.open(t)
	const n = 500
	var (
		done    []int
		entries []store.Entry
		wait    sync.WaitGroup
	)
	wait.Add(n)
	for i := range n {
		m := text(orders, 1, i+1, 50)
		u := store.Single(add(m), i%3 == 0, func(err error) {
			if err == nil {
				done = append(done, i)
			}
			wait.Done()
		})
		s.Append(u)
		entries = append(entries, store.Entry{Message: m, Seq: u.Ops[0].Seq})
	}
	wait.Wait()
	require.Len(t, done, n)
	for i := range done {
		require.Equal(t, i, done[i], "order of Done")
	}
	require.NotZero(t, entries[0].Seq)
	same(t, entries, all(t, s, orders))
}

// testAppendFromDone: Done may append.
func testAppendFromDone(t *testing.T, f Factory) {
	s := f.open(t)
	const n = 20
	finished := make(chan error, 1)
	var next func(i int)
	next = func(i int) {
		s.Append(store.Single(add(text(orders, 1, i, 10)), true, func(err error) {
			if err != nil || i == n {
				finished <- err
				return
			}
			next(i + 1)
		}))
	}
	next(1)
	require.NoError(t, <-finished)
	require.Len(t, all(t, s, orders), n)
}

// testConcurrency: many producers, some on one queue, with consumers that
// page and remove.
func testConcurrency(t *testing.T, f Factory) {
	s := f.open(t)
	const producers, each = 8, 60
	var wait sync.WaitGroup
	for p := range producers {
		own := message.NewQueue("OWN." + string(rune('A'+p)))
		wait.Go(func() {
			ctx := background(t)
			var last store.Seq
			for i := range each {
				shared, private := text(orders, p, 2*i, 64), text(own, p, 2*i+1, 64)
				if s.Admit(ctx) != nil {
					t.Error("Admit failed")
					return
				}
				u := must(t, s, add(shared), add(private))
				if u.Ops[0].Seq <= last || u.Ops[1].Seq <= u.Ops[0].Seq {
					t.Error("Seq does not rise")
				}
				last = u.Ops[1].Seq
				if i%2 == 0 {
					must(t, s, remove(private, u.Ops[1].Seq))
				}
			}
			if got := len(all(t, s, own)); got != each/2 {
				t.Errorf("%d left on a private queue", got)
			}
		})
	}
	wait.Wait()
	next := map[message.ProducerID]int64{}
	entries := all(t, s, orders)
	require.Len(t, entries, producers*each)
	for _, e := range entries {
		id := e.Message.ID
		require.Equal(t, next[id.Producer], id.ProducerSequence, "order of one producer")
		next[id.Producer] += 2
	}
}

// testUnitsAreWhole: a reader sees all of a unit or nothing.
func testUnitsAreWhole(t *testing.T, f Factory) {
	s := f.open(t)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			page, err := s.Page(nil, orders, 0, 1000, 1<<30)
			if err != nil || len(page)%5 != 0 {
				t.Errorf("a reader saw %d messages of units of 5: %v", len(page), err)
				return
			}
		}
	})
	for i := range 50 {
		var ops []store.Op
		for j := range 5 {
			ops = append(ops, add(text(orders, 1, 5*i+j, 10)))
		}
		must(t, s, ops...)
	}
	close(stop)
	wait.Wait()
	require.Len(t, all(t, s, orders), 250)
}

// testEmptyUnit: a unit without operations is done when all before it are.
func testEmptyUnit(t *testing.T, f Factory) {
	s := f.open(t)
	for i := range 50 {
		m := text(orders, 1, i+1, 50)
		u := store.Single(add(m), false, nil)
		s.Append(u)
		s.Append(store.Single(store.Op{Action: store.Remove, Destination: orders, ID: m.ID, Seq: u.Ops[0].Seq}, false, nil))
		done := make(chan error, 1)
		s.Append(&store.Unit{Done: func(err error) { done <- err }})
		require.NoError(t, <-done)
		require.Empty(t, all(t, s, orders))
	}
}
