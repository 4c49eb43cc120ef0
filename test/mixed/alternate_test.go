//go:build mixed

package mixed

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// run kills the master n times under load and settles the ledger.
func (p *pair) run(n int, o ledgerOptions) *ledger {
	t := p.t
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*30*time.Second+3*time.Minute)
	defer cancel()
	began := time.Now()
	l := startLedger(ctx, t, p, o)
	for range n {
		l.more(max(100, o.calm))
		// a random moment, of the 0.8 s that the sends take at most
		p.alternate(func() { l.more(1 + p.random.Int64N(int64(o.rate)*8/10)) })
	}
	l.more(100)
	l.settle()
	p.report()
	p.requireSane()
	t.Logf("MIXED %s: %d alternations in %v, %d messages, %d flagged and %d unflagged duplicates (by Conclave %d, by ActiveMQ %d, by either %d), %d after they were confirmed",
		t.Name(), n, time.Since(began).Round(time.Second), l.account.Int("acked"), l.account.Int("flagged"), l.account.Int("unflagged"),
		l.unflaggedBy(p, harness.Conclave), l.unflaggedBy(p, harness.ActiveMQ), l.unflagged[""], l.account.Int("again"))
	return l
}

// TestAlternations is the long run: ActiveMQ and Conclave take a directory
// from each other by kill -9.
func TestAlternations(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.ActiveMQ, harness.Conclave)
	l := p.run(*alternationsFlag, ledgerOptions{messages: 4000 * (*alternationsFlag + 10), rate: 600, mode: "auto"})
	require.Zero(t, l.unflaggedBy(p, harness.Conclave), "duplicates that Conclave delivered without JMSRedelivered")
}
