//go:build fault

package fault

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// command runs the binary as an operator of the node would.
func (n *node) command(args ...string) (string, int) {
	n.t.Helper()
	c := exec.Command(lab.binary, args...)
	c.Env = append(os.Environ(), "CONCLAVE_RUNTIME_DIR="+filepath.Join(n.work, "run"))
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(n.t, err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// succeed is command that must exit with 0.
func (n *node) succeed(args ...string) string {
	n.t.Helper()
	out, code := n.command(args...)
	require.Zero(n.t, code, "%v: %s", args, out)
	return out
}

// Backups of a master under load, with messages coming and going and files
// being deleted: each is clean, and a broker on it serves every message that
// was confirmed before the backup began, in order and once. The master serves
// on, and a copy that was interrupted by its death is none.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{kahaDB: "journalMaxFileLength: 256kb, cleanupInterval: 200"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, n.url(), ledger, 4, 1000)
	l.waitAcks(1000)
	for i := range 3 {
		to := filepath.Join(n.work, "backup"+string(rune('0'+i)))
		sure := acknowledgedNow(ledger)
		out := n.succeed("backup", "-c", n.file, to)
		t.Log(strings.TrimSpace(out))
		require.Contains(t, n.succeed("journal", "verify", to), "no damage")
		l.waitAcks(200)

		restored := newNode(t, to, settings{name: "restored"}).serve()
		found := bodies(t, restored)
		for _, entry := range sure {
			_, ok := found[entry]
			require.True(t, ok, "%s was confirmed before the backup", entry)
		}
		inOrder(t, found, ledger)
		restored.stop()
		require.Contains(t, restored.succeed("journal", "verify", to), "no damage")
	}
	require.Contains(t, n.succeed("journal", "verify", n.dir), "in use by broker a")

	slow := make(chan int, 1)
	to := filepath.Join(n.work, "none")
	go func() {
		_, code := n.command("backup", "-c", n.file, "--rate", "300kb", to)
		slow <- code
	}()
	require.True(t, harness.Eventually(patience, func() bool { _, err := os.Stat(to + ".tmp/db-1.log"); return err == nil }))
	l.end()
	n.kill()
	select {
	case code := <-slow:
		require.Equal(t, 1, code)
	case <-time.After(patience):
		t.Fatal("a backup outlives its master")
	}
	require.NoDirExists(t, to)
	n.again()
	drain(t, n.url(), ledger)
}

// acknowledgedNow are the entries that the broker has confirmed by now: all are
// missing yet, for nothing consumes.
func acknowledgedNow(ledger *harness.Ledger) []string { return ledger.Missing() }

// bodies takes all that a node holds, and returns the marks in their order.
func bodies(t *testing.T, n *node) map[string]int {
	t.Helper()
	found := map[string]int{}
	out := n.succeed("journal", "extract", n.dir, "--destination", "ORDERS")
	for line := range strings.Lines(out) {
		var m struct{ Content []byte }
		if json.Unmarshal([]byte(line), &m) != nil || len(m.Content) < 4 {
			continue
		}
		mark, _, _ := strings.Cut(string(m.Content[4:]), ";")
		_, twice := found[mark+";"]
		require.False(t, twice, "%s twice", mark)
		found[mark+";"] = len(found)
	}
	return found
}

// inOrder demands that of each producer the first ones are there, in order.
func inOrder(t *testing.T, found map[string]int, ledger *harness.Ledger) {
	t.Helper()
	for _, p := range []string{"p0", "p1", "p2", "p3"} {
		last := -1
		for number := 0; ; number++ {
			place, ok := found[harness.Entry(p, number)]
			if !ok {
				break
			}
			require.Greater(t, place, last)
			last = place
			delete(found, harness.Entry(p, number))
		}
	}
	require.Empty(t, found, "entries behind one that is missing")
}

// A slave does not make backups, and says who does.
func TestBackupOfASlave(t *testing.T) {
	t.Parallel()
	a := newNode(t, "", settings{}).serve()
	b := newNode(t, a.dir, settings{name: "b"}).start().waitSlave(1)
	to := filepath.Join(b.work, "backup")
	out, code := b.command("backup", "-c", b.file, to)
	require.Equal(t, 3, code)
	require.Contains(t, out, "the master is broker a on ")
	require.NoDirExists(t, to)
}

// What `journal repair` leaves is clean, and served without complaint; what it
// took out can be sent again.
func TestRepairedJournal(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{kahaDB: "journalMaxFileLength: 64kb"}).serve()
	ledger := harness.NewLedger()
	s := newSender(t, n.url(), ledger, "p")
	s.size = 1500
	s.sendAll(t, 150)
	out, code := n.command("journal", "repair", "--write", n.dir)
	require.Equal(t, 6, code, out)
	require.Contains(t, out, "is held by broker a")
	n.kill()
	d := &damage{t, n.dir, batches(t, n.dir)}
	b := d.middle()
	d.change(b, func(bytes []byte) { bytes[27] ^= 1 }) // a checksum: the message itself is sound

	out, code = n.command("journal", "verify", n.dir)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, b.file)
	require.Contains(t, out, "1 message for queue://ORDERS")
	_, code = n.command("journal", "repair", n.dir)
	require.Equal(t, 1, code)
	n.succeed("journal", "repair", "--write", n.dir)
	n.succeed("journal", "verify", n.dir)

	n.again()
	require.Zero(t, n.count("level=WARN")+n.count("level=ERROR"))
	out = n.succeed("journal", "extract", n.dir, "--destination", "queue://ORDERS", "--damaged", "--to", filepath.Join(n.work, "all"))
	require.Contains(t, out, "150 messages, of them 1 from damaged parts")
	n.succeed("journal", "stats", n.dir)

	other := newNode(t, "", settings{name: "other"}).serve()
	out = n.succeed("journal", "extract", n.dir, "--destination", "ORDERS", "--damaged", "--send", other.url())
	require.Contains(t, out, "150 messages, of them 1 from damaged parts")
	again := harness.NewLedger()
	for range 150 { // the same entries, counted anew
		number, _ := again.Next("p", 0)
		again.Acknowledged("p", number)
	}
	drainUnordered(t, other, again)
	drain(t, n.url(), ledger, b.entries...)
}

// drainUnordered is drain where one entry may come last: it was damaged.
func drainUnordered(t *testing.T, n *node, ledger *harness.Ledger) {
	t.Helper()
	found := bodies(t, n)
	require.Len(t, found, 150)
	require.Len(t, ledger.Missing(), 150)
	for _, entry := range ledger.Missing() {
		_, ok := found[entry]
		require.True(t, ok, entry)
	}
}
