//go:build jms

package jms

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// tableRows is 5 acknowledge modes, sends in transactions or not, persistent
// or not, and 4 kinds of destination.
const tableRows = 5 * 2 * 2 * 4

const tableLimit = 2 * time.Minute

// TestFailoverTable kills the master of a pair while every row of a table
// sends and consumes.
func TestFailoverTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nodes := [2]*harness.Broker{}
	for i, name := range []string{"a", "b"} {
		nodes[i] = lab.NewBroker(t, harness.Options{
			Name: name, Directory: dir + "/kahadb", WorkDir: dir,
			LockAcquireSleepInterval: 100 * time.Millisecond,
			Env:                      []string{"CONCLAVE_RUNTIME_DIR=" + dir + "/run"},
		})
		require.NoError(t, nodes[i].Start())
		if i == 0 {
			require.NoError(t, nodes[0].WaitServing(startLimit))
		}
	}
	require.NoError(t, nodes[1].WaitSlave(startLimit))

	ctx, cancel := context.WithTimeout(t.Context(), tableLimit)
	defer cancel()
	url := fmt.Sprintf("failover:(%s,%s)?initialReconnectDelay=10&maxReconnectDelay=100", nodes[0].URL(), nodes[1].URL())
	program, err := lab.Java.Start(ctx, "Table", url)
	require.NoError(t, err)
	good, bad, done := 0, map[string]string{}, false
	for line := range program.Lines {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "READY":
			require.NoError(t, nodes[0].Kill())
			require.NoError(t, nodes[1].WaitServing(startLimit))
			require.NoError(t, program.Tell("killed"))
		case "ROW":
			good++
			t.Run(rest, func(*testing.T) {})
		case "BAD":
			name, reason, _ := cutReason(rest)
			bad[name] = reason
			t.Run(name, func(t *testing.T) { t.Error(reason) })
		case "DONE":
			done = true
		}
	}
	require.NoError(t, program.Wait())
	require.True(t, done, "the rows ran to their end")
	require.Equal(t, tableRows, good+len(bad), "rows that ran")
	require.True(t, nodes[1].Running(), "the heir did not survive the rows")
}

// cutReason divides what follows BAD: a row's name has blanks, but none after
// its last slash.
func cutReason(s string) (name, reason string, ok bool) {
	slash := 0
	for range 3 {
		slash += 1 + strings.IndexByte(s[slash:], '/')
	}
	blank := strings.IndexByte(s[slash:], ' ')
	if blank < 0 {
		return s, "", false
	}
	return s[:slash+blank], s[slash+blank+1:], true
}
