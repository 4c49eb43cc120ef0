//go:build interop

package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

var repairQueue = message.NewQueue("REPAIR")

// tool runs the binary and returns its output and exit code.
func tool(t *testing.T, args ...string) (string, int) {
	t.Helper()
	c := exec.Command(lab.Binary, args...)
	out, err := c.CombinedOutput()
	t.Logf("conclave %s: %v\n%s", strings.Join(args, " "), err, out)
	return string(out), c.ProcessState.ExitCode()
}

func dialed(t *testing.T, b *harness.Broker) (context.Context, *client.Session) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	conn, err := client.Dial(ctx, b.URL(), client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(ctx) })
	session, err := conn.Session(ctx, client.AutoAcknowledge)
	require.NoError(t, err)
	return ctx, session
}

// sendNumbered sends n messages of 2 kB that begin with their number.
func sendNumbered(t *testing.T, b *harness.Broker, n int) {
	ctx, session := dialed(t, b)
	p, err := session.Producer(ctx, repairQueue, client.ProducerOptions{})
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, p.Send(ctx, client.NewText(fmt.Sprintf("number %d;%s", i, strings.Repeat("x", 2000)))))
	}
}

// receiveNumbered takes all that there is.
func receiveNumbered(t *testing.T, b *harness.Broker) (numbers []int) {
	ctx, session := dialed(t, b)
	c, err := session.Consumer(ctx, repairQueue, client.ConsumerOptions{})
	require.NoError(t, err)
	for wait := 10 * time.Second; ; wait = 2 * time.Second {
		short, cancel := context.WithTimeout(ctx, wait)
		d, err := c.Receive(short)
		cancel()
		if err != nil {
			require.Error(t, short.Err())
			return numbers
		}
		text, err := client.Text(d.Message)
		require.NoError(t, err)
		n, err := strconv.Atoi(strings.TrimPrefix(text[:strings.IndexByte(text, ';')], "number "))
		require.NoError(t, err)
		numbers = append(numbers, n)
	}
}

// mutilate flips a bit in a message of one file and deletes another, and
// returns the numbers that are lost. Some files stay before, between and behind.
func mutilate(t *testing.T, dir string) (lost []int) {
	paths, err := filepath.Glob(filepath.Join(dir, "db-*.log"))
	require.NoError(t, err)
	number := func(p string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(p), "db-"), ".log"))
		return n
	}
	slices.SortFunc(paths, func(a, b string) int { return number(a) - number(b) })
	require.GreaterOrEqual(t, len(paths), 5)
	in := func(text []byte) (found []int) {
		for part := range bytes.SplitSeq(text, []byte("number ")) {
			if digits, _, ok := bytes.Cut(part, []byte(";xxxx")); ok {
				if n, err := strconv.Atoi(string(digits)); err == nil {
					found = append(found, n)
				}
			}
		}
		return found
	}
	text, err := os.ReadFile(paths[1])
	require.NoError(t, err)
	middle := len(text) / 2
	at := middle + bytes.Index(text[middle:], []byte("number "))
	damaged := in(text[at:])[0]
	text[at+100] ^= 4
	require.NoError(t, os.WriteFile(paths[1], text, 0o644))
	text, err = os.ReadFile(paths[3])
	require.NoError(t, err)
	lost = append(in(text), damaged)
	require.NoError(t, os.Remove(paths[3]))
	return lost
}

// TestRepairedDirectory: a directory of either broker that was damaged and then
// repaired is served by ActiveMQ itself with everything but what is lost, and
// without a word of complaint.
func TestRepairedDirectory(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Conclave, harness.ActiveMQ} {
		t.Run(string(kind), func(t *testing.T) {
			const messages = 300
			dir := filepath.Join(t.TempDir(), "kahadb")
			options := harness.Options{Kind: kind, Directory: dir, KahaDB: map[string]string{"journalMaxFileLength": "64kb"}}
			b := newBroker(t, options)
			require.NoError(t, b.StartServing(startLimit))
			sendNumbered(t, b, messages)
			require.NoError(t, b.Stop(30*time.Second))
			lost := mutilate(t, dir)

			_, code := tool(t, "journal", "verify", dir)
			require.Equal(t, 1, code)
			_, code = tool(t, "journal", "repair", "--write", dir)
			require.Zero(t, code)
			out, code := tool(t, "journal", "verify", dir)
			require.Zero(t, code)
			require.NotContains(t, out, "warning")

			options.Kind, options.Name = harness.ActiveMQ, "judge"
			judge := newBroker(t, options)
			require.NoError(t, judge.StartServing(startLimit))
			var want []int
			for n := range messages {
				if !slices.Contains(lost, n) {
					want = append(want, n)
				}
			}
			require.Equal(t, want, receiveNumbered(t, judge))
			log := judge.Log()
			for _, words := range []string{"orrupt", "Failed to", "ERROR"} {
				require.NotContains(t, log, words)
			}
			require.NoError(t, judge.Stop(30*time.Second))
			_, code = tool(t, "journal", "verify", dir)
			require.Zero(t, code, "after ActiveMQ")
		})
	}
}
