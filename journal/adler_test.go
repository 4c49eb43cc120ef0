package journal

import (
	"bytes"
	"hash/adler32"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestChecksum: the same as the standard library's, also where the sums are
// largest, whole and in parts.
func TestChecksum(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 5551, 5552, adlerBlock - 1, adlerBlock, adlerBlock + 1, 3*adlerBlock + 5} {
		b := bytes.Repeat([]byte{0xff}, n)
		require.Equal(t, adler32.Checksum(b), checksum(b), "%d bytes", n)
	}
	rapid.Check(t, func(r *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(r, "bytes")
		require.Equal(r, adler32.Checksum(b), checksum(b))
		cut := rapid.IntRange(0, len(b)).Draw(r, "cut")
		require.Equal(r, checksum(b), combineSums(checksum(b[:cut]), checksum(b[cut:]), len(b)-cut))
	})
}

func BenchmarkChecksum(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		checksum(data)
	}
}

func BenchmarkChecksumOfTheLibrary(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		adler32.Checksum(data)
	}
}
