package journal

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// appendOne stores a message of size bytes and returns the outcome.
func appendOne(j *Journal, n, size int) error {
	m := &message.Message{Persistent: true, Destination: message.NewQueue("Q"), Content: []byte(strings.Repeat("x", size)),
		ID: message.MessageID{Producer: message.ProducerID{Connection: "c", Session: 1, Value: 1}, ProducerSequence: int64(n)}}
	done := make(chan error, 1)
	j.Append(store.Single(store.Op{Action: store.Add, Destination: m.Destination, Message: m}, true, func(err error) { done <- err }))
	return <-done
}

func TestTurnLeavesAShortFile(t *testing.T) {
	o := testOptions(vfs.NewMemory(), "/journal")
	o.MaxFileLength, o.MaxWriteBatchSize = 8<<20, 4<<20
	j := mustOpen(t, o)
	require.NoError(t, appendOne(j, 1, 100))
	first := j.writer.current.number
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	j.Turn(ctx)
	require.Equal(t, first, j.writer.current.number, "not worth it")
	require.NoError(t, appendOne(j, 2, turnLeast))
	j.Turn(ctx) // of a journal that sleeps
	require.NoError(t, ctx.Err())
	require.NoError(t, appendOne(j, 3, 100))
	require.NoError(t, j.Close())
	require.Equal(t, first+1, j.writer.current.number)
	require.Less(t, j.writer.current.pos, int64(4096))
	j.Turn(ctx) // of one that is closed
	require.NoError(t, ctx.Err())

	again := mustOpen(t, o)
	defer again.Close()
	require.EqualValues(t, 3, again.Recovered().Destinations[0].Messages)
	require.Empty(t, again.Damage())
}

// TestTurnOnAFailingDisk: whatever fails is final, as in any rotation.
func TestTurnOnAFailingDisk(t *testing.T) {
	for _, call := range []vfs.Call{vfs.CallSync, vfs.CallRename, vfs.CallSyncDir} {
		t.Run(fmt.Sprint(call), func(t *testing.T) {
			f := &faults{}
			o := testOptions(&vfs.Faulty{FS: vfs.NewMemory(), Fault: f.fault}, "/journal")
			o.MaxFileLength, o.MaxWriteBatchSize = 8<<20, 4<<20
			j := mustOpen(t, o)
			require.NoError(t, appendOne(j, 1, turnLeast))
			f.arm(call, 0, syscall.EIO)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			j.Turn(ctx)
			<-j.Failed()
			require.ErrorIs(t, appendOne(j, 2, 1), store.ErrFailed)
			_ = j.Close()
		})
	}
}
