package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/lock"
)

// Verdict is what Verify finds.
type Verdict struct {
	Directory string `json:"directory"`
	Damaged   bool   `json:"damaged"`
	// InUse says that a broker holds the lock, and Holder which.
	InUse   bool   `json:"inUse"`
	Holder  string `json:"holder,omitempty"`
	Epoch   uint64 `json:"epoch"` // of the newest file
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"` // of valid batches
	Batches int    `json:"batches"`
	// Unchecked are the batches without a checksum: of them only the form is
	// known to be right.
	Unchecked int       `json:"unchecked"`
	Records   int       `json:"records"`
	Findings  []Finding `json:"findings"`
	// More is how many findings are left out.
	More int      `json:"more,omitempty"`
	lost []uint32 // missing for certain
	end  int64    // of the newest file's batches
}

// maxFindings bounds the findings that are kept.
const maxFindings = 10_000

// Attempts to read a file that changes while it is read, and the time between.
const (
	readAttempts = 3
	readPause    = 50 * time.Millisecond
)

// readers is how many files are read at a time.
const readers = 2

// Verify reads every batch and record of a directory and decodes what they
// hold.
func Verify(o vfs.FS, directory string) (*Verdict, error) {
	files, err := journal.Files(o, directory)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Directory: directory, Findings: []Finding{}}
	status, errStatus := lock.ReadHolder(directory)
	if v.InUse = status.Held; v.InUse {
		v.Holder = status.Describe()
	}
	results, err := readAll(o, directory, files, v.InUse)
	if err != nil {
		return nil, err
	}
	var register journal.Register
	for i := range results {
		v.take(&files[i], &results[i], &register)
	}
	v.compare(&register)
	v.checkEpoch(status, errStatus)
	v.checkManifest(o, files)
	if err := v.others(o); err != nil {
		return nil, err
	}
	return v, nil
}

// reading is what the reading of one file has brought.
type reading struct {
	gone      bool
	end       int64
	batches   int
	unchecked int
	records   int
	traces    []journal.Record
	findings  []Finding
	damage    []journal.Damage
	err       error
}

func readAll(o vfs.FS, directory string, files []journal.File, inUse bool) ([]reading, error) {
	results := make([]reading, len(files))
	var wait sync.WaitGroup
	next := make(chan int)
	for range readers {
		wait.Go(func() {
			for i := range next {
				results[i] = readFile(o, directory, files[i], inUse)
			}
		})
	}
	for i := range files {
		next <- i
	}
	close(next)
	wait.Wait()
	for i := range results {
		if results[i].err != nil {
			return nil, results[i].err
		}
	}
	return results, nil
}

// readFile reads a file, again if it seems damaged where a master may be
// writing.
func readFile(o vfs.FS, directory string, f journal.File, inUse bool) reading {
	for attempt := 1; ; attempt++ {
		r := readOnce(o, directory, f)
		if inUse && f.Newest {
			r.findings = slices.DeleteFunc(r.findings, func(f Finding) bool { return f.tail })
			if len(r.findings) > 0 && attempt < readAttempts {
				time.Sleep(readPause)
				continue
			}
		}
		return r
	}
}

func readOnce(o vfs.FS, directory string, f journal.File) (r reading) {
	if f.Limit == 0 || f.Orphan {
		return r
	}
	w := newWalk(o, directory, f)
	w.record = func(b *journal.Batch, record *journal.Record) {
		r.records++
		if err := record.Check(w.codec); err != nil {
			r.find(Finding{Severity: Damaged, File: f.Name, Offset: record.Offset, Length: int64(record.Size), Reason: err.Error(), Record: true})
		} else if record.AboutFiles() {
			r.traces = append(r.traces, record.Trace())
		}
	}
	w.batch = func(b *journal.Batch) {
		r.batches++
		if !b.Checked {
			r.unchecked++
		}
	}
	w.damage = func(d journal.Damage) {
		found := ofDamage(d)
		found.Held = w.held(d)
		r.damage = append(r.damage, d)
		r.find(found)
	}
	r.end, r.err = w.run()
	if errors.Is(r.err, fs.ErrNotExist) {
		return reading{gone: true}
	}
	if r.err == nil && f.Newest && len(r.damage) == 0 && !w.closed(r.end) {
		r.find(Finding{Severity: Warning, File: f.Name, Offset: r.end, Length: f.Limit - r.end, tail: true,
			Reason: "the last batch is not followed by an end-of-file record: what came after it may be lost"})
	}
	return r
}

