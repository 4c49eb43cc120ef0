package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
)

// promote ends the follower and returns what it has read, if that is part of
// what is there now; nil otherwise, or without a follower.
func (j *Journal) promote(inv *inventory) *trail {
	if j.o.Follower == nil {
		return nil
	}
	t := j.o.Follower.take()
	j.o.Follower = nil
	if t == nil || t.position == 0 {
		return nil
	}
	t.o.FS = j.o.FS
	t.onDisk = map[uint32]bool{}
	for _, f := range inv.files {
		t.onDisk[f.number] = true
	}
	for _, n := range inv.orphans {
		t.onDisk[n] = true
	}
	err := t.compare(inv.files)
	if err == nil {
		err = t.complete(j.o.FS, inv)
	}
	if err == nil {
		err = t.refresh()
	}
	if err != nil {
		j.doubt(err)
		return nil
	}
	return t
}

// doubt says why what a follower or a snapshot has brought is not used.
func (j *Journal) doubt(err error) {
	if j.opening.From == FromSnapshot {
		j.opening, j.staleSnapshot = Opening{}, true
		rejectSnapshot(&j.o, err)
		return
	}
	j.o.Log.Warn("what was read while following is not used; the whole journal is replayed",
		"directory", j.o.Directory, "reason", err)
}

// complete checks that nothing was written to a file after the next one was
// begun, as ActiveMQ does when it compacts. Our files say themselves that they
// are ours, which never happens to.
func (t *trail) complete(fs vfs.FS, inv *inventory) error {
	for i, f := range inv.files {
		d := t.read[f.number]
		if d != nil && f.number == t.position && i < len(inv.files)-1 {
			if err := t.unchanged(f.number, d); err != nil {
				return err
			}
		}
		if d == nil || f.head != nil || f.number >= t.position {
			continue
		}
		handle, err := fs.Open(t.path(f.number))
		if err != nil {
			return fmt.Errorf("open journal file: %w", err)
		}
		head := make([]byte, len(batchMagic))
		n, _ := handle.ReadAt(head, d.end)
		_ = handle.Close()
		if bytes.Equal(head[:n], batchMagic) && d.end < f.limit {
			return fmt.Errorf("%w: %s has grown since", errLost, fileName(f.number))
		}
	}
	return nil
}

// unchanged checks that a file was not rewritten while it was read.
func (t *trail) unchanged(number uint32, d *readFile) error {
	handle, err := t.o.FS.Open(t.path(number))
	if err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	if d.end > 0 && stampIn(handle) != d.stamp {
		return fmt.Errorf("%w: %s was rewritten while it was read", errLost, fileName(number))
	}
	return nil
}

// markOf is what has been read of a file, if it is the one being read, and
// anything of it has been.
func (t *trail) markOf(number uint32) mark {
	if t == nil || number != t.position || t.read[number] == nil {
		return mark{}
	}
	return t.read[number].mark
}

// catchUp replays what comes after t. It returns no replayer if t is nil, or
// turns out not to be the journal; the journal is as before then.
func (j *Journal) catchUp(t *trail, inv *inventory, in *inherited, onDisk func(uint32) bool) (*replayer, error) {
	if t == nil {
		return nil, nil
	}
	began, records := time.Now(), t.r.records
	t.progress = nil
	t.r.log, t.r.exists = j.o.Log, onDisk
	lag, err := j.continueFrom(t, inv, in)
	if err == nil {
		err = t.conclude()
	}
	if errors.Is(err, errLost) {
		j.doubt(err)
		j.segments.close()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	j.index = t.r.x
	j.opening.Bytes, j.opening.Records = lag, t.r.records-records
	if j.opening.From == FromSnapshot {
		j.o.Log.Info("the index was read from a snapshot", "directory", j.o.Directory, "messages", j.opening.SnapshotMessages,
			"written", j.opening.SnapshotAt, "tailBytes", lag, "tailRecords", j.opening.Records, "tailMS", time.Since(began).Milliseconds())
		return t.r, nil
	}
	j.opening.From = FromFollowing
	j.o.Log.Info("the journal had been followed", "directory", j.o.Directory, "since", time.Since(t.began).Round(time.Millisecond),
		"lagBytes", lag, "lagRecords", t.r.records-records, "catchUpMS", time.Since(began).Milliseconds())
	return t.r, nil
}

// continueFrom replays the files from the place that t has reached, and
// returns how many bytes there were.
func (j *Journal) continueFrom(t *trail, inv *inventory, in *inherited) (lag int64, err error) {
	rest := slices.Clone(inv.files)
	for len(rest) > 0 && rest[0].number < t.position {
		j.segments.put(rest[0].number, t.read[rest[0].number].end)
		rest = rest[1:]
	}
	<-in.sealed
	if !in.marked {
		return 0, fmt.Errorf("%w: %s has changed", errLost, fileName(inv.files[len(inv.files)-1].number))
	}
	for i := range rest {
		if unread := t.moveTo(rest[i]); unread {
			if err := t.refresh(); err != nil {
				return 0, err
			}
		}
		if d := t.read[rest[i].number]; d != nil {
			rest[i].from = d.end
		}
	}
	return j.replayFiles(t.r, rest, in)
}

// conclude forgets the files that are not there any more, which nothing may
// need.
func (t *trail) conclude() error {
	for number := range t.gone {
		if err := t.bury(number); err != nil {
			return err
		}
		if t.needs(number) {
			return fmt.Errorf("%w: %s was deleted and held what is needed", errLost, fileName(number))
		}
		if t.r.isSource(number) {
			return fmt.Errorf("%w: %s was deleted, another file has its acknowledgements", errLost, fileName(number))
		}
		t.forget(number)
	}
	if err := t.straying(); err != nil {
		return err
	}
	if t.cold && t.r.foreign != 0 {
		return fmt.Errorf("%w: another program has written to the journal since", errLost)
	}
	if t.missed && t.r.duplicates > 0 {
		return fmt.Errorf("%w: files were deleted unread, and messages stored twice", errLost)
	}
	return nil
}
