//go:build postgres

package pglock

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

func started(t *testing.T, settings map[string]string) *postgres.Server {
	t.Helper()
	s, err := postgres.New(postgres.Options{Settings: settings})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.Start())
	return s
}

// TestRestartOfTheDatabase: the master goes on, though a slave waits too.
func TestRestartOfTheDatabase(t *testing.T) {
	s := started(t, nil)
	a, logA := advisory(t, s.URL(""), "a")
	lease := win(t, a)
	b, logB := advisory(t, s.URL(""), "b")
	second := queue(t, b)
	logB.await(t, slaveMode)
	for _, mode := range []postgres.Mode{postgres.Fast, postgres.Immediate} {
		before := strings.Count(logA.String(), "going on as the master")
		require.NoError(t, s.Stop(mode))
		require.Eventually(t, func() bool { return !lease.Valid() }, time.Second, time.Millisecond, "silence at once")
		require.NoError(t, s.Start())
		require.Eventually(t, func() bool { return strings.Count(logA.String(), "going on as the master") > before }, 10*time.Second, time.Millisecond)
		require.Eventually(t, lease.Valid, time.Second, time.Millisecond)
		require.Empty(t, second)
	}
	require.NoError(t, lease.Release())
	require.EqualValues(t, 2, receive(t, second).lease.Epoch())
}

// TestOutageThatLasts: clients are let go when the grace period is over, and
// the next Acquire waits for the database.
func TestOutageThatLasts(t *testing.T) {
	s := started(t, nil)
	o, _ := options(t, s.URL(""), "a")
	o.Window, o.Grace = 300*time.Millisecond, 300*time.Millisecond
	a, err := NewAdvisory(o)
	require.NoError(t, err)
	lease := win(t, a)
	require.NoError(t, s.Stop(postgres.Immediate))
	<-lease.Lost()
	require.NoError(t, lease.Release())
	again := queue(t, a)
	require.NoError(t, s.Start())
	require.EqualValues(t, 2, receive(t, again).lease.Epoch())
}

// TestFailoverToAStandby: with several hosts in the source the one that can
// write is found; what the master has in memory is read anew.
func TestFailoverToAStandby(t *testing.T) {
	s := started(t, map[string]string{"synchronous_standby_names": "second"})
	standby, err := s.Standby("second", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	require.NoError(t, standby.Start())
	u, err := url.Parse(s.URL(""))
	require.NoError(t, err)
	u.Host = standby.Address() + "," + s.Address()
	a, logA := advisory(t, u.String(), "a")
	lease := win(t, a)
	require.EqualValues(t, 1, lease.Epoch())
	require.NoError(t, s.Kill())
	require.NoError(t, standby.Promote())
	require.NoError(t, standby.Exec("", "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"))
	select {
	case <-lease.Lost():
	case <-time.After(10 * time.Second):
		require.Fail(t, "the master has not noticed", logA)
	}
	require.ErrorContains(t, lease.Cause(), "a standby has become the database")
	require.NoError(t, lease.Release())
	require.EqualValues(t, 2, win(t, a).Epoch())
}

// TestStandbyThatMissedAnEpoch: the epoch that the database forgot is lost, and
// the next with its number is another.
func TestStandbyThatMissedAnEpoch(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, server.URL(db), "a")
	require.NoError(t, win(t, a).Release())
	first := a.Fence()
	lease := win(t, a)
	require.NoError(t, server.Exec(db, fmt.Sprintf("UPDATE CONCLAVE_EPOCH SET EPOCH = %d, HOLDER = '%s'", first.Epoch, first.Holder)))
	<-lease.Lost()
	require.ErrorContains(t, lease.Cause(), "forgotten epoch 2")
	lost := a.Fence()
	require.NoError(t, lease.Release())
	require.EqualValues(t, 2, win(t, a).Epoch())
	conn, err := pgx.ConnectConfig(t.Context(), a.o.Source.config)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return lost.Enter(t.Context(), tx) }), ErrDeposed)
}

// TestSilentMaster: a master that says nothing, as one whose host is frozen, is
// given up by the server, and knows when it wakes.
func TestSilentMaster(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, server.URL(db), "a")
	require.NoError(t, win(t, a).Release()) // makes the tables
	keys, err := KeysOf(t.Context(), connect(t, a), a.o.Tables)
	require.NoError(t, err)
	frozen, err := open(t.Context(), a.o.Source, "frozen")
	require.NoError(t, err)
	defer frozen.end()
	ok, err := frozen.try(t.Context(), keys)
	require.NoError(t, err)
	require.True(t, ok)
	fence, err := TakeEpoch(t.Context(), frozen.Conn, a.o.Tables, a.o.holder())
	require.NoError(t, err)
	writer := connect(t, a) // stopped within a transaction
	tx, err := writer.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, fence.Enter(t.Context(), tx))

	b, logB := advisory(t, server.URL(db), "b")
	began := time.Now()
	r := receive(t, queue(t, b))
	t.Logf("taken over after %v of silence", r.at.Sub(began))
	require.Greater(t, r.at.Sub(began), DefaultWindow, "its lease was not valid any more")
	require.Less(t, r.at.Sub(began), silenceTime+2*time.Second)
	require.Contains(t, logB.String(), "ending transactions of the last master")
	require.Error(t, tx.Commit(t.Context()), "a transaction from before")
	require.Error(t, frozen.Ping(t.Context()))
	require.ErrorIs(t, pgx.BeginFunc(t.Context(), connect(t, a), func(tx pgx.Tx) error { return fence.Enter(t.Context(), tx) }), ErrDeposed)
	require.True(t, r.lease.Valid())
}

func connect(t *testing.T, a *Advisory) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), a.o.Source.config)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// TestLingeringSession: the server still keeps a session that is dead for its
// owner, who has it ended.
func TestLingeringSession(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, server.URL(db), "a")
	require.NoError(t, win(t, a).Release())
	s, err := open(t.Context(), a.o.Source, "a")
	require.NoError(t, err)
	defer s.end()
	keys, err := KeysOf(t.Context(), s.Conn, a.o.Tables)
	require.NoError(t, err)
	ok, err := s.try(t.Context(), keys)
	require.NoError(t, err)
	require.True(t, ok)
	fence, err := TakeEpoch(t.Context(), s.Conn, a.o.Tables, a.o.holder())
	require.NoError(t, err)
	lost := &tenure{o: &a.o, keys: keys, fence: fence, last: *s}
	live := func() bool { return true }
	require.Eventually(t, func() bool { return lost.Prove(live) == nil }, 5*time.Second, 10*time.Millisecond)
	require.Error(t, s.Ping(t.Context()))
	require.NoError(t, lost.Release(true))

	// Another's session is left alone.
	other, err := open(t.Context(), a.o.Source, "b")
	require.NoError(t, err)
	defer other.end()
	ok, err = other.try(t.Context(), keys)
	require.NoError(t, err)
	require.True(t, ok)
	require.ErrorIs(t, (&tenure{o: &a.o, keys: keys, fence: fence, last: *s}).Prove(live), lock.ErrLost)
	require.NoError(t, other.Ping(t.Context()))
}
