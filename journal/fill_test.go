package journal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// TestFillStaysBehindClaims: zeros are never written over what the committer
// writes, whoever is ahead.
func TestFillStaysBehindClaims(t *testing.T) {
	const length = 4 << 20
	f, err := newDataFile(vfs.NewMemory(), "/f")
	require.NoError(t, err)
	var wait sync.WaitGroup
	wait.Go(func() {
		for to := int64(1); to <= length; to += 10_007 {
			if _, err := f.fillChunk(to); err != nil || f.sync() != nil {
				t.Error("filling", err)
			}
		}
	})
	random := rand.New(rand.NewPCG(1, 2))
	var want []byte
	for len(want) < length {
		b := bytes.Repeat([]byte{byte(1 + len(want)%255)}, 1+random.IntN(30_000))
		f.claim(int64(len(want) + len(b)))
		_, err := f.handle.WriteAt(b, int64(len(want)))
		require.NoError(t, err)
		want = append(want, b...)
	}
	wait.Wait()
	got := make([]byte, len(want))
	_, err = f.handle.ReadAt(got, 0)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	require.NoError(t, f.close())
	require.NoError(t, f.fill(2*length, func() bool { return false }), "a closed file is left alone")
}

// withoutReserve is a file system that cannot reserve space.
type withoutReserve struct{ vfs.FS }

type fileWithoutReserve struct{ vfs.File }

func (withoutReserve) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return fileWithoutReserve{f}, nil
}

func (w withoutReserve) Create(name string) (vfs.File, error) { return w.wrap(w.FS.Create(name)) }
func (w withoutReserve) Open(name string) (vfs.File, error)   { return w.wrap(w.FS.Open(name)) }
func (fileWithoutReserve) Reserve(int64) error                { return errors.ErrUnsupported }

// TestWithoutReserve: files are then filled with zeros, and a disk that fills
// up is noticed as early.
func TestWithoutReserve(t *testing.T) {
	disk := vfs.NewMemory()
	o := testOptions(withoutReserve{disk}, "/j")
	j := mustOpen(t, o)
	disk.SetCapacity(5 * o.MaxFileLength)
	added := int64(0)
	for await(j, store.Single(addition(added+1), true, nil)) == nil {
		added++
	}
	page, err := j.Page(nil, testQueue, 0, 5, 1<<20)
	require.NoError(t, err)
	for _, e := range page {
		op := store.Op{Action: store.Remove, Destination: testQueue, ID: e.Message.ID, Seq: e.Seq}
		require.NoError(t, await(j, store.Single(op, true, nil)))
	}
	require.NoError(t, j.Close())
	disk.SetCapacity(0)
	j = mustOpen(t, o)
	require.Equal(t, upTo(added)[len(page):], sequences(t, j, testQueue))
	require.NoError(t, j.Close())
}

// TestSmallSyncs: a burst ends the filling, a producer that waits for each
// brings it back.
func TestSmallSyncs(t *testing.T) {
	w := writer{}
	require.True(t, w.small(1400, true))
	require.True(t, w.small(100_000, false))
	require.False(t, w.small(200_000, false), "nothing is synced")
	require.False(t, w.small(30<<20, true))
	small := 0
	for n := 0; small == 0 && n < 200; n++ {
		if w.small(1400, true) {
			small = n
		}
	}
	require.Positive(t, small)
	require.Less(t, small, 50)
}
