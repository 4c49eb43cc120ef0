//go:build mixed

package mixed

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// marked returns a journal file that begins with ActiveMQ's mark of compacted
// acknowledgements, or "".
func marked(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "db-*.log"))
	require.NoError(t, err)
	for _, file := range files {
		// the head of a batch, that of a record, the type of the command
		if content, err := os.ReadFile(file); err == nil && len(content) > 33 && content[32] == 1 && content[33] == 16 {
			return filepath.Base(file)
		}
	}
	return ""
}

// TestActiveMQGoesOnInCompactedAcknowledgements: an ActiveMQ that is killed
// when it has compacted acknowledgements goes on in the file of those when it
// is started again. Its recovery passes over such a file while the one is there
// that was compacted; Conclave deletes the index that knew better. What was
// written there is kept all the same, when an ActiveMQ is master again.
func TestActiveMQGoesOnInCompactedAcknowledgements(t *testing.T) {
	t.Parallel()
	dir, book := t.TempDir(), harness.NewLedger()
	start := func(kind harness.Kind, name, compaction string) *harness.Broker {
		b := newBrokerWith(t, harness.Options{Kind: kind, Name: name, Directory: filepath.Join(dir, "kahadb"), WorkDir: dir,
			KahaDB: map[string]string{"journalMaxFileLength": "64kb", "cleanupInterval": "200", "checkpointInterval": "200",
				"enableAckCompaction": compaction, "compactAcksAfterNoGC": "1", "compactAcksIgnoresStoreGrowth": "true"}})
		require.NoError(t, b.StartServing(startLimit))
		return b
	}

	first := start(harness.ActiveMQ, "first", "true")
	s := dial(t, first)
	pin, err := s.Producer(within(t, startLimit), message.NewQueue("PINNED"), client.ProducerOptions{})
	require.NoError(t, err)
	require.NoError(t, pin.Send(within(t, startLimit), client.NewText("keeps the first file")))
	send(t, s, book, "early", 20)
	c := consume(t, s)
	take(t, c, book, 10)
	send(t, s, book, "early", 120)
	take(t, c, book, 10)
	var file string
	require.Eventually(t, func() bool { file = marked(t, first.Directory()); return file != "" }, startLimit, time.Millisecond,
		"ActiveMQ compacts no acknowledgements")
	require.NoError(t, first.Kill())
	require.FileExists(t, filepath.Join(first.Directory(), "db-1.log"))

	second := start(harness.ActiveMQ, "second", "false")
	s = dial(t, second)
	take(t, consume(t, s), book, 15)
	send(t, s, book, "late", 10)
	require.NoError(t, second.Kill())
	content, err := os.ReadFile(filepath.Join(second.Directory(), file))
	require.NoError(t, err)
	require.Contains(t, string(content), harness.Entry("late", 5), "the ActiveMQ did not go on in %s", file)

	heir := start(harness.Conclave, "heir", "true")
	send(t, dial(t, heir), book, "heir's", 10)
	require.NoError(t, heir.Kill())

	last := start(harness.ActiveMQ, "last", "true")
	c = consume(t, dial(t, last))
	take(t, c, book, 140+10+10-35)
	none, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	extra, err := c.Receive(none)
	require.ErrorIs(t, err, context.DeadlineExceeded, "one message too many: %v", extra.Message)
	require.NoError(t, book.Check())
}
