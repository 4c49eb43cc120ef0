//go:build postgres

package pglock

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// server is shared by the tests that do not stop it; each has a database of
// its own there.
var server *postgres.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if server, err = postgres.New(postgres.Options{}); err == nil {
		err = server.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := server.Close(); code != 0 || err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// database makes an empty one and returns its name.
func database(t *testing.T, s *postgres.Server) string {
	t.Helper()
	name := fmt.Sprintf("d%d", time.Now().UnixNano())
	require.NoError(t, s.Exec("", "CREATE DATABASE "+name))
	return name
}

// notes keeps what was logged.
type notes struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func (n *notes) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(n.String(), text) }, 20*time.Second, time.Millisecond, "%s in\n%s", text, n)
}

// options are those of a broker; its log is shown when the test fails.
func options(t *testing.T, url, name string) (Options, *notes) {
	t.Helper()
	source, err := ParseSource(url)
	require.NoError(t, err)
	n := &notes{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s:\n%s", name, n)
		}
	})
	return Options{Source: source, BrokerName: name, CreateTables: true, KeepAlivePeriod: 100 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(n, nil))}, n
}

func advisory(t *testing.T, url, name string) (*Advisory, *notes) {
	t.Helper()
	o, n := options(t, url, name)
	a, err := NewAdvisory(o)
	require.NoError(t, err)
	return a, n
}

// win acquires at once and releases with the test.
func win(t *testing.T, l lock.Locker) *lock.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	lease, err := l.Acquire(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lease.Release() })
	return lease
}

// result is what came of an Acquire.
type result struct {
	lease *lock.Lease
	err   error
	at    time.Time
}

// queue begins to wait for the lock.
func queue(t *testing.T, l lock.Locker) <-chan result {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan result, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lease, err := l.Acquire(ctx)
		if err == nil && ctx.Err() != nil {
			_ = lease.Release()
		}
		done <- result{lease, err, time.Now()}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		select {
		case r := <-done:
			if r.err == nil {
				_ = r.lease.Release()
			}
		default:
		}
	})
	return done
}

func receive(t *testing.T, done <-chan result) result {
	t.Helper()
	select {
	case r := <-done:
		require.NoError(t, r.err)
		t.Cleanup(func() { _ = r.lease.Release() })
		return r
	case <-time.After(20 * time.Second):
		require.Fail(t, "nobody got the lock")
	}
	return result{}
}

const slaveMode = "This broker is now in slave mode"

func TestAdvisoryElectsOne(t *testing.T) {
	url := server.URL(database(t, server))
	a, _ := advisory(t, url, "a")
	b, logB := advisory(t, url, "b")
	first := win(t, a)
	require.EqualValues(t, 1, first.Epoch())
	require.False(t, first.Waited())
	require.True(t, first.Valid())
	second := queue(t, b)
	logB.await(t, slaveMode)
	require.Contains(t, logB.String(), "broker a (host ")
	require.NotContains(t, logB.String(), postgres.Password)
	require.NoError(t, first.Check(t.Context()))

	status, err := ReadHolder(t.Context(), b.o.Source, b.o.Tables)
	require.NoError(t, err)
	require.True(t, status.Held)
	require.False(t, status.IsForeign())
	require.Equal(t, "a", status.Holder.Broker)
	require.Equal(t, os.Getpid(), status.Holder.PID)

	began := time.Now()
	require.NoError(t, first.Release())
	r := receive(t, second)
	t.Logf("taken over in %v", r.at.Sub(began))
	require.EqualValues(t, 2, r.lease.Epoch())
	require.True(t, r.lease.Waited())
	require.True(t, r.lease.Valid())
	require.False(t, first.Valid())
}

// TestSessionIsEnded: nobody waits, so the master gets its lock back and goes on.
func TestSessionIsEnded(t *testing.T) {
	db := database(t, server)
	a, logA := advisory(t, server.URL(db), "a")
	lease := win(t, a)
	for range 2 {
		terminate(t, db, "%lock a")
		require.Eventually(t, func() bool { return !lease.Valid() || strings.Contains(logA.String(), "going on as the master") }, time.Second, time.Millisecond)
		logA.await(t, "going on as the master")
		require.Eventually(t, lease.Valid, 5*time.Second, time.Millisecond)
	}
	terminate(t, db, "%lock a row")
	require.Eventually(t, func() bool { return strings.Count(logA.String(), "going on as the master") >= 3 }, 5*time.Second, time.Millisecond)
	terminate(t, db, "%lock a%")
	require.Eventually(t, func() bool { return strings.Count(logA.String(), "going on as the master") >= 4 }, 5*time.Second, time.Millisecond)
	// Two sessions were ended: it may have gone on after one of them alone.
	require.Eventually(t, func() bool { return lease.Check(t.Context()) == nil }, 5*time.Second, time.Millisecond)
	require.EqualValues(t, 1, a.Fence().Epoch)
}

// terminate ends the sessions with an application_name of that pattern.
func terminate(t *testing.T, db, pattern string) {
	t.Helper()
	n, err := server.Query("", fmt.Sprintf(
		"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s' AND application_name LIKE '%s'", db, pattern))
	require.NoError(t, err)
	require.NotEqual(t, "0", n)
}

// TestSessionIsEndedWithASlave: whoever waits is first, and the old master knows.
func TestSessionIsEndedWithASlave(t *testing.T) {
	db := database(t, server)
	a, _ := advisory(t, server.URL(db), "a")
	b, logB := advisory(t, server.URL(db), "b")
	lease := win(t, a)
	second := queue(t, b)
	logB.await(t, slaveMode)
	conn, err := pgx.ConnectConfig(t.Context(), a.o.Source.config)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	fence := a.Fence()
	require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return fence.Enter(t.Context(), tx) }))
	terminate(t, db, "%lock a")
	r := receive(t, second)
	require.EqualValues(t, 2, r.lease.Epoch())
	select {
	case <-lease.Lost():
	case <-time.After(5 * time.Second):
		require.Fail(t, "the old master does not know")
	}
	require.ErrorIs(t, lease.Cause(), lock.ErrLost)
	err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return fence.Enter(t.Context(), tx) })
	require.ErrorIs(t, err, ErrDeposed)
	batch := &pgx.Batch{}
	fence.Queue(batch)
	require.ErrorIs(t, Deposed(pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return tx.SendBatch(t.Context(), batch).Close() })), ErrDeposed)
}
