//go:build nfs

package nfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/nfs/guest"
	"github.com/conclavemq/conclave/test/nfs/lab"
)

// check runs check-storage on a host and returns what it has said so far.
func check(t *testing.T, host *lab.Host, name string, args ...string) (said func() string) {
	t.Helper()
	name += "-" + host.Name + ".check"
	var pid int
	require.NoError(t, host.Call("Spawn", guest.SpawnArgs{
		Argv: append([]string{"/conclave", "check-storage"}, args...),
		Env:  []string{"HOME=/tmp"},
		Log:  filepath.Join(guest.Share, name),
	}, &pid))
	t.Cleanup(func() {
		_ = host.Call("Signal", guest.SignalArgs{PID: pid, Signal: syscall.SIGKILL, Wait: patience / 3}, &guest.None{})
	})
	return func() string {
		text, _ := os.ReadFile(filepath.Join(hosts.Share, name))
		return string(text)
	}
}

// Two hosts agree that NFSv4 is fit for a pair, and that a file system is not
// whose locks end at each host, as those of NFSv3 with nolock do: hostfs, which
// both have of the machine below them. (NFSv4 knows no such option.)
func TestCheckStorage(t *testing.T) {
	for i, row := range []struct {
		directory string
		verdicts  []string
		reasons   []string
	}{
		{lab.Mount, []string{"verdict: OK", "verdict: WARN"}, []string{"nfs4 on " + lab.Mount, "exclude between the two hosts", "kill -9 of a holder frees its lock"}},
		{guest.Share, []string{"verdict: UNSAFE (exclusion"}, []string{"hostfs on " + guest.Share, "Two brokers would be master"}},
	} {
		t.Run(filepath.Base(row.directory), func(t *testing.T) {
			t.Parallel()
			began, port := time.Now(), 7070+i
			name := strings.ReplaceAll(t.Name(), "/", "-")
			here, there := hosts.Clients[0], hosts.Clients[1]
			helper := check(t, there, name, row.directory, "--listen", fmt.Sprint(":", port))
			require.True(t, harness.Eventually(patience, func() bool { return strings.Contains(helper(), "waiting at") }), "%s", helper())
			said := check(t, here, name, row.directory, "--peer", there.Address(port), "--view-timeout", "5s")
			require.True(t, harness.Eventually(patience, func() bool {
				return strings.Contains(said(), "verdict:") && strings.Contains(helper(), "verdict:")
			}), "%s\nthe other host: %s", said(), helper())
			t.Logf("after %.1f s:\n%sthe other host: %s", time.Since(began).Seconds(), said(), helper())
			verdict := said()[strings.Index(said(), "verdict:"):]
			agree := false
			for _, v := range row.verdicts {
				agree = agree || strings.HasPrefix(verdict, v) && strings.Contains(helper(), v[:len("verdict: OK")])
			}
			require.True(t, agree, "one of %q", row.verdicts)
			for _, reason := range row.reasons {
				require.Contains(t, said(), reason)
			}
		})
	}
}
