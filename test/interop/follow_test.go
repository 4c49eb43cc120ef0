//go:build interop

package interop

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// followed is what `conclave status --json` says of a slave.
type followed struct {
	Role      string
	PID       int
	Following struct {
		Following bool
		File      string
		Offset    int64
		Records   int
		Messages  int
		Anew      int
		Reason    string
	}
}

// look asks the slave until it says what is wanted, or time is up.
func look(t *testing.T, runtimeDir string, pid int, wanted func(followed) bool) (f followed) {
	t.Helper()
	require.Eventually(t, func() bool {
		f = followed{}
		cmd := exec.Command(lab.Binary, "status", "--json", "--pid", strconv.Itoa(pid))
		cmd.Env = append(os.Environ(), "CONCLAVE_RUNTIME_DIR="+runtimeDir)
		out, _ := cmd.Output() // 3: a slave
		for line := range strings.Lines(string(out)) {
			if json.Unmarshal([]byte(line), &f) == nil && wanted(f) {
				return true
			}
		}
		return false
	}, startLimit, 50*time.Millisecond)
	return f
}

// TestFollowsActiveMQ: our slave reads along while a real ActiveMQ is master,
// with its batches, its preallocated files, its db.data and its clean-up, and
// takes over from what it has read when that is killed. Ledger.java keeps the
// accounts across.
func TestFollowsActiveMQ(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runtimeDir := filepath.Join(dir, "run")
	p := &pair{t: t, random: rand.New(rand.NewPCG(lab.Seed, 0))}
	for i, kind := range []harness.Kind{harness.ActiveMQ, harness.Conclave} {
		p.nodes[i] = newBroker(t, harness.Options{
			Kind: kind, Name: string(kind), Directory: filepath.Join(dir, "kahadb"), WorkDir: filepath.Join(dir, strconv.Itoa(i)),
			LockAcquireSleepInterval: 100 * time.Millisecond,
			Env:                      []string{"CONCLAVE_RUNTIME_DIR=" + runtimeDir},
			KahaDB:                   map[string]string{"journalMaxFileLength": "1mb", "cleanupInterval": "500", "checkpointInterval": "250"},
		})
		require.NoError(t, os.MkdirAll(filepath.Join(dir, strconv.Itoa(i)), 0o755))
		require.NoError(t, p.nodes[i].Start())
		if i == 0 {
			require.NoError(t, p.nodes[0].WaitServing(startLimit))
		}
	}
	slave := p.nodes[1]
	require.NoError(t, slave.WaitSlave(startLimit))
	before := look(t, runtimeDir, slave.Pid(), func(f followed) bool { return f.Following.Following })
	require.FileExists(t, filepath.Join(dir, "kahadb", "db.data"))
	p.beforeKill = func() {
		f := look(t, runtimeDir, slave.Pid(), func(f followed) bool {
			return f.Following.Following && f.Following.Records > before.Following.Records+1000
		})
		t.Logf("the slave follows ActiveMQ: %+v", f)
		require.NotEqual(t, "db-1.log", f.Following.File, "ActiveMQ has begun further files")
	}
	ledger{messages: 20_000, rate: 2000, kills: 1, mode: "auto"}.run(t, p)
	require.Contains(t, slave.Log(), "the journal had been followed")
	require.NotContains(t, slave.Log(), "is not used")
	for line := range strings.Lines(slave.Log()) {
		if strings.Contains(line, "had been followed") || strings.Contains(line, "Conclave started") || strings.Contains(line, "beginning again") {
			t.Log(strings.TrimSpace(line))
		}
	}
	require.NoFileExists(t, filepath.Join(dir, "kahadb", "db.data"))
}
