package journal

import (
	"context"
	"fmt"

	"github.com/conclavemq/conclave/store"
)

// Hold is a moment of the journal that can be copied while the journal goes on.
// Until Release no file is deleted, and none is changed before the lengths that
// are stated.
type Hold struct {
	Epoch uint64
	Files []HeldFile // ascending; the last one is being written
	j     *Journal
}

// HeldFile is a file with what belongs to the moment.
type HeldFile struct {
	Name   string `json:"name"`
	Length int64  `json:"length"` // bytes of batches
	// Complete says that the file is not written any more.
	Complete bool `json:"complete"`
}

// Hold waits until everything that was appended before is durable, and keeps
// that moment. Whoever calls it calls Release.
func (j *Journal) Hold(ctx context.Context) (*Hold, error) {
	if err := j.owned(); err != nil {
		return nil, err
	}
	j.collectMu.Lock() // no file is being deleted
	j.moments.Add(1)
	j.collectMu.Unlock()
	h := &Hold{Epoch: j.epoch, j: j}
	err := j.appendBuilt(func(_ *store.Unit, _ *work) { h.Files = j.moment() })
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		h.Release()
		return nil, fmt.Errorf("hold the journal: %w", err)
	}
	return h, nil
}

// moment lists the files as they are between two batches; the committer's.
func (j *Journal) moment() (files []HeldFile) {
	current := j.writer.current.number
	for _, n := range j.segments.numbers() {
		if n <= current { // the next one may have been admitted
			files = append(files, HeldFile{Name: fileName(n), Length: j.segments.lengthOf(n), Complete: n != current})
		}
	}
	return files
}

// Release lets files be deleted again.
func (h *Hold) Release() {
	if h.j != nil {
		h.j.moments.Add(-1)
		h.j = nil
	}
}

// held says that files must stay.
func (j *Journal) held() bool { return j.moments.Load() > 0 }

// Intact reports why the moment may not have lasted until now: this process may
// not have owned the directory all the time.
func (h *Hold) Intact() error {
	if h.j == nil {
		return store.ErrClosed
	}
	if err := h.j.failureOf(); err != nil {
		return err
	}
	return h.j.owned()
}
