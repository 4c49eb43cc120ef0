package ha

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The command that tries a directory out finds this one good, and leaves
// nothing behind.
func TestChaosCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(within(t, 2*startLimit), bin, "chaos", dir, "--json", "--duration", "8s", "--interval", "500ms",
		"--faults", "kill,stop,switchover,kill-both", "--size", "8")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", out)
	var report struct {
		Sent, Acknowledged, Received int
		OK                           bool
		WithoutService               []struct {
			Fault string
			Times int
		}
	}
	require.NoError(t, json.Unmarshal(out, &report))
	t.Logf("%s", out)
	require.True(t, report.OK)
	require.Positive(t, report.Acknowledged)
	require.Equal(t, report.Sent, report.Received)
	require.Len(t, report.WithoutService, 4, "each fault came")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
