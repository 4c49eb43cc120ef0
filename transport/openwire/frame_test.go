package openwire

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func framed(frames ...[]byte) (stream []byte) {
	for _, frame := range frames {
		stream = binary.BigEndian.AppendUint32(stream, uint32(len(frame)))
		stream = append(stream, frame...)
	}
	return stream
}

func TestFrameReaderCutsAnyStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var frames [][]byte
		for i := range rapid.IntRange(0, 20).Draw(t, "frames") {
			size := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 3*mostBuffer)).Draw(t, "size")
			frames = append(frames, bytes.Repeat([]byte{byte(i + 1)}, size))
		}
		var source io.Reader = bytes.NewReader(framed(frames...))
		switch rapid.IntRange(0, 2).Draw(t, "source") {
		case 1:
			source = iotest.DataErrReader(source)
		case 2:
			source = iotest.HalfReader(source)
		}
		f := newFrameReader(source, rapid.IntRange(0, 2*mostBuffer).Draw(t, "buffer"))
		f.limit = 1 << 30
		for i, want := range frames {
			got, _, err := f.next()
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "frame %d of %d bytes", i, len(want))
			require.LessOrEqual(t, len(f.buf), mostBuffer)
		}
		_, _, err := f.next()
		require.Equal(t, io.EOF, err)
	})
}

func TestFrameReaderRefusesSizes(t *testing.T) {
	for _, test := range []struct {
		stream []byte
		limit  int64
		says   string
	}{
		{[]byte{0xFF, 0xFF, 0xFF, 0xFF}, 1 << 30, "frame size -1 is negative"},
		{[]byte{0x80, 0, 0, 0}, 1 << 30, "frame size -2147483648 is negative"},
		{[]byte{0x7F, 0xFF, 0xFF, 0xFF}, 1 << 30, "frame size 2147483647 is larger than the allowed 1073741824"},
		{[]byte{0, 0, 0, 11}, 10, "frame size 11 is larger than the allowed 10"},
	} {
		f := newFrameReader(bytes.NewReader(test.stream), 0)
		f.limit = test.limit
		_, _, err := f.next()
		require.ErrorIs(t, err, errFrameSize)
		require.EqualError(t, err, test.says)
	}
}

func TestFrameReaderTellsAnEndBetweenFramesFromOneWithin(t *testing.T) {
	whole := framed([]byte("abc"), bytes.Repeat([]byte{1}, 2*mostBuffer))
	for _, cut := range []int{1, 3, 4, 6, 8, 100, len(whole) - 1} {
		f := newFrameReader(bytes.NewReader(whole[:cut]), 0)
		f.limit = 1 << 30
		var err error
		for err == nil {
			_, _, err = f.next()
		}
		require.Equal(t, io.ErrUnexpectedEOF, err, "cut at %d", cut)
	}
}

// A size alone must not cost its memory: only what comes is paid for.
func TestFrameReaderBelievesNoSize(t *testing.T) {
	stream := append([]byte{0x7F, 0xFF, 0xFF, 0xF0}, make([]byte, 100<<10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f := newFrameReader(bytes.NewReader(stream), 0)
	f.limit = 1<<31 - 1
	_, _, err := f.next()
	runtime.ReadMemStats(&after)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20))
}
