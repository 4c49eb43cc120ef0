//go:build mixed

package mixed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

var kept = message.NewQueue("KEPT")

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, b *harness.Broker) *client.Session {
	t.Helper()
	conn, err := client.Dial(within(t, startLimit), b.URL(), client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	session, err := conn.Session(within(t, startLimit), client.AutoAcknowledge)
	require.NoError(t, err)
	return session
}

func consume(t *testing.T, s *client.Session) *client.Consumer {
	t.Helper()
	consumer, err := s.Consumer(within(t, startLimit), kept, client.ConsumerOptions{})
	require.NoError(t, err)
	return consumer
}

// send sends n messages of a kilobyte, each confirmed, and enters them.
func send(t *testing.T, s *client.Session, book *harness.Ledger, name string, n int) {
	t.Helper()
	ctx := within(t, startLimit)
	producer, err := s.Producer(ctx, kept, client.ProducerOptions{})
	require.NoError(t, err)
	for range n {
		number, body := book.Next(name, 1024)
		require.NoError(t, producer.Send(ctx, client.NewText(body)))
		book.Acknowledged(name, number)
	}
}

// take receives n messages and enters them, if there is a book.
func take(t *testing.T, c *client.Consumer, book *harness.Ledger, n int) {
	t.Helper()
	ctx := within(t, startLimit)
	for i := range n {
		d, err := c.Receive(ctx)
		require.NoError(t, err, "after %d of %d messages", i, n)
		if book != nil {
			text, err := client.Text(d.Message)
			require.NoError(t, err)
			book.Delivered("consumer", text, d.RedeliveryCounter > 0)
		}
	}
}

// pause is an ActiveMQ master that was stopped in the middle of its work and
// has lost its lock, with an heir that serves its directory.
type pause struct {
	t         *testing.T
	dir       string
	old, heir *harness.Broker
	consumer  *client.Consumer // of the old master's
	producer  *client.Session  // of the old master's
	book      *harness.Ledger
	inherited []int // files that were there when the heir had begun, with its first one
}

const keptMessages = 3000

func pauseActiveMQ(t *testing.T) *pause {
	dir := t.TempDir()
	p := &pause{t: t, dir: filepath.Join(dir, "kahadb"), book: harness.NewLedger()}
	p.old = newBrokerWith(t, harness.Options{Kind: harness.ActiveMQ, Name: "old", Directory: p.dir, WorkDir: dir,
		KahaDB: map[string]string{"journalMaxFileLength": "1mb", "cleanupInterval": "500", "checkpointInterval": "500"}})
	require.NoError(t, p.old.StartServing(startLimit))
	p.producer = dial(t, p.old)
	send(t, p.producer, p.book, "before", keptMessages)
	p.consumer = consume(t, dial(t, p.old))
	require.NoError(t, p.old.Process().Signal(syscall.SIGSTOP))
	// What NFS does when a lease expires: its lock is gone and it does not know.
	require.NoError(t, os.Remove(filepath.Join(p.dir, "lock")))

	p.heir = newBroker(t, harness.Conclave, "heir", dir)
	at := time.Now()
	require.NoError(t, p.heir.StartServing(startLimit))
	t.Logf("the heir serves after %v", time.Since(at).Round(time.Millisecond))
	p.inherited = p.numbers()
	send(t, dial(t, p.heir), p.book, "after", 500)
	return p
}

// wake lets the old master go on: its consumer acknowledges all to it, and its
// producer has it begin new files. It returns when the old master has deleted
// what it does not need any more.
func (p *pause) wake() {
	t := p.t
	t.Helper()
	require.FileExists(t, p.file("db-1.log"))
	require.NoError(t, p.old.Process().Signal(syscall.SIGCONT))
	take(t, p.consumer, nil, keptMessages)
	send(t, p.producer, harness.NewLedger(), "late", 4000)
	require.Eventually(t, func() bool { return strings.Contains(p.heir.Log(), "is restored") }, startLimit, 10*time.Millisecond,
		"the old master deleted nothing, so the test shows nothing")
	require.True(t, p.old.Running())
	restored := strings.Count(p.heir.Log(), "is restored")
	orphans, err := filepath.Glob(p.file("db-*.orphan"))
	require.NoError(t, err)
	t.Logf("the woken ActiveMQ deleted at least %d files; %d files of its own were set aside", restored, len(orphans))
}

// numbers are those of the journal files that are there.
func (p *pause) numbers() (list []int) {
	names, err := filepath.Glob(p.file("db-*.log"))
	require.NoError(p.t, err)
	for _, name := range names {
		var n int
		_, err := fmt.Sscanf(filepath.Base(name), "db-%d.log", &n)
		require.NoError(p.t, err)
		list = append(list, n)
	}
	return list
}

// foreign are the files that the old master began after its pause: the heir's
// have higher numbers.
func (p *pause) foreign() []int {
	return slices.DeleteFunc(p.numbers(), func(n int) bool {
		return slices.Contains(p.inherited, n) || n > slices.Max(p.inherited)
	})
}

func (p *pause) file(name string) string { return filepath.Join(p.dir, name) }

// settle takes everything from the present owner.
func (p *pause) settle(owner *harness.Broker) {
	t := p.t
	t.Helper()
	c := consume(t, dial(t, owner))
	take(t, c, p.book, keptMessages+500)
	none, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	d, err := c.Receive(none)
	require.Error(t, err, "one message too many: %v", d.Message)
	require.NoError(t, p.book.Check())
}

// TestPausedActiveMQWakes: an ActiveMQ that was stopped while it was master,
// and wakes when Conclave has taken over, damages nothing: neither what it
// left nor what came after it, for this owner and for the next one of either
// kind.
func TestPausedActiveMQWakes(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"the heir", "conclave", "activemq"} {
		t.Run("served by "+strings.ReplaceAll(next, " ", "_"), func(t *testing.T) {
			p := pauseActiveMQ(t)
			p.wake()
			if next == "the heir" {
				p.settle(p.heir)
				return
			}
			// The old one runs on; ActiveMQ has no protection from it, nor from
			// the files that it leaves.
			if next == string(harness.ActiveMQ) {
				require.NoError(t, p.old.Kill())
				require.Eventually(t, func() bool { return len(p.foreign()) == 0 }, startLimit, 10*time.Millisecond,
					"the heir leaves files of the old one where they are")
			}
			require.NoError(t, p.heir.Kill())
			owner := newBroker(t, harness.Kind(next), "next", filepath.Dir(p.dir))
			require.NoError(t, owner.StartServing(startLimit), fmt.Sprint(next))
			p.settle(owner)
			require.NotContains(t, owner.Log(), "missing")
		})
	}
}
