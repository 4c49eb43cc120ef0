package journal

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// stall keeps the committer in a unit's Done until resume is called: what is
// appended before that is taken in one go.
func stall(j *Journal) (resume func()) {
	inside, gate := make(chan struct{}), make(chan struct{})
	u := store.Single(addition(9000), true, func(error) { close(inside); <-gate })
	j.Append(u)
	<-inside
	return func() { close(gate) }
}

// large is a message for which the current file has no room.
func large(j *Journal, sequence int64) store.Op {
	op := addition(sequence)
	op.Message.Content = make([]byte, minFileLength-j.writer.current.pos)
	return op
}

// snapshotWhileTurning makes a snapshot that waits behind units with which
// another file begins.
func snapshotWhileTurning(t *testing.T, j *Journal, units ...*store.Unit) {
	before := j.writer.current.number
	resume := stall(j)
	for _, u := range units {
		u.Sync = true
		j.Append(u)
	}
	made := make(chan error, 1)
	go func() { made <- j.Snapshot(t.Context()) }()
	for j.role.Asking() <= len(units) {
		runtime.Gosched()
	}
	resume()
	require.NoError(t, <-made)
	require.Equal(t, before+1, j.writer.current.number)
}

// TestSnapshotWhileAFileBegins: the snapshot knows the file that it ends in,
// also if that was begun after Snapshot was called.
func TestSnapshotWhileAFileBegins(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	ops := addMessages(t, j, 1, 20)
	passing := large(j, 21)
	gone := store.Op{Action: store.Remove, Destination: testQueue, ID: passing.Message.ID}
	snapshotWhileTurning(t, j, store.Single(passing, true, nil), store.Single(gone, true, nil), store.Single(taking(ops[3]), true, nil))
	require.NoError(t, j.Close())
	require.True(t, sameIndex(t, disk), "the snapshot was used")
}

// TestSnapshotKeepsWhatWasMadeAgain: what ended in the new file and began
// again there, by a commit of what lies before it, is not ended twice.
func TestSnapshotKeepsWhatWasMadeAgain(t *testing.T) {
	disk := vfs.NewMemory()
	j := mustOpen(t, smallFiles(disk))
	addMessages(t, j, 1, 20)
	id := message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: "g", Branch: "b"}}
	require.NoError(t, await(j, &store.Unit{Transaction: id, Outcome: store.Prepare, Ops: []store.Op{addition(21)}}))
	passing := large(j, 22)
	snapshotWhileTurning(t, j, store.Single(passing, true, nil),
		store.Single(store.Op{Action: store.RemoveDestination, Destination: testQueue}, true, nil),
		&store.Unit{Transaction: id, Outcome: store.Commit})
	require.NoError(t, j.Close())
	require.True(t, sameIndex(t, disk), "the snapshot was used")
	j = mustOpen(t, smallFiles(disk))
	require.Equal(t, []int64{21}, sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}
