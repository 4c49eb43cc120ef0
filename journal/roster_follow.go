package journal

import (
	"slices"
	"strings"
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
				"bytes", t.r.roster.ends[n], "reason", missingReason)
		}
	}
}

// restoreRoster takes the files of a snapshot for a list, if the mastership that
// wrote it keeps lists. Files that were missing then are missing still; the
// damage that is left is returned.
func (t *trail) restoreRoster(files []fileView, damage []Damage) (rest []Damage) {
	if !t.keepsLists(t.position) {
		return damage
	}
	r := &t.r.roster
	r.file = t.position
	for _, f := range files {
		r.files = append(r.files, f.number)
	}
	for _, d := range damage {
		if n, ok := fileNumber(d.File); ok && strings.HasPrefix(d.Reason, missingReason) && !t.onDisk[n] {
			r.files = append(r.files, n)
		} else {
			rest = append(rest, d)
		}
	}
	slices.Sort(r.files)
	return rest
}

// keepsLists reports that the head of a file has a list of files.
func (t *trail) keepsLists(number uint32) bool {
	handle, err := t.o.FS.Open(t.path(number))
	if err != nil {
		return false
	}
	defer handle.Close()
	size, err := handle.Size()
	if err != nil {
		return false
	}
	s := &scanner{file: handle, length: min(size, headBytes)}
	payload, state, err := s.next(0)
	if err != nil || state != batchValid {
		return false
	}
	_, _, rest, _ := nextRecord(payload)
	_, record, _, ok := nextRecord(rest)
	var c command
	return ok && decodeCommand(record[recordHead:], &c) == nil && strings.HasPrefix(string(c.text), filesPrefix)
}
