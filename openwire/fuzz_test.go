package openwire

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// formatOf picks a format by one number: version, encoding, cache, traces.
func formatOf(n uint16) Format {
	return Format{
		Version: int(n&0xFF%12) + 1, Tight: n&0x100 != 0, Cache: n&0x200 != 0, CacheSize: 128,
		StackTrace: n&0x400 != 0, MaxFrameSize: 1 << 20,
	}
}

// FuzzDecode decodes any bytes in any format. What can be decoded can be
// encoded, and that decodes to what encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, g := range readGoldens(f, "commands.golden") {
		f.Add(uint16(g.last-1)|0x400, g.tight, g.frame[4:])
	}
	for _, g := range readGoldens(f, "wireformat.golden") {
		f.Add(uint16(0), false, g.frame[4:])
	}
	f.Fuzz(func(t *testing.T, n uint16, tight bool, frame []byte) {
		format := formatOf(n)
		format.Tight = tight
		checkStable(t, format, frame)
	})
}

func checkStable(t *testing.T, format Format, frame []byte) {
	h, v, err := NewDecoder(format).Decode(frame)
	if err != nil {
		var frameError *FrameError
		require.ErrorAs(t, err, &frameError)
		return
	}
	if info, ok := v.(*WireFormatInfo); ok && len(info.Others) > 0 {
		return // with the known options there may be more than are allowed
	}
	once, err := NewEncoder(format).Append(nil, h, v)
	if errors.Is(err, ErrTooLarge) {
		return // what is long but legal to read need not be so to write
	}
	require.NoError(t, err)
	h, v, err = NewDecoder(format).Decode(once[4:])
	require.NoError(t, err)
	twice, err := NewEncoder(format).Append(nil, h, v)
	require.NoError(t, err)
	require.True(t, bytes.Equal(once, twice))
}

// FuzzSequence decodes several frames with one decoder, so that the cache is
// part of the game. Each frame is preceded by its length in one byte.
func FuzzSequence(f *testing.F) {
	for _, tight := range []bool{false, true} {
		var all []byte
		for _, g := range readGoldens(f, "commands.golden") {
			if g.cached && g.tight == tight && g.last == 12 && len(g.frame) < 200 {
				all = append(append(all, byte(len(g.frame)-4)), g.frame[4:]...)
			}
		}
		f.Add(uint16(11|0x400), tight, all)
	}
	f.Fuzz(func(t *testing.T, n uint16, tight bool, frames []byte) {
		format := formatOf(n | 0x200)
		format.Tight = tight
		dec := NewDecoder(format)
		for len(frames) > 0 {
			size := min(int(frames[0]), len(frames)-1)
			if _, _, err := dec.Decode(frames[1 : 1+size]); err != nil {
				return
			}
			frames = frames[1+size:]
		}
	})
}

// FuzzStored reads any bytes as a stored message.
func FuzzStored(f *testing.F) {
	b, err := NewStore(StoreVersion).AppendMessage(nil, kilobyte())
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := NewStore(StoreVersion)
		if m, err := s.Message(b); err == nil {
			_, err = s.AppendMessage(nil, m)
			require.NoError(t, err)
		}
	})
}
