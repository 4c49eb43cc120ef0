//go:build model

package model

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Assertions of election.pml, as Spin prints them.
const (
	oneEpoch      = "lastAck<=node[me].epoch"
	nothingMissed = "(acked& ~(node[me].known))==0"
)

// scope bounds a run: what it does not reach, it does not show.
type scope struct{ epochs, ends int }

func TestElectionKeepsItsPromises(t *testing.T) {
	s := scope{epochs: 3, ends: 2}
	if os.Getenv("CONCLAVE_MODEL") == "deep" {
		s = scope{epochs: 4, ends: 2}
	}
	out := explore(t, s, "")
	require.Contains(t, out, "errors: 0")
	require.NotContains(t, out, "Search not completed")
	states := regexp.MustCompile(`(\d+) states, stored`).FindString(out)
	t.Logf("%d epochs, %d ends: %s, all good", s.epochs, s.ends, states)
}

// Each seeded bug breaks a promise.
func TestSeededBugsAreFound(t *testing.T) {
	for bug, broken := range map[string]string{
		"BUG_NO_CHECK_AFTER_SYNC":      oneEpoch,      // an acknowledgement without a look at the lease
		"BUG_WINDOW_LONGER_THAN_LEASE": oneEpoch,      // a proof that outlives the storage's patience
		"BUG_NO_OUTWAIT":               oneEpoch,      // no wait after the lock file was deleted
		"BUG_APPEND_TO_INHERITED":      nothingMissed, // the last master's file is written on
		"BUG_LATE_RENAMES":             nothingMissed, // names replace, and nothing is swept
	} {
		t.Run(bug, func(t *testing.T) {
			out := explore(t, scope{epochs: 3, ends: 1}, bug)
			require.Contains(t, out, "assertion violated")
			require.Contains(t, out, broken)
		})
	}
}

// explore runs the checker, breadth first: what it finds is the shortest way
// there. It returns what it says.
func explore(t *testing.T, s scope, bug string) string {
	t.Helper()
	source, err := filepath.Abs("election.pml")
	require.NoError(t, err)
	dir := t.TempDir()
	flags := []string{fmt.Sprintf("-DEPOCHS=%d", s.epochs), fmt.Sprintf("-DENDS=%d", s.ends)}
	if bug != "" {
		flags = append(flags, "-D"+bug)
	}
	tool(t, dir, "spin", append(flags, "-a", source)...)
	tool(t, dir, "gcc", "-O2", "-w", "-DSAFETY", "-DBFS", "-DCOLLAPSE", "-DHC4", "-o", "pan", "pan.c")
	out := tool(t, dir, "./pan", "-w24")
	if trail := filepath.Join(dir, filepath.Base(source)+".trail"); bug == "" && exists(trail) {
		out += tool(t, dir, "spin", append(flags, "-t", "-k", trail, source)...)
		t.Log(out)
	}
	return out
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", name, out)
	return string(out)
}
