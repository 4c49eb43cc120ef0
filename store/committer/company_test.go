package committer

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/store"
)

// TestGather: the committer waits for those it knows of, not without any, not
// for ever, and not again and again for nothing.
func TestGather(t *testing.T) { synctest.Test(t, testGather) }

func testGather(t *testing.T) {
	var queue sync.Mutex
	r := NewRole(&queue, Company{Longest: time.Millisecond})
	const each = 10 * time.Microsecond
	waited := func(there, coming int) time.Duration {
		r.mu.TryLock()
		queue.Lock()
		r.TakeLocked()
		queue.Unlock()
		r.mu.TryLock() // TakeLocked lets go of it where there is nothing
		append := func() {
			queue.Lock()
			wake := r.AppendLocked(&store.Unit{Sync: true})
			queue.Unlock()
			if wake {
				r.Wake()
			}
		}
		for range there {
			append()
		}
		for i := range coming {
			time.AfterFunc(each*time.Duration(i+1), append)
		}
		began := time.Now()
		r.Gather()
		took := time.Since(began)
		time.Sleep(time.Second)
		return took
	}
	require.Zero(t, waited(5, 1), "nobody else is expected")
	r.Company.Wrote(3, 1, time.Hour)
	require.Zero(t, waited(0, 1), "nobody waits")
	require.Equal(t, 3*each, waited(1, 5), "all four are there")
	require.Zero(t, r.Company.vain)
	require.Equal(t, time.Millisecond, waited(1, 0))
	r.Company.cost, r.Company.vain, r.Company.skip = 2*each, 0, 0
	require.Equal(t, each, waited(1, 0), "half of what a batch takes")
	require.Equal(t, 1, r.Company.vain, "nobody came")
	require.Zero(t, waited(1, 3), "the next wait is left out")
	waits := 0
	for range 10 * mostSkipped {
		if waited(1, 0) > 0 {
			waits++
		}
	}
	require.Less(t, waits, 20, "waits become seldom")
}

// TestSpin: the same for a committer that keeps a processor busy.
func TestSpin(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // alone it never waits
	var queue sync.Mutex
	r := NewRole(&queue, Company{Longest: time.Hour, Spin: true})
	r.Company.Wrote(3, 0, time.Hour)
	append := func() {
		queue.Lock()
		defer queue.Unlock()
		require.True(t, r.AppendLocked(&store.Unit{Sync: true}) || !r.idle)
	}
	append()
	var others sync.WaitGroup
	others.Go(func() { append(); runtime.Gosched(); append() })
	r.Gather()
	require.Equal(t, 3, r.Asking())
	others.Wait()
	r.Company.Longest = time.Microsecond
	r.Company.expected = 9
	r.Gather()
	require.Equal(t, 3, r.Asking(), "it does not wait for ever")
}
