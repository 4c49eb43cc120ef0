package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
)

// snapshotName is the snapshot's file in the journal's directory. ActiveMQ
// does not look at it.
const snapshotName = "conclave.snapshot"

// Windows of a file that go into its fingerprint: at its beginning, in the
// middle, and before its end.
const (
	outerWindow  = 4 << 10
	middleWindow = 1 << 10
)

// lookers is how many files are looked at together: over a network each takes
// its time.
const lookers = 8

var fingerprints = crc64.MakeTable(crc64.ECMA)

// lookAt reads the head and the fingerprint of a file whose batches end at
// end, and whether another batch begins there.
func lookAt(fs vfs.FS, dir string, number uint32, end int64) (v fileView, grown bool, err error) {
	handle, err := fs.Open(filepath.Join(dir, fileName(number)))
	if err != nil {
		return v, false, fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	v = fileView{number: number, end: end}
	if v.head, err = readHead(handle, number, end); err != nil {
		return v, false, err
	}
	b := make([]byte, outerWindow+len(batchMagic))
	for _, window := range [][2]int64{
		{0, min(end, outerWindow)},
		{end / 2, min(end, end/2+middleWindow)},
		{max(0, end-outerWindow), end},
	} {
		b := b[:window[1]-window[0]]
		if n, err := handle.ReadAt(b, window[0]); n < len(b) {
			return v, false, fmt.Errorf("read %s: %w", fileName(number), err)
		}
		v.fingerprint = crc64.Update(v.fingerprint, fingerprints, b)
	}
	next := b[:len(batchMagic)]
	n, err := handle.ReadAt(next, end)
	if err != nil && !errors.Is(err, io.EOF) {
		return v, false, fmt.Errorf("read %s: %w", fileName(number), err)
	}
	return v, bytes.Equal(next[:n], batchMagic), nil
}

// thawSnapshot makes a trail of what the snapshot says, if the journal is the
// one that it describes: chain, its files on disk, of which onDisk says the
// numbers. It returns an error of fs.ErrNotExist where there is no snapshot,
// errSnapshot for one that is damaged, and errLost for one that does not fit.
func thawSnapshot(o *Options, chain []diskFile, onDisk map[uint32]bool, stopping *atomic.Bool) (*trail, *snapshotMeta, error) {
	handle, err := o.FS.Open(filepath.Join(o.Directory, snapshotName))
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshot: %w", err)
	}
	defer handle.Close()
	r, meta := newSnapshotReader(handle)
	files, ends := r.fileTable(&meta)
	damage := r.damages(&meta)
	if r.err != nil {
		return nil, nil, r.err
	}
	t := newTrail(*o, stopping)
	t.onDisk, t.chain = onDisk, chain
	gone, err := t.recognize(files, &meta)
	if err != nil {
		return nil, nil, err
	}
	x := loadIndex(r, &meta, files, ends, gone)
	if r.err != nil {
		return nil, nil, r.err
	}
	t.r.x, t.r.seq, t.r.epoch, t.r.brokerSequence = x, meta.seq, meta.epoch, meta.sequence
	damage = t.restoreRoster(files, damage)
	for _, d := range damage {
		if n, ok := fileNumber(d.File); ok && !gone[n] {
			t.r.report(d)
		}
	}
	return t, &meta, nil
}

