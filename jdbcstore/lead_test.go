//go:build postgres

package jdbcstore

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/store"
)

// leadable waits until a caller may lead.
func leadable(t *testing.T, s *Store) {
	s.role.Isolate()
	require.Eventually(t, s.role.Leadable, 10*time.Second, 100*time.Microsecond)
}

// TestLeaderCommitsItself: Done has been called when Lead returns, by the
// leader; and what was left to a leader that never came is not forgotten.
func TestLeaderCommitsItself(t *testing.T) {
	s := mustOpen(t, options(emptySchema(t)))
	for n := int64(1); n <= 30; n++ {
		leadable(t, s)
		called := false // by this goroutine, says the race detector
		u := store.Single(benchAdd(1, n), true, func(err error) { called = err == nil })
		u.Led = true
		s.Append(u)
		s.Lead()
		require.True(t, called)
	}
	leadable(t, s)
	left := make(chan error, 1)
	u := store.Single(benchAdd(1, 31), true, func(err error) { left <- err })
	u.Led = true
	s.Append(u)
	require.NoError(t, await(s, store.Single(benchAdd(1, 32), true, nil)))
	require.NoError(t, <-left)
	page, err := s.Page(nil, benchQueue, 0, 100, 1<<20)
	require.NoError(t, err)
	require.Len(t, page, 32)
	require.NoError(t, s.Close())
	s.Lead()
}

// TestFaultOfALeaderIsFinal: a reader's backstop must not hide that a batch was
// carried out half-way.
func TestFaultOfALeaderIsFinal(t *testing.T) {
	s := mustOpen(t, options(emptySchema(t)))
	leadable(t, s)
	u := store.Single(benchAdd(1, 1), true, func(error) { panic("fault") })
	u.Led = true
	s.Append(u)
	require.Panics(t, s.Lead)
	<-s.Failed()
	require.ErrorIs(t, await(s, store.Single(benchAdd(1, 2), true, nil)), store.ErrFailed)
}

// TestFailureEndsALead: a leader that waits for the database returns when the
// lease is lost, and confirms nothing.
func TestFailureEndsALead(t *testing.T) {
	o := options(emptySchema(t))
	s := mustOpen(t, o)
	require.NoError(t, await(s, store.Single(benchAdd(1, 1), true, nil)))
	leadable(t, s)
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), `BEGIN; LOCK TABLE `+o.Tables.Prefix+`ACTIVEMQ_MSGS IN EXCLUSIVE MODE`)
	require.NoError(t, err)
	done := make(chan error, 1)
	u := store.Single(benchAdd(1, 2), true, func(err error) { done <- err })
	u.Led = true
	s.Append(u)
	go s.Lead()
	require.Eventually(t, func() bool {
		return number(t, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`, s.session.name) == 1
	}, 10*time.Second, 5*time.Millisecond)
	require.Empty(t, done)
	s.fail(store.ErrLeaseLost)
	require.ErrorIs(t, <-done, store.ErrLeaseLost)
}

// TestLeadersAndCommitter: whoever commits, every unit is done once, in log
// order, and none is forgotten.
func TestLeadersAndCommitter(t *testing.T) {
	s := mustOpen(t, options(emptySchema(t)))
	const producers, each = 5, 60
	var last store.Seq // guarded by the role: Done functions follow one another
	var wait sync.WaitGroup
	for p := range int64(producers) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(p), 1))
			for n := range int64(each) {
				done := make(chan error, 1)
				u := store.Single(benchAdd(p, n), random.IntN(4) > 0, nil)
				u.Led = p > 0 && random.IntN(4) > 0
				u.Done = func(err error) {
					if err == nil && u.Ops[0].Seq <= last {
						err = store.ErrFailed
					}
					last = max(last, u.Ops[0].Seq)
					done <- err
				}
				s.Append(u)
				if u.Led {
					s.Lead()
				}
				if random.IntN(8) > 0 {
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
				for range random.IntN(50) {
					runtime.Gosched()
				}
			}
		})
	}
	wait.Wait()
	require.NoError(t, s.Close())
	require.Equal(t, int64(producers*each), number(t, `SELECT count(*) FROM `+s.o.Tables.Prefix+`ACTIVEMQ_MSGS`))
}
