package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

func TestFramesDoNotDependOnHowTheyArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 3*chunkSize)), 1, 20).Draw(t, "sizes")
		var stream []byte
		for i, n := range sizes {
			stream = binary.BigEndian.AppendUint32(stream, uint32(n))
			stream = append(stream, bytes.Repeat([]byte{byte(i + 1)}, n)...)
		}
		var r io.Reader = bytes.NewReader(stream)
		if rapid.Bool().Draw(t, "halves") {
			r = iotest.HalfReader(r)
		}
		f := frames{r: r, limit: 3 * chunkSize}
		var got [][]byte
		for range sizes {
			frame, err := f.next()
			require.NoError(t, err)
			got = append(got, frame)
		}
		_, err := f.next()
		require.ErrorIs(t, err, io.EOF)
		// What was given out stays as it was, whatever was read after it.
		for i, frame := range got {
			require.Equal(t, bytes.Repeat([]byte{byte(i + 1)}, sizes[i]), frame)
		}
	})
}

func TestALargeSizeAllocatesLittle(t *testing.T) {
	head := binary.BigEndian.AppendUint32(nil, 64<<20)
	allocated := testing.AllocsPerRun(1, func() {
		f := frames{r: bytes.NewReader(append(head, 1, 2, 3)), limit: 100 << 20}
		_, err := f.next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.LessOrEqual(t, cap(f.chunk), chunkSize)
	})
	require.Less(t, allocated, 20.0)
}

func TestOutboxKeepsOrderAndBytes(t *testing.T) {
	o := newOutbox(openwire.NewEncoder(openwire.Format{Version: 12}))
	var stream bytes.Buffer
	var writing sync.WaitGroup
	writing.Go(func() {
		var buf []byte
		for {
			<-o.ready
			var open bool
			if buf, open = o.take(buf); !open {
				return
			}
			stream.Write(buf)
		}
	})
	const n = 20000
	m := NewBytes(make([]byte, 300))
	for i := range n {
		m.ID.ProducerSequence = int64(i) // the same message, changed between sends
		require.NoError(t, o.put(t.Context(), openwire.Header{CommandID: int32(i)}, m))
	}
	o.close()
	writing.Wait()
	require.ErrorIs(t, o.put(t.Context(), openwire.Header{}, m), errLinkDown)
	dec := openwire.NewDecoder(openwire.Format{Version: 12})
	f := frames{r: &stream, limit: 1 << 20}
	for i := range n {
		frame, err := f.next()
		require.NoError(t, err)
		h, cmd, err := dec.Decode(frame)
		require.NoError(t, err)
		require.Equal(t, int32(i), h.CommandID)
		require.Equal(t, int64(i), cmd.(*message.Message).ID.ProducerSequence)
	}
}

func TestOutboxWaitsForRoom(t *testing.T) {
	o := newOutbox(openwire.NewEncoder(openwire.Format{Version: 12}))
	big := NewBytes(make([]byte, outboxLimit))
	require.NoError(t, o.put(t.Context(), openwire.Header{}, big))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, o.put(ctx, openwire.Header{}, big), context.Canceled)
	waited := make(chan error)
	go func() { waited <- o.put(t.Context(), openwire.Header{}, big) }()
	buf, open := o.take(nil)
	require.True(t, open)
	require.NotEmpty(t, buf)
	require.NoError(t, <-waited)
	go func() { waited <- o.put(t.Context(), openwire.Header{}, big) }()
	o.close()
	require.ErrorIs(t, <-waited, errLinkDown)
}

func TestOutboxStaysUsableAfterACommandThatCannotBeEncoded(t *testing.T) {
	o := newOutbox(openwire.NewEncoder(openwire.Format{Version: 12, MaxFrameSize: 100}))
	require.ErrorIs(t, o.put(t.Context(), openwire.Header{}, NewBytes(make([]byte, 200))), openwire.ErrTooLarge)
	require.NoError(t, o.put(t.Context(), openwire.Header{}, &openwire.KeepAlive{}))
}