// recognize checks the files of a snapshot against those on disk, takes over
// what the trail must know of them, and returns which are gone.
func (t *trail) recognize(files []fileView, meta *snapshotMeta) (gone map[uint32]bool, err error) {
	if _, err := t.o.FS.Size(filepath.Join(t.o.Directory, indexFiles[0])); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: ActiveMQ has been master since the snapshot", errLost)
	}
	if !slices.ContainsFunc(files, func(f fileView) bool { return f.number == meta.position }) {
		return nil, fmt.Errorf("%w: it does not describe %s, which it ends in", errSnapshot, fileName(meta.position))
	}
	gone = map[uint32]bool{}
	var there []fileView
	for _, f := range files {
		if !t.onDisk[f.number] {
			gone[f.number], t.gone[f.number] = true, t.began
			continue
		}
		d := &readFile{head: f.head}
		d.end = f.end
		if f.number == meta.position {
			d.mark = meta.mark
		}
		if f.number > meta.position || f.end == 0 || d.end != f.end {
			return nil, fmt.Errorf("%w: %s", errSnapshot, fileName(f.number))
		}
		t.read[f.number] = d
		there = append(there, f)
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("%w: none of the files of the snapshot is there", errLost)
	}
	for _, f := range t.chain {
		if f.number > meta.position && f.head == nil {
			return nil, fmt.Errorf("%w: %s is another program's", errLost, fileName(f.number))
		}
	}
	t.position, t.first, t.highest, t.cold = meta.position, map[uint32]bool{}, meta.position, true
	if err := t.compare(t.chain); err != nil {
		return nil, err
	}
	return gone, t.lookAtAll(there)
}

// lookAtAll checks the fingerprints of the files that are there.
func (t *trail) lookAtAll(files []fileView) error {
	errs := make([]error, lookers)
	var running sync.WaitGroup
	for worker := range errs {
		running.Go(func() {
			for i := worker; i < len(files) && errs[worker] == nil; i += lookers {
				errs[worker] = t.lookAt(&files[i])
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func (t *trail) lookAt(f *fileView) error {
	found, grown, err := lookAt(t.o.FS, t.o.Directory, f.number, f.end)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errLost, err)
	case found.fingerprint != f.fingerprint:
		return fmt.Errorf("%w: %s is not what it was", errLost, fileName(f.number))
	case grown && f.number != t.position && t.limitOf(f.number) > f.end:
		return fmt.Errorf("%w: %s has grown since the snapshot", errLost, fileName(f.number))
	}
	return nil
}

// limitOf says how much of a file is part of the journal.
func (t *trail) limitOf(number uint32) int64 {
	for _, f := range t.chain {
		if f.number == number {
			return f.limit
		}
	}
	return 0
}

// thaw begins with the snapshot instead of the first file, if that is there
// and fits.
func (t *trail) thaw() {
	t.thawing = false
	began := time.Now()
	s, meta, err := thawSnapshot(&t.o, t.chain, t.onDisk, t.stopping)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errLost) {
		return
	}
	if err != nil {
		rejectSnapshot(&t.o, err)
		return
	}
	s.known, s.listed, s.tell, s.snapshot = t.known, t.listed, t.tell, meta.at
	s.r.exists = func(n uint32) bool { return t.onDisk[n] }
	*t = *s
	t.ahead = t.unread()
	t.o.Log.Info("following begins with a snapshot of the index", "directory", t.o.Directory, "messages", t.r.x.slab.live,
		"written", meta.at, "file", fileName(t.position), "snapshotMS", time.Since(began).Milliseconds())
}

// thaw is thawSnapshot for a master that begins. A snapshot that cannot be
// used is reported, and deleted when the journal is this process's to change.
func (j *Journal) thaw(inv *inventory) *trail {
	onDisk := map[uint32]bool{}
	for _, f := range inv.files {
		onDisk[f.number] = true
	}
	for _, n := range inv.orphans {
		onDisk[n] = true
	}
	t, meta, err := thawSnapshot(&j.o, inv.files, onDisk, new(atomic.Bool))
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errLost) {
		return nil
	}
	if err != nil {
		j.staleSnapshot = true
		rejectSnapshot(&j.o, err)
		return nil
	}
	j.opening.snapshot(meta.at, t)
	return t
}

func rejectSnapshot(o *Options, err error) {
	level := slog.LevelWarn
	if errors.Is(err, errLost) { // others have been master, or files were rewritten: that happens
		level = slog.LevelInfo
	}
	o.Log.Log(context.Background(), level, "the snapshot of the index is not used; the whole journal is replayed",
		"directory", o.Directory, "file", snapshotName, "reason", err)
}
