package journal

import (
	"slices"
	"time"
)

// absence is since when files have not been there that the journal lists, and
// which of them a slave has reported.
type absence struct {
	checked  time.Time // the listing that was looked at
	since    map[uint32]time.Time
	reported map[uint32]bool
}

// watchFiles reports files that should be there. Over a network the record of
// a deletion may be seen later than the deletion: they get the time for that.
func (t *trail) watchFiles() {
	a := &t.absence
	if a.checked.Equal(t.listed) {
		return
	}
	a.checked = t.listed
	files := t.r.roster.absent(func(n uint32) bool { return t.onDisk[n] })
	for n := range a.since {
		if !slices.Contains(files, n) {
			delete(a.since, n)
		}
	}
	if len(files) == 0 || t.r.roster.foreign {
		return
	}
	if a.since == nil {
		a.since, a.reported = map[uint32]time.Time{}, map[uint32]bool{}
	}
	for _, n := range files {
		since, known := a.since[n]
		if !known {
			a.since[n] = t.listed
		} else if t.listed.Sub(since) > goneGrace && !a.reported[n] {
			a.reported[n] = true
			t.o.Log.Error("journal is damaged; the rest will be served", "file", fileName(n),
				"bytes", t.r.roster.ends[n], "reason", "the file is missing or empty")
		}
	}
}
