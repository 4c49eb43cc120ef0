//go:build interop

package interop

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/test/harness"
)

// compact rewrites every file of a directory that nobody has open.
func (d *directory) compact() {
	t := d.t
	j, err := journal.Open(journal.Options{Directory: d.path, MaxFileLength: 1 << 20, CleanupInterval: -1, CompactRate: -1,
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, j.CompactAll())
	for _, damage := range j.Damage() { // ActiveMQ deletes files without saying so
		require.True(t, damage.Doubtful, "%+v", damage)
	}
	c := j.Compaction()
	require.NoError(t, j.Close())
	t.Logf("compacted: %+v", c)
	d.rewritten += c.Files
}

// TestCompactedDirectoryAlternates: ActiveMQ finds in a directory whose files
// have been rewritten what was in it before, message by message and
// subscription by subscription, and so do we in what it makes of that.
func TestCompactedDirectoryAlternates(t *testing.T) {
	t.Parallel()
	d := newDirectory(t)
	for _, next := range []turn{{lab.Kind, false}, {other, true}, {lab.Kind, true}, {other, false}, {lab.Kind, true}, {other, true}} {
		d.take(next)
		d.compact()
	}
	require.NotZero(t, d.rewritten)
	d.drain(harness.ActiveMQ)
}
