package inspect

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// copyOf makes a backup of a journal that is open.
func copyOf(t *testing.T, j *journal.Journal, dir, to string, link bool) *Manifest {
	hold, err := j.Hold(t.Context())
	require.NoError(t, err)
	defer hold.Release()
	m, err := Copy(t.Context(), to, CopyOptions{Files: hold.Files, Link: link, Manifest: Manifest{From: dir, Epoch: hold.Epoch}}, hold.Intact)
	require.NoError(t, err)
	return m
}

// TestBackupIsAMoment: while messages come and go and files are deleted, a copy
// holds the state of one moment: all that was confirmed before it began, in log
// order a prefix.
func TestBackupIsAMoment(t *testing.T) {
	for _, link := range []bool{false, true} {
		dir, target := t.TempDir(), t.TempDir()
		j := open(t, vfs.OS{}, dir)
		var mu sync.Mutex
		confirmed := int64(0) // messages added one after the other
		stop := make(chan struct{})
		var wait sync.WaitGroup
		wait.Go(func() {
			for i := int64(1); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				await(t, j, add(orders, i))
				mu.Lock()
				confirmed = i
				mu.Unlock()
				if i > 100 {
					await(t, j, remove(orders, i-100)) // so the last 100 or 101 wait
				}
			}
		})
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					require.NoError(t, j.Collect())
				}
			}
		})
		for n := range 3 {
			require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return confirmed > int64(n+1)*150 }, 20*time.Second, time.Millisecond)
			mu.Lock()
			before := confirmed
			mu.Unlock()
			to := filepath.Join(target, string(rune('a'+n)))
			m := copyOf(t, j, dir, to, link)
			v, err := Verify(vfs.Quiet{}, to)
			require.NoError(t, err)
			require.Empty(t, wrong(v), "backup %d", n)
			require.Equal(t, journal.FileName(m.Position.File), m.Files[len(m.Files)-1].Name)
			ids := idsOf(t, to)
			last := ids[len(ids)-1]
			require.GreaterOrEqual(t, last, before, "what was confirmed before is there")
			require.Contains(t, []int{100, 101}, len(ids))
			for k, id := range ids {
				require.Equal(t, last-int64(len(ids)-1-k), id, "a prefix of the log")
			}
			restored := open(t, vfs.OS{}, to)
			require.Empty(t, restored.Damage())
			require.Greater(t, restored.Epoch(), m.Epoch)
			require.NoError(t, restored.Close())
			require.Equal(t, ids, idsOf(t, to))
		}
		close(stop)
		wait.Wait()
		require.NoError(t, j.Close())
		v, err := Verify(vfs.Quiet{}, dir)
		require.NoError(t, err)
		require.Empty(t, wrong(v), "brokers on linked copies changed nothing here")
	}
}

func idsOf(t *testing.T, dir string) (ids []int64) {
	_, err := Extract(vfs.Quiet{}, dir, ExtractOptions{Destination: "ORDERS"}, func(m *message.Message, _ Origin) error {
		ids = append(ids, m.ID.ProducerSequence)
		return nil
	})
	require.NoError(t, err)
	return ids
}

// TestHeldFilesStay: while a moment is held nothing is deleted, and afterwards it is.
func TestHeldFilesStay(t *testing.T) {
	dir := t.TempDir()
	j := open(t, vfs.OS{}, dir)
	for i := int64(1); i <= 200; i++ {
		await(t, j, add(orders, i), remove(orders, i))
	}
	hold, err := j.Hold(t.Context())
	require.NoError(t, err)
	require.Greater(t, len(hold.Files), 2)
	require.NoError(t, j.Collect())
	for _, f := range hold.Files {
		require.FileExists(t, filepath.Join(dir, f.Name))
	}
	require.NoError(t, hold.Intact())
	hold.Release()
	hold.Release()
	require.Error(t, hold.Intact())
	require.NoError(t, j.Collect())
	require.NoFileExists(t, filepath.Join(dir, hold.Files[0].Name))
	require.NoError(t, j.Close())
	_, err = j.Hold(t.Context())
	require.ErrorIs(t, err, store.ErrClosed)
}

// TestCopyIsWholeOrNotThere: a target that is there, a copy that is interrupted
// and one whose moment did not last leave nothing.
func TestCopyIsWholeOrNotThere(t *testing.T) {
	dir, root := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, lock.EpochFileName), []byte("epoch"), 0o644))
	j := open(t, vfs.OS{}, dir)
	await(t, j, add(orders, 1))
	defer j.Close()
	hold, err := j.Hold(t.Context())
	require.NoError(t, err)
	defer hold.Release()
	o := CopyOptions{Files: hold.Files, Manifest: Manifest{From: dir}}
	to := filepath.Join(root, "b")

	require.NoError(t, os.Mkdir(to, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(to, "x"), nil, 0o644))
	_, err = Copy(t.Context(), to, o, nil)
	require.ErrorIs(t, err, ErrNotEmpty)
	require.NoError(t, os.Remove(filepath.Join(to, "x")))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Copy(ctx, to, o, nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = Copy(t.Context(), to, o, func() error { return lock.ErrLost })
	require.ErrorIs(t, err, lock.ErrLost)
	require.NoDirExists(t, to+".tmp")

	m, err := Copy(t.Context(), to, o, nil) // an empty directory will do
	require.NoError(t, err)
	require.Len(t, m.Files, 2)
	require.FileExists(t, filepath.Join(to, lock.EpochFileName))
	require.FileExists(t, filepath.Join(to, ManifestName))

	content, err := os.ReadFile(filepath.Join(to, m.Files[0].Name))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, m.Files[0].Name), append(content, 0), 0o644))
	v, err := Verify(vfs.Quiet{}, to)
	require.NoError(t, err)
	require.True(t, v.Damaged, "the manifest knows better")
}

// TestCopyKeepsToItsRate.
func TestCopyKeepsToItsRate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "db-1.log"), make([]byte, 200_000), 0o644))
	began := time.Now()
	_, err := Copy(t.Context(), filepath.Join(t.TempDir(), "b"), CopyOptions{Rate: 1_000_000, Manifest: Manifest{From: dir},
		Files: []journal.HeldFile{{Name: "db-1.log", Length: 200_000}}}, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 190*time.Millisecond)
}
