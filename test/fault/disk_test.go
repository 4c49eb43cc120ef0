//go:build fault

package fault

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
)

// volume is a small file system of its own.
type volume struct {
	t     *testing.T
	root  string
	image string // of a loopVolume
}

// fileSystems makes each kind of volume; both hold 24 MiB.
var fileSystems = map[string]func(t *testing.T) *volume{
	"ext4": func(t *testing.T) *volume {
		needsRoot(t)
		image, root := filepath.Join(t.TempDir(), "image"), t.TempDir()
		require.NoError(t, os.WriteFile(image, nil, 0o600))
		require.NoError(t, os.Truncate(image, 32<<20))
		run(t, "mkfs.ext4", "-q", "-m", "0", "-J", "size=4", image)
		run(t, "mount", "-o", "loop", image, root)
		t.Cleanup(func() { run(t, "umount", root) })
		return &volume{t: t, root: root}
	},
	"tmpfs": func(t *testing.T) *volume {
		needsRoot(t)
		root := t.TempDir()
		require.NoError(t, unix.Mount("tmpfs", root, "tmpfs", 0, "size=24m"))
		t.Cleanup(func() { run(t, "umount", root) })
		return &volume{t: t, root: root}
	},
}

func run(t *testing.T, command string, args ...string) {
	t.Helper()
	out, err := exec.Command(command, args...).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
}

// fill takes all space but what is to be left, with a file of somebody else's.
func (v *volume) fill(left int64) {
	v.t.Helper()
	var s unix.Statfs_t
	require.NoError(v.t, unix.Statfs(v.root, &s))
	size := int64(s.Bavail)*s.Bsize - left
	require.Positive(v.t, size)
	f, err := os.Create(v.filler())
	require.NoError(v.t, err)
	defer f.Close()
	for chunk := make([]byte, 64<<10); size > 0; size -= int64(len(chunk)) {
		_, err := f.Write(chunk[:min(size, int64(len(chunk)))])
		require.NoError(v.t, err)
	}
	require.NoError(v.t, f.Sync())
}

// cram takes the very last byte.
func (v *volume) cram() {
	v.t.Helper()
	f, err := os.OpenFile(v.filler(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	require.NoError(v.t, err)
	defer f.Close()
	for chunk := make([]byte, 64<<10); len(chunk) > 0; {
		if _, err := f.Write(chunk); err != nil {
			require.ErrorIs(v.t, err, unix.ENOSPC)
			chunk = chunk[:len(chunk)/2]
		}
	}
}

// free gives the filler's space back.
func (v *volume) free() { require.NoError(v.t, os.Remove(v.filler())) }

func (v *volume) filler() string { return filepath.Join(v.root, "filler") }

// node is a broker on the volume.
func (v *volume) node(s settings) *node {
	s.kahaDB = "journalMaxFileLength: 1mb, cleanupInterval: 300"
	return newNode(v.t, filepath.Join(v.root, "kahadb"), s)
}

const fullLine = "no space left for the journal; new messages are refused until there is"

// fullNode is a broker that has run out of space under load. The senders see no
// error, not even for what was on its way at that moment.
func fullNode(t *testing.T, v *volume, s settings, ledger *harness.Ledger) (*node, *load) {
	t.Helper()
	n := v.node(s).serve()
	v.fill(6 << 20)
	l := startLoad(t, failover(n), ledger, 3, 8000)
	n.waitLog(fullLine)
	l.stalls(time.Second)
	require.Equal(t, 1, n.count(fullLine), "the log says so once")
	return n, l
}

// isNoSpace is the error that a client gets of a full disk.
func isNoSpace(err error) bool {
	remote := (*client.RemoteError)(nil)
	return errors.As(err, &remote) && remote.Class == "javax.jms.ResourceAllocationException"
}

// A full disk blocks senders; consumers drain all the same; when there is
// space again, senders go on without a restart.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for kind, make := range fileSystems {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, row := range []struct {
				name string
				do   func(t *testing.T, v *volume, n *node, l *load)
			}{
				{"somebody deletes a file", func(t *testing.T, v *volume, n *node, l *load) {
					v.cram()
					take(t, n, l.ledger, 50)
					v.free()
				}},
				{"consumers make room", func(t *testing.T, v *volume, n *node, l *load) {
					take(t, n, l.ledger, 400)
				}},
				{"consumers make room on the last byte", func(t *testing.T, v *volume, n *node, l *load) {
					v.cram()
					take(t, n, l.ledger, 400)
				}},
				{"killed while full, then somebody deletes a file", func(t *testing.T, v *volume, n *node, l *load) {
					v.cram()
					n.kill()
					n.again()
					take(t, n, l.ledger, 50)
					v.free()
				}},
				{"killed while full, then consumers make room", func(t *testing.T, v *volume, n *node, l *load) {
					v.cram()
					n.kill()
					n.again()
					take(t, n, l.ledger, 400)
				}},
				{"killed while full, again and again", func(t *testing.T, v *volume, n *node, l *load) {
					for range 3 {
						v.cram()
						n.kill()
						n.again()
						take(t, n, l.ledger, 10)
					}
					take(t, n, l.ledger, 400)
				}},
				{"stopped while full", func(t *testing.T, v *volume, n *node, l *load) {
					v.cram()
					n.stop()
					n.again()
					take(t, n, l.ledger, 50)
					v.free()
				}},
			} {
				t.Run(row.name, func(t *testing.T) {
					v := make(t)
					ledger := harness.NewLedger()
					n, l := fullNode(t, v, settings{}, ledger)
					row.do(t, v, n, l)
					l.waitAcks(50)
					l.finish()
					require.Zero(t, n.count("journal has failed"))
					require.Equal(t, 1, n.count("Conclave started"), "no restart was needed")
					drain(t, n.url(), ledger)
				})
			}
		})
	}
}

