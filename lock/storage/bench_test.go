package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What every start does, and every master once more.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	b.Run("Inspect", func(b *testing.B) {
		for b.Loop() {
			require.NotEmpty(b, Inspect(dir, 1<<20))
		}
	})
	b.Run("TestLock", func(b *testing.B) {
		path := held(b, kindBoth)
		for b.Loop() {
			_, err := TestLock(path)
			require.NoError(b, err)
		}
	})
}