func (r *reading) find(f Finding) {
	if len(r.findings) < maxFindings {
		r.findings = append(r.findings, f)
	}
}

// take adds what a file has brought.
func (v *Verdict) take(f *journal.File, r *reading, register *journal.Register) {
	switch {
	case f.Orphan:
		v.find(Finding{Severity: Warning, File: f.Name, Length: f.Size, Reason: "written by a deposed master after its time; the next master sets it aside"})
		return
	case f.Limit == 0:
		v.find(Finding{Severity: Warning, File: f.Name, Reason: "empty; what it may have held is lost"})
		return
	case r.gone:
		v.find(Finding{Severity: Note, File: f.Name, Reason: "deleted by its master while it was verified"})
		register.Ended(f.Number, 1<<62)
		return
	}
	v.Files++
	v.Bytes += r.end
	v.Batches += r.batches
	v.Unchecked += r.unchecked
	v.Records += r.records
	v.Epoch = max(v.Epoch, f.Epoch)
	if f.Newest {
		v.end = r.end
	}
	for i := range r.traces {
		register.Record(f.Number, &r.traces[i])
	}
	end := r.end
	for _, d := range r.damage {
		end = max(end, d.Offset+d.Length)
	}
	register.Ended(f.Number, end)
	for _, found := range r.findings {
		v.find(found)
	}
}

// compare finds the files that are missing and those that end early.
func (v *Verdict) compare(register *journal.Register) {
	v.lost = register.Lost()
	for _, d := range register.Damage(nil) {
		found := ofDamage(d)
		found.short = d.Missing == 0
		v.find(found)
	}
	if !register.Knows() && v.Files > 0 {
		v.find(Finding{Severity: Note, Reason: "no file says which files there are: ones deleted by hand would not be missed"})
	}
}

// checkEpoch compares the record of the lock with the journal.
func (v *Verdict) checkEpoch(s lock.Status, err error) {
	switch {
	case errors.Is(err, lock.ErrDamagedEpoch):
		v.find(Finding{Severity: Damaged, File: lock.EpochFileName, Reason: err.Error()})
	case err != nil:
		v.find(Finding{Severity: Warning, Reason: "the lock cannot be read: " + err.Error()})
	case s.Holder.Epoch < v.Epoch:
		v.find(Finding{Severity: Warning, File: lock.EpochFileName, Reason: fmt.Sprintf(
			"says epoch %d, but the journal has reached %d: the file is missing or old; the next master counts on from the journal", s.Holder.Epoch, v.Epoch)})
	case !v.InUse && s.Holder.Epoch > v.Epoch+1 && v.Epoch > 0:
		v.find(Finding{Severity: Warning, File: lock.EpochFileName, Reason: fmt.Sprintf(
			"says epoch %d, but the newest file is of epoch %d: later files are missing, unless the last masters never began to serve", s.Holder.Epoch, v.Epoch)})
	}
}

// others notes the files that no broker reads.
func (v *Verdict) others(o vfs.FS) error {
	names, err := o.List(v.Directory)
	if err != nil {
		return fmt.Errorf("list journal directory: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, ".orphan"):
			v.find(Finding{Severity: Note, File: name, Reason: "set aside: written by a deposed master"})
		case strings.Contains(name, damagedSuffix):
			v.find(Finding{Severity: Note, File: name, Reason: "set aside: damaged"})
		case name == "db.data" && v.Epoch > 0 && !v.InUse:
			v.find(Finding{Severity: Note, File: name, Reason: "ActiveMQ's index is there: ActiveMQ was the last master"})
		}
	}
	return nil
}

// damagedSuffix is in the names of files that hold damage that was set aside.
const damagedSuffix = ".log.damaged"

func (v *Verdict) find(f Finding) {
	v.Damaged = v.Damaged || f.Severity == Damaged
	if len(v.Findings) >= maxFindings {
		v.More++
		return
	}
	v.Findings = append(v.Findings, f)
}
