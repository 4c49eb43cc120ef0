package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

const (
	// DefaultSnapshotEvery is how much is written to the journal, at least,
	// between two snapshots.
	DefaultSnapshotEvery = 128 << 20
	// snapshotShare is how many times its size is written to the journal
	// between two snapshots.
	snapshotShare = 8
	// staleShare is how many times sooner a snapshot is due when files have been
	// rewritten since the last.
	staleShare = 8
	// snapshotPoll is how often it is looked whether a snapshot is due.
	snapshotPoll = 5 * time.Second
	// Snapshots in the background are written this fast, in bytes a second,
	// and synced in pieces, so that a batch's sync finds little before it.
	snapshotSpeed = 64 << 20
	snapshotSync  = 4 << 20
	// maxSnapshotUpdates bounds what a view has to copy at once.
	maxSnapshotUpdates = 50_000
)

// SnapshotState is what is known of the newest snapshot that this master has
// written.
type SnapshotState struct {
	At       time.Time // when it was begun; zero without one
	Messages int
	Bytes    int64 // of its file
	Took     time.Duration
	Pause    time.Duration // of that, for which the committer waited
	File     uint32        // where in the log it was made
	Offset   int64
	// Problem is why the last attempt failed, after the one that the rest is
	// about.
	Problem string
}

// LastSnapshot says what snapshot this master has written last. Any goroutine
// may ask.
func (j *Journal) LastSnapshot() SnapshotState {
	j.snapshotMu.Lock()
	defer j.snapshotMu.Unlock()
	return j.snapshots
}

// Snapshot writes the index into a file, as it is now, unless the newest
// snapshot has it all. It returns when the file is durable, or with what there
// was before when ctx ends. The journal serves meanwhile.
func (j *Journal) Snapshot(ctx context.Context) error { return j.snapshot(ctx, 0) }

// snapshot is Snapshot with at most so many bytes a second, 0 without bound.
func (j *Journal) snapshot(ctx context.Context, speed int64) error {
	j.snapshotting.Lock()
	defer j.snapshotting.Unlock()
	if j.LastSnapshot().Bytes > 0 && j.written.Load() == j.snapshotAt.Load() {
		return nil
	}
	began := time.Now()
	v, err := j.view()
	if err == nil {
		defer j.melt()
		w := &snapshotFile{j: j, ctx: ctx, speed: speed, began: began}
		err = w.save(v)
	}
	j.snapshotMu.Lock()
	defer j.snapshotMu.Unlock()
	if err != nil {
		j.snapshots.Problem = err.Error()
		return fmt.Errorf("write snapshot: %w", err)
	}
	j.o.Log.Info("snapshot of the index is written", "directory", j.o.Directory, "messages", v.entries.live,
		"bytes", j.snapshots.Bytes, "pauseUS", v.pause.Microseconds(), "file", fileName(v.position), "offset", v.mark.end, "tookMS", time.Since(began).Milliseconds())
	return nil
}

// view has the committer make a view between two batches, when all that it
// stands for is durable. Until it has looked at the files no other is deleted
// or rewritten. They are listed with the view: what was appended before may
// have begun another one.
func (j *Journal) view() (v *view, err error) {
	if j.o.DiskSync == Never {
		return nil, errors.New("nothing is synced")
	}
	j.collectMu.Lock()
	defer j.collectMu.Unlock()
	var numbers []uint32
	err = j.appendBuilt(func(_ *store.Unit, k *work) {
		numbers = j.segments.numbers()
		if k.err = j.describable(numbers); k.err != nil {
			return
		}
		if w := &j.writer; w.dirty {
			if k.err = j.sync(); k.err != nil {
				j.fail(k.err)
				return
			}
		}
		v, k.err = j.freeze()
	})
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		f, _, err := lookAt(j.o.FS, j.o.Directory, n, v.endOf(n, j.segments))
		if err != nil {
			j.melt()
			return nil, err
		}
		v.files = append(v.files, f)
	}
	return v, nil
}

// describable reports why there is no snapshot of these files.
func (j *Journal) describable(numbers []uint32) error {
	for _, n := range numbers {
		if j.superseded[n] {
			return fmt.Errorf("%s is in part superseded by another file", fileName(n))
		}
	}
	return nil
}

// freeze is the committer's part.
func (j *Journal) freeze() (*view, error) {
	began := time.Now()
	j.indexMu.Lock()
	defer j.indexMu.Unlock()
	if len(j.index.repeated) > 0 {
		return nil, fmt.Errorf("%w: %d", errRepeated, len(j.index.repeated))
	}
	if len(j.index.updated)+len(j.index.counted) > maxSnapshotUpdates {
		return nil, fmt.Errorf("%d messages have been updated", len(j.index.updated)+len(j.index.counted))
	}
	v := j.index.freeze()
	j.queueMu.Lock()
	v.seq = uint64(j.lastSeq)
	j.queueMu.Unlock()
	c := j.writer.current
	v.position, v.mark, v.epoch, v.sequence = c.number, c.mark, j.epoch, j.brokerSequence
	for _, d := range j.damage {
		if !d.Tail {
			v.damage = append(v.damage, d)
		}
	}
	v.written, v.pause = j.written.Load(), time.Since(began)
	return v, nil
}

func (j *Journal) melt() {
	j.indexMu.Lock()
	defer j.indexMu.Unlock()
	j.index.melt()
}

