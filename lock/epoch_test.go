package lock

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var someHolder = Holder{
	Epoch: 7, ID: "5b0e", Broker: "a", Host: "db1", PID: 4242,
	Since:        time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC),
	WindowMillis: 5000, Device: 2049, Inode: 131, URIs: []string{"tcp://db1:61616"},
}

func TestEpochFormat(t *testing.T) {
	b, err := encodeEpoch(someHolder)
	require.NoError(t, err)
	const line = `{"format":1,"epoch":7,"id":"5b0e","broker":"a","host":"db1","pid":4242,` +
		`"since":"2026-01-02T03:04:05.678Z","windowMillis":5000,"device":2049,"inode":131,"uris":["tcp://db1:61616"]}`
	require.Len(t, b, epochGrain)
	first, _, _ := strings.Cut(string(b), "\n")
	require.Equal(t, line, strings.TrimRight(first, " "))
	h, err := decodeEpoch(b)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(someHolder, h))
}

func TestDamagedEpochIsRefused(t *testing.T) {
	good, err := encodeEpoch(someHolder)
	require.NoError(t, err)
	for name, b := range map[string][]byte{
		"empty":     {},
		"garbage":   []byte("\x00\xff garbage"),
		"torn":      good[:len(good)/2],
		"one short": good[:len(good)-1],
		"zeros":     make([]byte, len(good)),
		"digit":     bytes.Replace(good, []byte(`"epoch":7`), []byte(`"epoch":8`), 1),
		"longer":    append(bytes.Clone(good), '\n'),
		"huge":      bytes.Repeat([]byte("x"), maxEpochBytes+2),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, EpochFileName)
			require.NoError(t, os.WriteFile(path, b, 0o644))
			_, err := tryAcquire(dir)
			require.ErrorIs(t, err, ErrDamagedEpoch)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "remove the file")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, b, after, "left as it was")
			status, err := ReadHolder(dir)
			require.ErrorIs(t, err, ErrDamagedEpoch)
			require.False(t, status.Held, "the lock was let go")

			require.NoError(t, os.Remove(path))
			lease, err := tryAcquire(dir)
			require.NoError(t, err)
			require.NoError(t, lease.Release())
		})
	}
}

// Where the journal knows the epoch, damage costs one window.
func TestDamagedEpochIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, EpochFileName)
	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o644))
	const window = 200 * time.Millisecond
	l, err := NewFile(FileOptions{Directory: dir, Floor: func() uint64 { return 41 }, KeepAlivePeriod: 50 * time.Millisecond, Window: window})
	require.NoError(t, err)
	began := time.Now()
	lease, err := l.Acquire(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 42, lease.Epoch())
	require.GreaterOrEqual(t, time.Since(began), window)
	require.NoError(t, lease.Release())
	b, err := os.ReadFile(path + ".damaged")
	require.NoError(t, err)
	require.Equal(t, "garbage", string(b))

	// Both files gone: somebody may still hold what was deleted.
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Remove(filepath.Join(dir, FileName)))
	began = time.Now()
	lease, err = l.Acquire(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 42, lease.Epoch())
	require.GreaterOrEqual(t, time.Since(began), window)
	require.NoError(t, lease.Release())

	line := []byte(`{"format":2,"epoch":50}`) // of a later version
	b = fmt.Appendf(nil, "%s\ncrc32c %08x\n", line, checksum(line))
	require.NoError(t, os.WriteFile(path, b, 0o644))
	_, err = l.Acquire(t.Context())
	require.ErrorIs(t, err, ErrDamagedEpoch)
	require.ErrorContains(t, err, "format is not known: 2")
}

// A crash in the middle of a replacement leaves the temporary file.
func TestUnfinishedReplacementIsIgnored(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeEpoch(dir, someHolder, func() error { return nil }))
	require.NoError(t, os.WriteFile(filepath.Join(dir, EpochFileName+".tmp"), []byte("torn"), 0o644))
	h, err := readEpoch(dir)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(someHolder, h))
	next := someHolder
	next.Epoch++
	require.ErrorIs(t, writeEpoch(dir, next, func() error { return ErrLost }), ErrLost)
	h, err = readEpoch(dir)
	require.NoError(t, err)
	require.EqualValues(t, 7, h.Epoch, "who is not the owner replaces nothing")
	require.NoError(t, writeEpoch(dir, next, func() error { return nil }))
	h, err = readEpoch(dir)
	require.NoError(t, err)
	require.EqualValues(t, 8, h.Epoch)
}

func FuzzDecodeEpoch(f *testing.F) {
	good, err := encodeEpoch(someHolder)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}\ncrc32c a9e4fa63\n"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeEpoch(b)
		if err != nil {
			return
		}
		again, err := encodeEpoch(h)
		require.NoError(t, err)
		same, err := decodeEpoch(again)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(h, same))
	})
}
