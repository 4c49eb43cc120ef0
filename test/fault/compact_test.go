//go:build fault

package fault

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// Killed while it rewrites files, again and again, under load and with
// messages that nobody fetches in many of the files: the other one of the pair
// goes on with what it has followed, nothing is lost, and the directory stays
// small.
func TestKilledWhileCompacting(t *testing.T) {
	t.Parallel()
	const kills = 10
	rng := random(t)
	s := settings{name: "a", kahaDB: "journalMaxFileLength: 256kb, cleanupInterval: 100"}
	a := newNode(t, "", s).serve()
	s.name = "b"
	b := newNode(t, a.dir, s).start().waitSlave(1)
	url := failover(a, b)
	ledger, kept := harness.NewLedger(), harness.NewLedger()
	l := startLoad(t, url, ledger, 4, 1000)
	c := startConsumer(t, url, ledger)
	old := newOldSender(t, url, kept)
	caught, followed := 0, 0
	for range kills {
		for range 5 {
			require.NoError(t, old.send(within(t, patience)))
			l.waitAcks(150)
		}
		if whileCompacting(a, rng) {
			caught++
		}
		a.kill()
		b.waitFor("port", b.serving)
		if b.count("the journal had been followed") > 0 {
			followed++
		}
		a.start()
		a, b = b, a
		b.waitFor("slave line", func() bool { return b.count("This broker is now in slave mode") > 0 })
	}
	l.finish()
	t.Logf("%d of %d kills hit a file being rewritten; %d entries were consumed meanwhile", caught, kills, c.stop())
	t.Logf("%d of %d went on with what they had followed", followed, kills)
	require.NotZero(t, caught)
	require.Greater(t, followed, kills/2)
	for _, n := range []*node{a, b} {
		require.Zero(t, n.count("is damaged"), "a killed process leaves no damage")
	}
	drain(t, a.url(), ledger)
	stored := int64(kept.Acks()) * 2500
	require.True(t, harness.Eventually(patience, func() bool { return onDisk(t, a.dir) <= 2*stored+3*256<<10 }),
		"%d bytes on disk, %d stored", onDisk(t, a.dir), stored)
	takeOld(t, a.url(), kept)
}

// whileCompacting waits until a file is being rewritten, and reports whether
// it still was when it was seen last.
func whileCompacting(n *node, rng *rand.Rand) (caught bool) {
	seen := func() bool {
		found, err := filepath.Glob(filepath.Join(n.dir, "*-compact.spare"))
		return err == nil && len(found) > 0
	}
	deadline := time.Now().Add(10 * time.Second)
	for !seen() && time.Now().Before(deadline) {
		wait(200 * time.Microsecond)
	}
	wait(time.Duration(rng.IntN(3000)) * time.Microsecond)
	return time.Now().Before(deadline)
}

// onDisk is the bytes of all files of a directory.
func onDisk(t *testing.T, dir string) (total int64) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), "db-") {
			total += info.Size()
		}
	}
	return total
}

var oldOrders = message.NewQueue("OLD.ORDERS")

// newOldSender sends what nobody fetches.
func newOldSender(t *testing.T, url string, ledger *harness.Ledger) *sender {
	t.Helper()
	_, session := connect(t, url)
	producer, err := session.Producer(within(t, patience), oldOrders, client.ProducerOptions{})
	require.NoError(t, err)
	return &sender{name: "old", ledger: ledger, producer: producer, size: 2000}
}

// takeOld fetches it all, in order.
func takeOld(t *testing.T, url string, ledger *harness.Ledger) {
	t.Helper()
	conn, session := connect(t, url)
	consumer, err := session.Consumer(within(t, patience), oldOrders, client.ConsumerOptions{})
	require.NoError(t, err)
	for range ledger.Acks() {
		d, err := consumer.Receive(within(t, patience))
		require.NoError(t, err)
		body, err := client.Text(d.Message)
		require.NoError(t, err)
		ledger.Delivered(string(conn.ID()), body, d.RedeliveryCounter > 0)
	}
	require.NoError(t, ledger.Check())
}