// endOf is where the batches of a file end in this view.
func (v *view) endOf(number uint32, s *segments) int64 {
	if number == v.position {
		return v.mark.end
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.byNumber[number]; f != nil {
		return f.length
	}
	return 0
}

// snapshotFile writes one snapshot.
type snapshotFile struct {
	j        *Journal
	ctx      context.Context
	speed    int64
	began    time.Time
	handle   vfs.File
	written  int64
	unsynced int64
}

// save writes a view to a file of another name, durably, before it takes the
// place of the snapshot before.
func (w *snapshotFile) save(v *view) error {
	j := w.j
	if err := j.owned(); err != nil {
		return err
	}
	if j.allocator.isFull() {
		return store.ErrNoSpace
	}
	temporary := filepath.Join(j.o.Directory, fmt.Sprintf("db-%d-snapshot%s", j.epoch, spareSuffix))
	var err error
	if w.handle, err = j.o.FS.Create(temporary); err != nil {
		return err
	}
	total, err := encodeSnapshot(v, w.began, w.section)
	if err == nil {
		err = w.handle.Sync()
	}
	if closeErr := w.handle.Close(); err == nil {
		err = closeErr
	}
	if owned := j.owned(); owned != nil {
		return owned // and not one change more
	}
	if err == nil {
		err = j.o.FS.Rename(temporary, filepath.Join(j.o.Directory, snapshotName))
	}
	if err == nil {
		err = j.o.FS.SyncDir(j.o.Directory)
	}
	if err != nil {
		_ = j.o.FS.Remove(temporary)
		j.allocator.nudge()
		return err
	}
	j.snapshotAt.Store(v.written)
	j.snapshotMu.Lock()
	defer j.snapshotMu.Unlock()
	j.snapshots = SnapshotState{At: w.began, Messages: v.entries.live, Bytes: total, Took: time.Since(w.began), Pause: v.pause,
		File: v.position, Offset: v.mark.end}
	return nil
}

// section writes what the encoder has made, at the speed that is allowed.
func (w *snapshotFile) section(b []byte) error {
	if err := w.ctx.Err(); err != nil {
		return context.Cause(w.ctx)
	}
	if err := w.j.owned(); err != nil {
		return err
	}
	if _, err := w.handle.WriteAt(b, w.written); err != nil {
		return err
	}
	w.written += int64(len(b))
	if w.unsynced += int64(len(b)); w.unsynced >= snapshotSync {
		w.unsynced = 0
		if err := w.handle.Sync(); err != nil {
			return err
		}
	}
	if w.speed > 0 {
		w.pause()
	}
	return nil
}

// pause waits until what was written is within the speed.
func (w *snapshotFile) pause() {
	due := w.began.Add(time.Duration(float64(w.written) / float64(w.speed) * float64(time.Second)))
	wait := time.Until(due)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
	}
}

// snapshotter writes a snapshot whenever much has been written since the last
// one, so that a cold start has little to replay.
func (j *Journal) snapshotter() {
	defer j.joined.Done()
	ctx, cancel := context.WithCancelCause(context.Background())
	var ending sync.WaitGroup
	defer ending.Wait()
	defer cancel(nil)
	ending.Go(func() {
		select {
		case <-j.stop:
			cancel(store.ErrClosed)
		case <-j.failed:
			cancel(store.ErrFailed)
		case <-ctx.Done():
		}
	})
	tick := time.NewTicker(j.o.snapshotPoll)
	defer tick.Stop()
	behind, tried, rewritten := j.unsnapped(), -j.o.SnapshotEvery, int64(0)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		last, written := j.LastSnapshot(), j.written.Load()
		since := written - j.snapshotAt.Load()
		if last.Bytes == 0 {
			since += behind
		}
		limit, files := max(j.o.SnapshotEvery, snapshotShare*last.Bytes), j.compactor.files.Load()
		if files != rewritten { // the last one does not fit the files any more
			limit /= staleShare
			since = max(since, written-tried)
		}
		if since < limit || written-tried < min(limit, j.o.SnapshotEvery) {
			continue
		}
		tried, rewritten = written, files
		if err := j.snapshot(ctx, snapshotSpeed); err != nil && ctx.Err() == nil {
			j.o.Log.Warn("snapshot of the index", "directory", j.o.Directory, "error", err)
		}
	}
}

// unsnapped is how many bytes of the journal, as it was opened, come after the
// snapshot that is there.
func (j *Journal) unsnapped() (total int64) {
	var meta snapshotMeta
	if handle, err := j.o.FS.Open(filepath.Join(j.o.Directory, snapshotName)); err == nil {
		var r *snapshotReader
		if r, meta = newSnapshotReader(handle); r.err != nil {
			meta = snapshotMeta{}
		}
		_ = handle.Close()
	}
	j.segments.mu.Lock()
	defer j.segments.mu.Unlock()
	for n, f := range j.segments.byNumber {
		if n > meta.position {
			total += f.length
		} else if n == meta.position {
			total += f.length - meta.mark.end
		}
	}
	return total
}

// supersededFiles are those of which a replay reads a part alone as long as
// others are there, with these others. What an index says of them changes when
// those go: there is no snapshot until then.
func supersededFiles(r *replayer) map[uint32]bool {
	files := map[uint32]bool{}
	for n, f := range r.forwarded {
		if f.there {
			files[n], files[f.source] = true, true
		}
	}
	return files
}

// removeSnapshot deletes a snapshot that does not fit the journal, and the one
// that ActiveMQ has not kept up to date.
func (j *Journal) removeSnapshot(inv *inventory) error {
	if !j.staleSnapshot && !inv.index || !inv.snapshot {
		return nil
	}
	return removeFiles(&j.o, []string{snapshotName})
}
