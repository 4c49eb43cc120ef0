//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// relay passes connections on to a broker, and cuts them all when told to.
type relay struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns []net.Conn // mu
}

func startRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: l, target: target}
	go r.serve()
	t.Cleanup(func() {
		l.Close()
		r.cut()
	})
	return r
}

func (r *relay) serve() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.target)
		if err != nil {
			near.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, near, far)
		r.mu.Unlock()
		go pass(near, far)
		go pass(far, near)
	}
}

func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	from.Close()
	to.Close()
}

func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

// TestConsumersInTransactionsClose kills a master again before the Java client
// has recovered its transactions from the last time: within the second that
// it waits before it delivers again what it has rolled back. After that it
// passes on its own copies of messages that others may have committed by then,
// which is counted, and acknowledges them.
func TestConsumersInTransactionsClose(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.Conclave, harness.Conclave)
	l := p.run(10, ledgerOptions{messages: 60_000, rate: 600, mode: "transacted"})
	require.Zero(t, l.unflaggedBy(p, harness.Conclave))
}

// TestConsumersInTransactionsCut is the same with one broker and connections
// that are cut twice within half a second. With -kinds activemq,activemq it
// prints what becomes of that there. Either kind makes dead letters of what was
// prefetched on more lost connections than the client's redelivery policy
// allows, seen or not.
func TestConsumersInTransactionsCut(t *testing.T) {
	t.Parallel()
	kind := harness.Conclave
	if first, _, ok := strings.Cut(*kindsFlag, ","); ok {
		kind = harness.Kind(first)
	}
	b := newBroker(t, kind, "a", t.TempDir())
	require.NoError(t, b.Start())
	require.NoError(t, b.WaitServing(startLimit))
	r := startRelay(t, harness.Address(b.Port()))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	url := fmt.Sprintf("failover:(tcp://%s)?initialReconnectDelay=10&maxReconnectDelay=100", r.listener.Addr())
	l := startLedgerAt(ctx, t, url, ledgerOptions{messages: 60_000, rate: 600, mode: "transacted"})
	random := rand.New(rand.NewPCG(lab.Seed, 1))
	for range 4 {
		l.more(600)
		r.cut()
		l.more(50 + random.Int64N(250))
		r.cut()
	}
	l.more(100)
	if kind == harness.ActiveMQ {
		l.finish()
		return
	}
	l.settle()
}
