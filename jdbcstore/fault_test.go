//go:build postgres

package jdbcstore

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// ledger drives a store from several goroutines, each with a queue of its own
// and a share in a common one, and knows what has to be there.
type ledger struct {
	s    *Store
	led  bool // its goroutines lead where they may
	mu   sync.Mutex
	left map[message.Destination]map[message.MessageKey]bool // mu
	seqs map[message.MessageKey]store.Seq                    // mu
}

// work adds and removes messages, in units of several operations, and counts
// what was confirmed.
func (l *ledger) work(t *testing.T, p int64, confirmed *atomic.Int64, stop <-chan struct{}) {
	own := message.NewQueue(fmt.Sprintf("OWN.%d", p))
	random := rand.New(rand.NewPCG(uint64(p), 7))
	var mine []store.Op
	for n := int64(0); ; n += 2 {
		select {
		case <-stop:
			return
		default:
		}
		a, b := benchMessage(p, n), benchMessage(p, n+1)
		a.Destination = own
		ops := []store.Op{{Action: store.Add, Destination: own, Message: a}, {Action: store.Add, Destination: benchQueue, Message: b}}
		removes := 0
		for len(mine) > 4 && removes < random.IntN(5) {
			i := random.IntN(len(mine))
			op := mine[i]
			mine = append(mine[:i], mine[i+1:]...)
			ops = append(ops, store.Op{Action: store.Remove, Destination: op.Destination, ID: op.Message.ID, Seq: op.Seq})
			removes++
		}
		done := make(chan error, 1)
		u := &store.Unit{Ops: ops, Sync: true, Led: l.led, Done: func(err error) { done <- err }}
		l.s.Append(u)
		if l.led {
			l.s.Lead()
		}
		if err := <-done; err != nil {
			t.Errorf("unit was refused: %v", err)
			return
		}
		confirmed.Add(1)
		mine = append(mine, u.Ops[:2]...)
		l.mu.Lock()
		for _, op := range u.Ops {
			if op.Action == store.Remove {
				delete(l.left[op.Destination], op.ID.Key())
				continue
			}
			if l.left[op.Destination] == nil {
				l.left[op.Destination] = map[message.MessageKey]bool{}
			}
			l.left[op.Destination][op.Message.ID.Key()] = true
			l.seqs[op.Message.ID.Key()] = op.Seq
		}
		l.mu.Unlock()
	}
}

// check requires the store to hold each message that is left once, in order.
func (l *ledger) check(t *testing.T, s *Store) {
	for dest, want := range l.left {
		got := map[message.MessageKey]bool{}
		for after := store.Seq(0); ; {
			page, err := s.Page(nil, dest, after, 500, 1<<20)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				key := e.Message.ID.Key()
				require.False(t, got[key], "message is there twice")
				require.Equal(t, l.seqs[key], e.Seq)
				got[key], after = true, e.Seq
			}
		}
		require.Equal(t, want, got)
	}
}

