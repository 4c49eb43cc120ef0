//go:build nfs

package nfs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/nfs/guest"
	"github.com/conclavemq/conclave/test/nfs/lab"
)

// scene is a pair under load: a is master, b slave. Two clients have a
// failover: URL over both, one sends and one sends and consumes; each node has
// a witness beside, which sends to it alone.
type scene struct {
	t         *testing.T
	directory string // below the mount and the server's disk
	a, b      *node
	witness   map[*node]*witness
	ledger    *harness.Ledger

	ended  context.CancelFunc // of the load
	joined sync.WaitGroup
}

// begin starts the pair on a directory of its own, then the load, and returns
// when everything has done some work.
func begin(t *testing.T, kahaDB string) *scene {
	t.Helper()
	port := 61616
	ctx, cancel := context.WithCancel(context.Background())
	s := &scene{t: t, directory: strings.ReplaceAll(t.Name(), "/", "-"), ledger: harness.NewLedger(), witness: map[*node]*witness{}, ended: cancel}
	s.a = newNode(t, hosts.Clients[0], s.directory, port, kahaDB)
	s.b = newNode(t, hosts.Clients[1], s.directory, port, kahaDB)
	t.Cleanup(s.close)
	s.a.start()
	s.a.waitFor(masterWords, 1)
	s.b.start()
	s.b.waitFor(slaveWords+` waiting a lock to be acquired"`, 1)
	require.Contains(t, s.b.text(), `fileSystem="nfs (network)"`, "a slave that waits in the kernel waits too long for a dead host")
	for _, n := range []*node{s.a, s.b} {
		w := &witness{node: n, ledger: s.ledger}
		s.witness[n] = w
		s.joined.Go(func() { w.run(ctx) })
	}
	s.load(ctx)
	s.waitAcks(60)
	return s
}

// load starts the clients of the pair.
func (s *scene) load(ctx context.Context) {
	s.t.Helper()
	url := failover(s.a, s.b)
	for name, queue := range queues {
		_, session := connect(s.t, url, client.AutoAcknowledge)
		producer, err := session.Producer(within(s.t, patience), queue, client.ProducerOptions{})
		require.NoError(s.t, err)
		s.joined.Go(func() { send(ctx, s.t, producer, s.ledger, name) })
	}
	_, session := connect(s.t, url, client.AutoAcknowledge)
	consumer, err := session.Consumer(within(s.t, patience), live, client.ConsumerOptions{Prefetch: 20})
	require.NoError(s.t, err)
	s.joined.Go(func() { consume(ctx, s.t, consumer, s.ledger, "live") })
	s.t.Cleanup(s.rest) // before their connections are closed
}

// rest ends the load.
func (s *scene) rest() {
	s.ended()
	s.joined.Wait()
}

// close leaves the hosts as the next scene wants them: powered, joined to the
// network, without a broker.
func (s *scene) close() {
	s.rest()
	for _, n := range []*node{s.a, s.b} {
		if n.host.Running() {
			_ = n.host.Resume()
			_ = n.host.Heal() // of a host that was not cut it changes nothing
		}
		if n.host.Running() && (n.pid == 0 || n.end() == nil) {
			continue
		}
		// Without power, or with a process that does not even die.
		if err := s.power(n.host); err != nil {
			s.t.Errorf("the next tests will fail: %v", err)
		}
	}
}

// power boots a host anew, with its mount.
func (s *scene) power(h *lab.Host) error {
	if err := h.PowerOff(); err != nil {
		return err
	}
	if err := h.Boot(); err != nil {
		return err
	}
	return hosts.MountOn(h)
}

// waitAcks waits until n more sends have been acknowledged, by whomever.
func (s *scene) waitAcks(n int) {
	s.t.Helper()
	want := s.ledger.Acks() + n
	require.True(s.t, harness.Eventually(patience, func() bool { return s.ledger.Acks() >= want }), "no %d more acknowledgements", n)
}

// handover waits for a node's first answer after a fault and demands that it
// comes within the target and the allowance. It prints what a user would want
// to know.
func (s *scene) handover(to *node, fault time.Time, target time.Duration) (opened time.Time) {
	s.t.Helper()
	var first ack
	require.True(s.t, harness.Eventually(patience, func() (ok bool) {
		first, ok = s.witness[to].ackedAfter(fault)
		return ok
	}), "%s has answered nobody", to.host.Name)
	opened, _ = s.witness[to].openedAfter(fault)
	took := first.came.Sub(fault)
	s.t.Logf("hand-over: port open after %.2f s, first answer after %.2f s (lease %v, target %v); %s",
		opened.Sub(fault).Seconds(), took.Seconds(), lab.Lease, target, to.breakdown())
	require.LessOrEqual(s.t, took, target+*allowance)
	return opened
}

