//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// program runs a Java program, counts its PROGRESS lines for between, and
// returns the line that begins with word.
func program(t *testing.T, class, word string, between func(progress int, tell func()), args ...string) harness.Line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	p, err := lab.Java.Start(ctx, class, args...)
	require.NoError(t, err)
	var result harness.Line
	progress := 0
	for text := range p.Lines {
		switch line := harness.ParseLine(text); line.Word {
		case "PROGRESS":
			progress++
			between(progress, func() { require.NoError(t, p.Tell("stop")) })
		case word:
			result = line
			t.Log(text)
		case "READY":
		default:
			t.Log(text)
		}
	}
	require.NoError(t, p.Wait())
	require.NotEmpty(t, result.Word, "no line %s", word)
	return result
}

// TestTransactionsAlternate: what three producers do in transactions is there
// whole or not at all, as they were told, whoever dies in the middle.
func TestTransactionsAlternate(t *testing.T) {
	t.Parallel()
	const each, producers, kills = 150, 3, 8
	p := startPair(t, harness.ActiveMQ, harness.Conclave)
	const share = each * producers / (kills + 2)
	killed, next := 0, share
	account := program(t, "TxKill", "TXLEDGER", func(done int, _ func()) {
		if killed < kills && done >= next {
			p.alternate()
			killed++
			next = (killed+1)*share + p.random.IntN(share/2)
		}
	}, "url="+p.url(), "run="+t.Name(), fmt.Sprintf("transactions=%d", each), "pause=5")
	require.Equal(t, kills, killed)
	for _, promise := range []string{"torn", "lost", "resurrected", "alien"} {
		require.Zero(t, account.Int(promise), promise)
	}
	p.report()
	p.requireSane()
}

// TestConsumersInTransactionsAlternate has consumers that take ten messages in
// a transaction. The Java client needs a moment to recover one; killed before,
// it may not come to an end with it.
func TestConsumersInTransactionsAlternate(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.Conclave, harness.ActiveMQ)
	l := p.run(8, ledgerOptions{messages: 60_000, rate: 600, mode: "transacted", calm: 1200})
	require.Zero(t, l.unflaggedBy(p, harness.Conclave))
}

// TestOrderAlternates has one consumer for each producer: numbers come without
// gaps and inversions from the first to the last.
func TestOrderAlternates(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.ActiveMQ, harness.Conclave)
	l := p.run(6, ledgerOptions{messages: 60_000, rate: 600, mode: "auto", pairs: true})
	require.Zero(t, l.unflaggedBy(p, harness.Conclave))
}

// TestDurableSubscriptionAlternates publishes to a durable subscriber.
func TestDurableSubscriptionAlternates(t *testing.T) {
	t.Parallel()
	const kills = 8
	p := startPair(t, harness.ActiveMQ, harness.Conclave)
	killed, next := 0, 2
	account := program(t, "Subscriber", "DURABLE", func(progress int, tell func()) {
		switch {
		case progress < next:
		case killed == kills:
			tell()
			killed++
		case killed < kills:
			p.alternate()
			killed++
			next = progress + 3 + p.random.IntN(3)
		}
	}, "url="+p.url(), "run="+t.Name(), "pause=4")
	require.Equal(t, kills+1, killed)
	for _, promise := range []string{"lost", "disorder", "unflagged_conclave"} {
		require.Zero(t, account.Int(promise), promise)
	}
	p.report()
	p.requireSane()
}

// TestPreparedBranchAlternates leaves an XA branch prepared with each kind of
// master, kills that, and ends the branch at the other.
func TestPreparedBranchAlternates(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.ActiveMQ, harness.Conclave)
	for i, outcome := range []string{"commit", "commit", "rollback", "rollback"} {
		number := fmt.Sprintf("number=%d", i)
		program(t, "Branch", "OK", nil, "do=prepare", "url="+p.serving().URL(), number)
		from := p.serving().Kind()
		p.alternate()
		program(t, "Branch", "OK", nil, "do="+outcome, "url="+p.serving().URL(), number)
		t.Logf("prepared at %s, %s at %s", from, outcome, p.serving().Kind())
	}
	p.requireSane()
}

// TestActiveMQPair runs the same ledger on two ActiveMQs, for comparison: what
// it prints beside the promises is what mixed pairs are measured by.
func TestActiveMQPair(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.ActiveMQ, harness.ActiveMQ)
	p.run(min(max(4, *alternationsFlag/5), 20), ledgerOptions{messages: 120_000, rate: 600, mode: "auto"})
}

// TestWaitingDisturbsNobody: a slave that waits, of either kind, touches
// neither the lock file nor the ownership of the other.
func TestWaitingDisturbsNobody(t *testing.T) {
	t.Parallel()
	p := startPair(t, harness.ActiveMQ, harness.Conclave)
	lock, epoch := filepath.Join(p.serving().Directory(), "lock"), filepath.Join(p.serving().Directory(), "conclave.epoch")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	l := startLedger(ctx, t, p, ledgerOptions{messages: 60_000, rate: 600, mode: "auto"})
	l.more(100)
	before, err := os.Stat(lock)
	require.NoError(t, err)
	l.more(1500) // more than two seconds: ActiveMQ looks twice a second
	after, err := os.Stat(lock)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime(), "Conclave's slave wrote to the lock file")
	require.True(t, os.SameFile(before, after))

	p.alternate()
	require.NoError(t, p.nodes[1-p.master].WaitSlave(startLimit))
	owner, err := os.ReadFile(epoch)
	require.NoError(t, err)
	l.more(1500) // ActiveMQ's slave tries ten times a second
	now, err := os.ReadFile(epoch)
	require.NoError(t, err)
	require.Equal(t, string(owner), string(now))
	log := strings.ToLower(p.serving().Log())
	require.NotContains(t, log, "lease is not valid")
	l.settle()
	p.requireSane()
}