// TestFaults: whatever happens to sessions and the server, each unit is
// carried out once, and each is confirmed in the end.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		times int
		fault func(t *testing.T, proxy *proxy)
	}{
		{"terminated", 15, func(t *testing.T, _ *proxy) {
			sql(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'conclave%'`)
		}},
		{"cut", 40, func(_ *testing.T, p *proxy) { p.cut() }},
		{"answers lost", 40, func(_ *testing.T, p *proxy) { p.deafen() }},
		{"restarted", 2, func(t *testing.T, _ *proxy) {
			require.NoError(t, server.Stop(postgres.Immediate))
			require.NoError(t, server.Start())
		}},
	} {
		way := faultRun{times: c.times, lost: c.name == "answers lost", fault: c.fault, workers: 4}
		t.Run(c.name, func(t *testing.T) { testFault(t, way) })
		if c.name != "restarted" {
			alone := way
			alone.workers, alone.times = 1, c.times/2
			t.Run(c.name+", alone", func(t *testing.T) { testFault(t, alone) })
		}
		if c.name == "terminated" || c.name == "cut" {
			way.copyRows = 1
			t.Run(c.name+", by COPY", func(t *testing.T) { testFault(t, way) })
		}
	}
}

// faultRun is a load and what happens to it.
type faultRun struct {
	workers  int // one leads
	copyRows int
	times    int
	lost     bool // answers are
	fault    func(*testing.T, *proxy)
}

func testFault(t *testing.T, r faultRun) {
	p := newProxy(t, server.Address())
	o := options(emptySchema(t))
	o.Config, o.CopyRows = p.config(t), r.copyRows
	outcomes := &outcomes{}
	o.Log = slog.New(outcomes)
	s := mustOpen(t, o)
	l := &ledger{s: s, led: r.workers == 1, left: map[message.Destination]map[message.MessageKey]bool{}, seqs: map[message.MessageKey]store.Seq{}}
	stop := make(chan struct{})
	var confirmed atomic.Int64
	var wait sync.WaitGroup
	for n := range r.workers {
		wait.Go(func() { l.work(t, int64(n), &confirmed, stop) })
	}
	for range r.times {
		before := confirmed.Load()
		require.Eventually(t, func() bool { return confirmed.Load() > before+4+rand.Int64N(8) }, 30*time.Second, time.Millisecond)
		r.fault(t, p)
	}
	before := confirmed.Load()
	require.Eventually(t, func() bool { return confirmed.Load() > before }, 30*time.Second, time.Millisecond)
	close(stop)
	wait.Wait()
	l.check(t, s)
	require.NoError(t, s.Close())
	t.Logf("outcomes found: %d durable, %d not", outcomes.durable.Load(), outcomes.other.Load())
	if r.lost {
		require.Positive(t, outcomes.durable.Load(), "no transaction was committed without an answer: the test shows nothing")
	}
	o.Config = nil
	s = mustOpen(t, o)
	l.check(t, s)
	for _, d := range s.Recovered().Destinations {
		require.Equal(t, int64(len(l.left[d.Destination])), d.Messages, d.Destination)
	}
	for key := range l.left[benchQueue] {
		require.GreaterOrEqual(t, s.LastSequence(key.Producer), key.Sequence)
	}
}

// proxy stands between a store and the server.
type proxy struct {
	port   uint16
	target string
	mu     sync.Mutex
	pairs  map[*pair]bool // mu
}

type pair struct {
	client, server net.Conn
	deaf           atomic.Bool
}

func newProxy(t *testing.T, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{port: uint16(listener.Addr().(*net.TCPAddr).Port), target: target, pairs: map[*pair]bool{}}
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// config reaches the server through the proxy.
func (p *proxy) config(t *testing.T) *pgxpool.Config {
	config, err := pgxpool.ParseConfig(server.URL("postgres"))
	require.NoError(t, err)
	config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Fallbacks = "127.0.0.1", p.port, nil
	return config
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	x := &pair{client: client, server: server}
	p.mu.Lock()
	p.pairs[x] = true
	p.mu.Unlock()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	buffer := make([]byte, 4096)
	for {
		n, err := server.Read(buffer)
		if err != nil || x.deaf.Load() {
			break
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			break
		}
	}
	_ = client.Close()
	p.mu.Lock()
	delete(p.pairs, x)
	p.mu.Unlock()
}

func (p *proxy) each(do func(*pair)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := range p.pairs {
		do(x)
	}
}

// cut ends all connections at once.
func (p *proxy) cut() {
	p.each(func(x *pair) {
		_ = x.client.Close()
		_ = x.server.Close()
	})
}

// deafen loses the next answer of each connection, and ends it.
func (p *proxy) deafen() { p.each(func(x *pair) { x.deaf.Store(true) }) }

// testLease is a store.Lease that a test moves.
type testLease struct {
	epoch uint64
	valid atomic.Bool
	lost  chan struct{}
}

func newTestLease(epoch uint64) *testLease {
	l := &testLease{epoch: epoch, lost: make(chan struct{})}
	l.valid.Store(true)
	return l
}

func (l *testLease) Epoch() uint64         { return l.epoch }
func (l *testLease) Valid() bool           { return l.valid.Load() }
func (l *testLease) Lost() <-chan struct{} { return l.lost }

func await(s *Store, u *store.Unit) error {
	done := make(chan error, 1)
	u.Done = func(err error) { done <- err }
	s.Append(u)
	return <-done
}

// TestFence: a deposed master commits nothing more.
func TestFence(t *testing.T) {
	o := options(emptySchema(t))
	table := o.Tables.Prefix + "EPOCHS"
	sql(t, "CREATE TABLE "+table+"(EPOCH BIGINT)", "INSERT INTO "+table+" VALUES (1)")
	o.Fence = []string{"SELECT pg_advisory_xact_lock_shared(4711)", "SELECT 1/count(*) FROM " + table + " WHERE EPOCH = 1"}
	o.Lease = newTestLease(1)
	fatal := make(chan error, 1)
	o.OnFatal = func(err error) { fatal <- err }
	s := mustOpen(t, o)
	require.NoError(t, await(s, store.Single(benchAdd(1, 1), true, nil)))
	sql(t, "BEGIN; SELECT pg_advisory_xact_lock(4711); UPDATE "+table+" SET EPOCH = 2; COMMIT")
	require.ErrorIs(t, await(s, store.Single(benchAdd(1, 2), true, nil)), store.ErrLeaseLost)
	require.ErrorIs(t, <-fatal, store.ErrLeaseLost)
	<-s.Failed()
	require.ErrorIs(t, s.Admit(context.Background()), store.ErrLeaseLost)
	require.Equal(t, int64(1), number(t, "SELECT count(*) FROM "+o.Tables.Prefix+"ACTIVEMQ_MSGS"))
	_, err := Open(context.Background(), o)
	require.ErrorIs(t, err, store.ErrLeaseLost)
}

// TestLeaseWindow: nothing is confirmed while the lease is not valid.
func TestLeaseWindow(t *testing.T) {
	o, l := options(emptySchema(t)), newTestLease(1)
	o.Lease = l
	s := mustOpen(t, o)
	require.NoError(t, await(s, store.Single(benchAdd(1, 1), true, nil)))
	l.valid.Store(false)
	done := make(chan error, 1)
	s.Append(store.Single(benchAdd(1, 2), true, func(err error) { done <- err }))
	select {
	case <-done:
		require.Fail(t, "confirmed without a valid lease")
	case <-time.After(50 * time.Millisecond):
	}
	l.valid.Store(true)
	require.NoError(t, <-done)
	l.valid.Store(false)
	s.Append(store.Single(benchAdd(1, 3), true, func(err error) { done <- err }))
	close(l.lost)
	require.ErrorIs(t, <-done, store.ErrLeaseLost)
}

// outcomes is a slog.Handler that counts what became of transactions.
type outcomes struct{ durable, other, errors atomic.Int64 }

func (o *outcomes) Enabled(context.Context, slog.Level) bool { return true }
func (o *outcomes) WithAttrs([]slog.Attr) slog.Handler       { return o }
func (o *outcomes) WithGroup(string) slog.Handler            { return o }
func (o *outcomes) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		o.errors.Add(1)
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "durable" && a.Value.Bool() {
			o.durable.Add(1)
		} else if a.Key == "durable" {
			o.other.Add(1)
		}
		return true
	})
	return nil
}
