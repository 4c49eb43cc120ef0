//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// ledger is a run of Ledger.java: four producers and four consumers that live
// through every failover, outside the processes that are killed.
type ledger struct {
	t       *testing.T
	program *harness.Program
	sent    atomic.Int64 // messages acknowledged so far, by hundreds
	ended   chan struct{}
	mode    string
	// Written by the reader of lines, until ended.
	account   harness.Line
	unflagged map[string]int64 // duplicates without JMSRedelivered by the address that delivered them
	notes     []string
}

type ledgerOptions struct {
	messages int    // at most, for stop ends it
	rate     int    // sends a second
	mode     string // of acknowledging: auto, client, transacted
	pairs    bool   // a queue and a consumer for each producer
	calm     int64  // messages at least from each master
}

func startLedger(ctx context.Context, t *testing.T, p *pair, o ledgerOptions) *ledger {
	t.Helper()
	return startLedgerAt(ctx, t, p.url(), o)
}

func startLedgerAt(ctx context.Context, t *testing.T, url string, o ledgerOptions) *ledger {
	t.Helper()
	program, err := lab.Java.Start(ctx, "Ledger", "url="+url, "run="+t.Name(), "until=told",
		fmt.Sprintf("messages=%d", o.messages), fmt.Sprintf("rate=%d", o.rate), "mode="+o.mode, fmt.Sprintf("pairs=%v", o.pairs),
		"times="+filepath.Join(t.TempDir(), "times"))
	require.NoError(t, err)
	l := &ledger{t: t, program: program, mode: o.mode, ended: make(chan struct{}), unflagged: map[string]int64{}}
	go l.read()
	return l
}

func (l *ledger) read() {
	defer close(l.ended)
	for text := range l.program.Lines {
		switch line := harness.ParseLine(text); line.Word {
		case "PROGRESS":
			var n int64
			if _, err := fmt.Sscanf(text, "PROGRESS %d", &n); err == nil {
				l.sent.Store(n)
			}
		case "LEDGER":
			l.account = line
			l.notes = append(l.notes, text)
		case "UNFLAGGED":
			l.unflagged[line.Values["by"]] = line.Int("n")
			l.notes = append(l.notes, text)
		case "READY", "SENT":
		default:
			l.notes = append(l.notes, text)
		}
	}
}

// more waits until n more messages are acknowledged: there is load.
func (l *ledger) more(n int64) {
	l.t.Helper()
	goal := l.sent.Load() + n
	require.Eventually(l.t, func() bool { return l.sent.Load() >= goal }, startLimit, 5*time.Millisecond,
		"the clients send nothing more than %d", l.sent.Load())
}

// finish ends the sending and prints the account.
func (l *ledger) finish() {
	t := l.t
	t.Helper()
	require.NoError(t, l.program.Tell("stop"))
	<-l.ended
	err := l.program.Wait()
	for i, note := range l.notes {
		if i < 60 || strings.HasPrefix(note, "LEDGER") {
			t.Log(note)
		}
	}
	require.NoError(t, err)
}

// settle ends the sending and asserts what every owner of the directory has to
// keep together: nothing acknowledged is lost, nothing confirmed comes again,
// nothing comes that was not sent, order holds. Consumption in transactions is
// no promise of ActiveMQ's across a failover: it takes a range of what it has
// delivered, in another order than the client's, and tells the client that all
// is committed. And the client passes on again what it has rolled back, out of
// its own memory, across a failover. That is counted.
func (l *ledger) settle() {
	t := l.t
	t.Helper()
	l.finish()
	require.Positive(t, l.account.Int("attempted"))
	for _, promise := range []string{"unacked", "lost", "alien", "disorder"} {
		require.Zero(t, l.account.Int(promise), promise)
	}
	if l.mode != "transacted" {
		require.Zero(t, l.account.Int("again"), "again")
	}
}

// unflaggedBy is how many duplicates came unflagged from the nodes of a kind.
func (l *ledger) unflaggedBy(p *pair, kind harness.Kind) (n int64) {
	for _, node := range p.nodes {
		if node.Kind() == kind {
			n += l.unflagged[node.URL()]
		}
	}
	return n
}