// silent demands that a deposed master answered nothing that was sent after
// its successor opened, and prints how long before that it fell silent. An
// answer may have been on its way while its host stood still: one for each
// client.
func (s *scene) silent(old *node, opened time.Time) {
	s.t.Helper()
	w := s.witness[old]
	require.Zero(s.t, w.beganBetween(opened, time.Now()), "the deposed master answers")
	s.t.Logf("the last answer of the old master came %.2f s before", opened.Sub(w.lastBefore(opened)).Seconds())
}

// finish ends the load, kills the master, so that what was acknowledged has to
// come from the disk and from the other host, and demands that the ledger is
// exact. Both nodes run.
func (s *scene) finish(master, slave *node) {
	s.t.Helper()
	s.waitAcks(60)
	s.rest()
	masters := slave.count(masterWords)
	require.NoError(s.t, master.end())
	slave.waitFor(masterWords, masters+1)
	for _, queue := range queues {
		drain(s.t, failover(s.a, s.b), queue, s.ledger)
	}
	s.t.Logf("ledger: %d tried, %d acknowledged, %d delivered", s.ledger.Tries(), s.ledger.Acks(), s.ledger.Deliveries())
	require.NoError(s.t, s.ledger.Check())
}

// journal is a copy of the journal's files as the server has them, by name.
type journal map[string]journalFile

type journalFile struct {
	inode   uint64
	content []byte // up to the end-of-file record
}

// endOfFile is the record that each batch is followed by and that the next one
// is written over. (journal/FORMAT.md) No message of the scenarios has it.
const endOfFile = "-qMa4"

// snapshot reads the journal from the server's disk. The master writes
// meanwhile: a file that was caught in the middle of it is read again.
func (s *scene) snapshot() (j journal) {
	s.t.Helper()
	require.True(s.t, harness.Eventually(patience, func() (whole bool) {
		j, whole = s.readJournal()
		return whole
	}), "the journal never holds still")
	require.NotEmpty(s.t, j)
	return j
}

func (s *scene) readJournal() (j journal, whole bool) {
	s.t.Helper()
	j = journal{}
	for name, file := range s.fromDisk("db-*.log") {
		end := bytes.Index(file.content, []byte(endOfFile))
		if end < 0 {
			return nil, false
		}
		j[name] = journalFile{file.inode, file.content[:end]}
	}
	return j, true
}

// onDisk is a file as it is on the server's disk.
func (s *scene) onDisk(name string) string {
	s.t.Helper()
	files := s.fromDisk(name)
	require.Contains(s.t, files, name)
	return string(files[name].content)
}

// fromDisk reads the files that match a pattern on the server's disk.
func (s *scene) fromDisk(pattern string) journal {
	s.t.Helper()
	to := s.directory + "-files"
	var copied []guest.CopiedFile
	require.NoError(s.t, hosts.Server.Call("Copy", guest.CopyArgs{
		From: filepath.Join(guest.Disk, s.directory), To: filepath.Join(guest.Share, to), Pattern: pattern}, &copied))
	defer os.RemoveAll(filepath.Join(hosts.Share, to))
	files := journal{}
	for _, file := range copied {
		content, err := os.ReadFile(filepath.Join(hosts.Share, to, file.Name))
		require.NoError(s.t, err)
		files[file.Name] = journalFile{file.Inode, content}
	}
	return files
}

// kept demands that every byte of an earlier snapshot is where it was.
func (s *scene) kept(before journal) {
	s.t.Helper()
	now, bytesKept := s.snapshot(), 0
	for name, old := range before {
		file, ok := now[name]
		require.True(s.t, ok, "%s has vanished", name)
		require.Equal(s.t, old.inode, file.inode, "%s was replaced", name)
		require.Empty(s.t, differences(old.content, file.content), "%s was overwritten", name)
		bytesKept += len(old.content)
	}
	s.t.Logf("%d files, %d bytes unchanged on the server's disk; %d files now", len(before), bytesKept, len(now))
}

// differences lists where a file is not as it was: "offset: was, is".
func differences(was, is []byte) (list []string) {
	if len(is) < len(was) {
		return []string{fmt.Sprintf("%d bytes became %d", len(was), len(is))}
	}
	for i := 0; i < len(was) && len(list) < 10; i++ {
		if was[i] == is[i] {
			continue
		}
		end := i
		for end < len(was) && was[end] != is[end] {
			end++
		}
		list = append(list, fmt.Sprintf("at %d of %d: %.40q became %.40q", i, len(was), was[i:end], is[i:end]))
		i = end
	}
	return list
}
