//go:build interop

package interop

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// The target from a kill to the next acknowledged send. The test only
// asserts ten times the worst, for a machine shared with other work.
const (
	targetMedian = 300 * time.Millisecond
	targetWorst  = time.Second
)

// ledger is one run of Ledger.java against a pair that is being killed.
type ledger struct {
	messages int
	rate     int // sends a second over all producers, so that every kill has its time
	kills    int
	mode     string // the consumers': auto, dups, client, transacted, durable
	pairs    bool   // a queue and a consumer for each producer
	planned  bool   // hand over instead of killing
	stops    bool   // stop with SIGTERM instead of killing
	defaults bool   // no options in the client's URL
}

func TestFailoverLedger(t *testing.T) {
	l := ledger{messages: 100_000, rate: 2500, kills: 10, mode: "auto"}
	if *storeFlag == "postgres" {
		l.messages = 25_000 // the same has been run on a directory
	}
	l.run(t, startPair(t))
}

// TestFailoverLedgerPairs has one consumer a queue, so that order has to hold
// from the first message to the last, whatever is killed.
func TestFailoverLedgerPairs(t *testing.T) {
	t.Parallel()
	ledger{messages: 20_000, rate: 2000, kills: 3, mode: "auto", pairs: true}.run(t, startPair(t))
}

func TestFailoverLedgerClientAck(t *testing.T) {
	t.Parallel()
	ledger{messages: 20_000, rate: 2000, kills: 3, mode: "client"}.run(t, startPair(t))
}

func TestFailoverLedgerTransacted(t *testing.T) {
	t.Parallel()
	ledger{messages: 20_000, rate: 2000, kills: 3, mode: "transacted"}.run(t, startPair(t))
}

// TestFailoverLedgerUnthrottled kills under full load.
func TestFailoverLedgerUnthrottled(t *testing.T) {
	ledger{messages: 60_000, kills: 3, mode: "auto"}.run(t, startPair(t))
}

// run sends, kills at random moments, and settles the accounts.
func (l ledger) run(t *testing.T, p *pair) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	times := filepath.Join(t.TempDir(), "times")
	url := p.failoverURL()
	if l.defaults {
		url, _, _ = strings.Cut(url, "?")
	}
	program, err := lab.Java.Start(ctx, "Ledger", "url="+url, "run="+t.Name(),
		fmt.Sprintf("messages=%d", l.messages), fmt.Sprintf("rate=%d", l.rate), "mode="+l.mode,
		fmt.Sprintf("pairs=%v", l.pairs), "times="+times)
	require.NoError(t, err)

	var kills []time.Time
	var account harness.Line
	var notes []string
	next := p.threshold(l.messages, l.kills, 0)
	for text := range program.Lines {
		switch line := harness.ParseLine(text); line.Word {
		case "PROGRESS":
			var sent int
			_, err := fmt.Sscan(strings.TrimPrefix(text, "PROGRESS "), &sent)
			require.NoError(t, err)
			if len(kills) < l.kills && sent >= next {
				kills = append(kills, l.strike(p))
				next = p.threshold(l.messages, l.kills, len(kills))
			}
		case "LEDGER":
			account = line
			t.Log(text)
		case "READY", "SENT":
		default:
			notes = append(notes, text)
		}
	}
	require.NoError(t, program.Wait())
	if l.planned || l.stops && l.mode != "transacted" {
		require.Empty(t, notes, "what clients saw of a planned hand-over")
	}
	l.report(t, notes, gapsOf(readTimes(t, times), kills))
	require.Len(t, kills, l.kills, "the sends ended before all kills were done")
	l.settle(t, account, p.both(harness.Conclave))
	p.requireSane()
}

func (l ledger) strike(p *pair) time.Time {
	if l.planned {
		return p.switchOver("--timeout=2s") // a loaded machine may be slow to end a transaction
	}
	if l.stops {
		return p.stopMaster()
	}
	return p.killMaster()
}

func (l ledger) report(t *testing.T, notes []string, gaps []gap) {
	for i, note := range notes {
		if i == 40 {
			t.Logf("… and %d more notes", len(notes)-i)
			break
		}
		t.Log(note)
	}
	for i, g := range gaps {
		t.Logf("kill %d at %d: longest gap between sends %v, next send %v after the kill", i+1, g.kill.UnixMilli(), g.length, g.after)
	}
	median, worst := spread(gaps, func(g gap) time.Duration { return g.after })
	medianGap, worstGap := spread(gaps, func(g gap) time.Duration { return g.length })
	if l.planned || l.stops {
		t.Logf("SWITCHOVER %s %s: longest gap between sends median %v worst %v; target %v", lab.Kind, t.Name(), medianGap, worstGap, targetGap)
		require.Less(t, worstGap, 10*targetGap)
		return
	}
	t.Logf("FAILOVER %s %s: kill to next send median %v worst %v; gap median %v worst %v; target %v and %v",
		lab.Kind, t.Name(), median, worst, medianGap, worstGap, targetMedian, targetWorst)
	require.Less(t, worst, 10*targetWorst)
}

// settle asserts the promises: nothing acknowledged lost (P2), nothing
// confirmed delivered again (P3), nothing that was not sent (P4), order (P5).
func (l ledger) settle(t *testing.T, account harness.Line, better bool) {
	require.Equal(t, int64(l.messages), account.Int("attempted"))
	require.Zero(t, account.Int("unacked"), "send() threw through failover:")
	require.Zero(t, account.Int("lost"), "acknowledged and lost")
	require.Zero(t, account.Int("again"), "confirmed and delivered again")
	require.Zero(t, account.Int("alien"), "delivered and never sent like that")
	require.Zero(t, account.Int("disorder"), "order of a producer")
	if l.planned || l.stops {
		t.Logf("%d messages came again, flagged", account.Int("flagged")) // 0 unless a client was slow
	}
	if better {
		// Conclave has to do better: ActiveMQ's new master does not know what
		// the old one had dispatched and flags nothing.
		require.Zero(t, account.Int("unflagged"), "duplicates without JMSRedelivered")
	}
	// What clients poison-acknowledge as duplicates goes to ActiveMQ.DLQ; what
	// is only there was still not lost, but is worth a look.
	if only := account.Int("dead_only"); only > 0 {
		t.Logf("%d messages are in ActiveMQ.DLQ without having been consumed", only)
	}
}

// TestLedgerNotices breaks each promise once, see java/LedgerSelfTest.java.
func TestLedgerNotices(t *testing.T) {
	var account harness.Line
	bad := 0
	for _, text := range runJava(t, time.Minute, "LedgerSelfTest") {
		switch line := harness.ParseLine(text); line.Word {
		case "LEDGER":
			account = line
		case "BAD":
			bad++
		}
	}
	for key, want := range map[string]int64{
		"attempted": 15, "acked": 12, "unacked": 3, "seen": 11, "lost": 1, "flagged": 2, "unflagged": 2, "overtaken": 1, "again": 1,
		"disorder": 1, "alien": 2, "dead": 1, "dead_only": 1, "left": 1,
	} {
		require.Equal(t, want, account.Int(key), key)
	}
	require.Equal(t, 7, bad, "examples of lost, two unflagged, again, disorder and two aliens")
}