// take consumes n entries, each acknowledged on its own.
func take(t *testing.T, n *node, ledger *harness.Ledger, entries int) {
	t.Helper()
	conn, session := connect(t, n.url())
	consumer, err := session.Consumer(within(t, patience), orders, client.ConsumerOptions{Prefetch: 10})
	require.NoError(t, err)
	for i := range entries {
		d, err := consumer.Receive(within(t, patience))
		require.NoError(t, err, "after %d of %d", i, entries)
		body, err := client.Text(d.Message)
		require.NoError(t, err)
		ledger.Delivered(string(conn.ID()), body, d.RedeliveryCounter > 0)
	}
	require.NoError(t, conn.Close(within(t, patience)))
}

// With sendFailIfNoSpace senders are told, and may try again.
func TestFullDiskWithSendFailIfNoSpace(t *testing.T) {
	t.Parallel()
	v := fileSystems["ext4"](t)
	n := v.node(settings{broker: "systemUsage: {sendFailIfNoSpace: true}"}).serve()
	v.fill(6 << 20)
	ledger := harness.NewLedger()
	s := newSender(t, n.url(), ledger, "p")
	s.size = 8000
	var err error
	for err == nil {
		err = s.send(within(t, patience))
	}
	require.True(t, isNoSpace(err), "%v", err)
	n.waitLog(fullLine)
	for range 3 {
		began := time.Now()
		err := s.send(within(t, patience))
		require.True(t, isNoSpace(err), "%v", err)
		require.Less(t, time.Since(began), 5*time.Second, "it is told, not blocked")
	}
	t.Logf("clients read: %v", err)
	take(t, n, ledger, 20)
	v.free()
	require.True(t, harness.Eventually(patience, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return s.send(ctx) == nil
	}))
	s.sendAll(t, 50)
	drain(t, n.url(), ledger)
}

// One connection that sends and consumes, as frameworks make them: a send that
// waits for space must not keep the acknowledgements back that would make it.
func TestFullDiskOnOneConnection(t *testing.T) {
	t.Parallel()
	v := fileSystems["tmpfs"](t)
	ledger := harness.NewLedger()
	n, l := fullNode(t, v, settings{}, ledger)
	l.cancel()
	conn, session := connect(t, n.url())
	producer, err := session.Producer(within(t, patience), orders, client.ProducerOptions{})
	require.NoError(t, err)
	s := &sender{name: "shared", ledger: ledger, producer: producer, size: 8000}
	sent := make(chan error, 1)
	go func() {
		for range 20 {
			if err := s.send(within(t, patience)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	other, err := conn.Session(within(t, patience), client.AutoAcknowledge)
	require.NoError(t, err)
	consumer, err := other.Consumer(within(t, patience), orders, client.ConsumerOptions{Prefetch: 10})
	require.NoError(t, err)
	for i := range 400 {
		d, err := consumer.Receive(within(t, patience))
		require.NoError(t, err, "after %d", i)
		body, err := client.Text(d.Message)
		require.NoError(t, err)
		ledger.Delivered(string(conn.ID()), body, d.RedeliveryCounter > 0)
	}
	require.NoError(t, <-sent)
	require.NoError(t, consumer.Close(within(t, patience)))
	drain(t, n.url(), ledger)
}

// The same with transactions: a commit that waits for space must not keep its
// connection's acknowledgements back either.
func TestFullDiskInTransactionsOnOneConnection(t *testing.T) {
	t.Parallel()
	v := fileSystems["tmpfs"](t)
	ledger := harness.NewLedger()
	n, l := fullNode(t, v, settings{}, ledger)
	l.cancel()
	conn, _ := connect(t, n.url())
	session, err := conn.Session(within(t, patience), client.Transacted)
	require.NoError(t, err)
	producer, err := session.Producer(within(t, patience), orders, client.ProducerOptions{})
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() {
		for range 10 {
			var numbers []int
			for range 3 {
				number, body := ledger.Next("tx", 8000)
				if err := producer.Send(within(t, patience), client.NewText(body)); err != nil {
					sent <- err
					return
				}
				numbers = append(numbers, number)
			}
			if err := session.Commit(within(t, patience)); err != nil {
				sent <- err
				return
			}
			for _, number := range numbers {
				ledger.Acknowledged("tx", number)
			}
		}
		sent <- nil
	}()
	other, err := conn.Session(within(t, patience), client.AutoAcknowledge)
	require.NoError(t, err)
	consumer, err := other.Consumer(within(t, patience), orders, client.ConsumerOptions{Prefetch: 10})
	require.NoError(t, err)
	for i := range 400 {
		d, err := consumer.Receive(within(t, patience))
		require.NoError(t, err, "after %d", i)
		body, err := client.Text(d.Message)
		require.NoError(t, err)
		ledger.Delivered(string(conn.ID()), body, d.RedeliveryCounter > 0)
	}
	require.NoError(t, <-sent)
	require.NoError(t, consumer.Close(within(t, patience)))
	drain(t, n.url(), ledger)
}
