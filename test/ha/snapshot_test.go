package ha

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// used and rejected are what a start says of the snapshot of the index.
const (
	used     = "the index was read from a snapshot"
	rejected = "the snapshot of the index is not used"
)

// stopped is a directory that a master has filled and stopped cleanly.
func stopped(t *testing.T, messages int) (dir string, a *node) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "kahadb")
	a = newNode(t, "a", dir).serve()
	fill(t, a.url(), messages)
	a.signal(syscall.SIGTERM)
	require.Zero(t, a.ends(startLimit))
	require.FileExists(t, filepath.Join(dir, "conclave.snapshot"))
	return dir, a
}

// again starts a node in place of a and waits until it serves.
func (n *node) again(dir string) *node {
	n.t.Helper()
	b := newNode(n.t, "b", dir, "  hotStandby: false").serve()
	b.waitFor("line that it has started", func() bool { return b.lines("Conclave started") != "" })
	n.t.Log(b.lines("Conclave started"))
	return b
}

// TestColdStartReadsTheSnapshot of a clean stop, and after a kill an older one
// and the tail.
func TestColdStartReadsTheSnapshot(t *testing.T) {
	dir, a := stopped(t, 5000)
	b := a.again(dir)
	require.Contains(t, b.text(), used)
	require.Contains(t, b.lines("Conclave started"), "index=snapshot")
	require.Less(t, b.number("tailRecords"), 100)
	fill(t, b.url(), 2000)
	require.NoError(t, b.process.Kill())
	require.NoError(t, b.process.WaitExit(startLimit))

	c := a.again(dir)
	require.Contains(t, c.text(), used)
	require.GreaterOrEqual(t, c.number("tailRecords"), 2000)
	require.Len(t, receive(t, c.url(), 7000, true), 7000)
}

// TestDamagedSnapshot: a bit that has flipped is reported, and costs a replay.
func TestDamagedSnapshot(t *testing.T) {
	dir, a := stopped(t, 1000)
	name := filepath.Join(dir, "conclave.snapshot")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	content[len(content)/2] ^= 4
	require.NoError(t, os.WriteFile(name, content, 0o644))
	b := a.again(dir)
	require.Contains(t, b.lines(rejected), "WARN")
	require.Contains(t, b.lines("Conclave started"), "index=files")
	require.NoFileExists(t, name)
	require.Len(t, receive(t, b.url(), 1000, true), 1000)
}

// TestSlaveBeginsWithTheSnapshot, and says so.
func TestSlaveBeginsWithTheSnapshot(t *testing.T) {
	dir, a := stopped(t, 3000)
	b := a.again(dir)
	fill(t, b.url(), 500)
	c := newNode(t, "c", dir).wait()
	c.waitFollowing()
	require.Contains(t, c.text(), "following begins with a snapshot")
	s, _ := c.status()
	require.NotNil(t, s.Following)
	require.True(t, s.Following.Following)
	require.Equal(t, 3500, s.Following.Messages)
	require.Less(t, s.Following.Records, 1500)
	m, _ := b.status()
	require.NotNil(t, m.Start)
	require.Equal(t, "snapshot", m.Start.Index)
	out, _ := c.command("status", "-c", c.file)
	t.Log(out)
	out, _ = b.command("status", "-c", b.file)
	t.Log(out)
	require.NoError(t, b.process.Kill())
	c.waitServing()
	require.Len(t, receive(t, c.url(), 3500, true), 3500)
}
