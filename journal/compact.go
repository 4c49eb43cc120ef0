package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/store"
)

// Bounds and defaults of compaction.
const (
	// DefaultCompactRate is how many bytes a second are read and written.
	DefaultCompactRate = 32 << 20
	// The files that are complete may hold twice the bytes of what is live.
	// Compaction begins above 7/4 and ends at 3/2.
	compactAbove, compactTo = 7, 6 // quarters
	// leastGain is the number of bytes for which a file is worth the trouble.
	leastGain = 512
	// settleTime is how long a file has been complete before it is rewritten:
	// a slave that follows has read it by then.
	settleTime = 2 * time.Second
	// measured is how many messages are looked at without letting go of the
	// index.
	measured = 4096
)

// compactShares are the percentages below which the live part of a file has to
// be, for it to be rewritten: the emptiest files first.
var compactShares = [...]int64{50, 75, 100}

// compacted is what rewriting a file has settled. Journal.indexMu guards it.
type compacted struct {
	// cleaned says that the file was rewritten, or found to need no rewriting,
	// when this file was the current one: no message that a record in a lower
	// file ends is in it any more. 0 is never.
	cleaned uint32
	// open says that it then held operations of transactions that end elsewhere.
	open bool
	// deaths counts the messages that lay in it and have gone, and buried those
	// that it was cleaned of. What ended one may be several acknowledgements,
	// some of them older than cleaned.
	deaths, buried uint32
	// late says that a record in a lower file took effect on it meanwhile.
	late bool
}

// isClean reports that the file has no message that has gone.
func (c *compacted) isClean() bool { return c.cleaned != 0 && c.deaths == c.buried }

// belated notes that a record in an old file ends a message only now.
func (x *index) belated(h handle) {
	note := func(n uint32) {
		f := x.file(n)
		f.cleaned, f.late = 0, true
	}
	note(x.slab.get(h).file)
	if first, ok := x.updated[h]; ok {
		note(first)
	}
	for _, n := range x.repeated[h] {
		note(n)
	}
}

// Compaction says what a journal has rewritten since it was opened.
type Compaction struct {
	Files   int64 // rewritten
	Read    int64 // bytes
	Written int64 // bytes
	Freed   int64 // bytes of batches, by rewriting alone
	Failed  int64 // files that could not be rewritten
}

// compactor rewrites files that hold much that nothing needs. Its goroutine
// does nothing until the janitor finds the directory too large.
type compactor struct {
	due    chan struct{} // capacity 1
	settle time.Duration // settleTime
	over   int           // the janitor's: how many cleanups in a row found too much

	mu      sync.Mutex         // held while files are rewritten
	serial  uint64             // mu; of the newest rewritten file
	residue map[uint32]residue // mu; of files that have been looked at
	unfit   map[uint32]bool    // mu; files that are left as they are

	files, read, written, freed, failed atomic.Int64
}

// residue is what a file was left with beside its live records.
type residue struct {
	bytes int64
	// blocked says that more would go if the files were cleaned whose messages
	// its records end.
	blocked bool
}

func newCompactor() *compactor {
	return &compactor{due: make(chan struct{}, 1), settle: settleTime, residue: map[uint32]residue{}, unfit: map[uint32]bool{}}
}

// Compaction may be asked for from any goroutine.
func (j *Journal) Compaction() Compaction {
	c := j.compactor
	return Compaction{Files: c.files.Load(), Read: c.read.Load(), Written: c.written.Load(), Freed: c.freed.Load(), Failed: c.failed.Load()}
}

// consider has files rewritten, if the last cleanups have left too much.
func (j *Journal) consider(full bool) {
	c := j.compactor
	if j.o.NoCompaction || !j.exceeds(compactAbove) {
		c.over = 0
		return
	}
	if c.over++; full || c.over >= j.o.CompactAfter {
		select {
		case c.due <- struct{}{}:
		default:
		}
	}
}

// compactWhenDue is the compactor's goroutine.
func (j *Journal) compactWhenDue() {
	defer j.joined.Done()
	for {
		select {
		case <-j.compactor.due:
		case <-j.stop:
			return
		}
		if err := j.compact(j.compactor.settle); err != nil && !errors.Is(err, errStopped) && !errors.Is(err, errHeld) {
			j.o.Log.Warn("compacting journal files", "directory", j.o.Directory, "error", err)
		}
	}
}

// Compact rewrites the files that hold the most that nothing needs, until the
// complete ones hold no more than one and a half times what is live, and
// deletes those that are not needed at all any more. It does nothing where
// they hold less than seven quarters. (ActiveMQ moves acknowledgements alone:
// MessageDatabase.AckCompactionRunner.)
func (j *Journal) Compact() error { return j.compact(0) }

// CompactAll rewrites every complete file that holds anything that nothing
// needs, however much there is.
func (j *Journal) CompactAll() error {
	c := j.compactor
	c.mu.Lock()
	defer c.mu.Unlock()
	live := j.measure()
	var first error
	numbers := j.segments.numbers()
	for _, n := range numbers[:len(numbers)-1] {
		if j.segments.length(n) == 0 || c.unfit[n] || j.damaged[n] {
			continue
		}
		err := j.compactFile(n, live[n])
		if err != nil && j.ends(err) {
			return err
		}
		if first = cmp.Or(first, err); err != nil {
			continue
		}
		if err := j.Collect(); err != nil {
			return err
		}
	}
	return first
}

func (j *Journal) compact(settle time.Duration) error {
	c := j.compactor
	c.mu.Lock()
	defer c.mu.Unlock()
	if !j.exceeds(compactAbove) || j.held() {
		return nil
	}
	began, before := time.Now(), j.Compaction()
	if age := began.Sub(time.Unix(0, j.rotated.Load())); age < settle {
		timer := time.NewTimer(settle - age)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-j.stop:
			return errStopped
		}
	}
	live := j.measure()
	err := j.compactFiles(live)
	after := j.Compaction()
	if files := after.Files - before.Files; files > 0 {
		j.o.Log.Info("journal files were compacted", "directory", j.o.Directory, "files", files,
			"read", after.Read-before.Read, "written", after.Written-before.Written, "freed", after.Freed-before.Freed,
			"bytes", j.Size(), "took", time.Since(began).Round(time.Millisecond))
	}
	return err
}

// compactFiles goes through the files from the oldest on, so that what the
// older ones no longer hold need not be ended by the newer ones.
func (j *Journal) compactFiles(live map[uint32]int64) error {
	numbers := j.segments.numbers()
	var first error
	for _, share := range compactShares {
		for _, n := range numbers[:len(numbers)-1] {
			if !j.worth(n, live[n], share) {
				continue
			}
			err := j.compactFile(n, live[n])
			if err != nil && j.ends(err) {
				return err
			}
			if err != nil {
				first = cmp.Or(first, err)
				continue
			}
			if err := j.Collect(); err != nil {
				return err
			}
			if !j.exceeds(compactTo) {
				return nil
			}
		}
	}
	return first
}

// ends counts a failure, and reports whether others would follow.
func (j *Journal) ends(err error) bool {
	if errors.Is(err, errStopped) || errors.Is(err, errHeld) {
		return true
	}
	j.compactor.failed.Add(1)
	return j.halted() || isNoSpace(err) || errors.Is(err, store.ErrLeaseLost) || errors.Is(err, fs.ErrNotExist)
}

// halted reports that the journal is closing or has failed.
func (j *Journal) halted() bool {
	select {
	case <-j.stop:
		return true
	case <-j.failed:
		return true
	default:
		return false
	}
}

// worth reports whether rewriting a file would gain something, and its live
// part is below share percent.
func (j *Journal) worth(number uint32, live, share int64) bool {
	c := j.compactor
	length := j.segments.length(number)
	if length == 0 || c.unfit[number] || j.damaged[number] || live*100 >= length*share {
		return false
	}
	rest := c.residue[number]
	if rest.blocked && j.endsAreClean(number) {
		rest.bytes = 0
	}
	gain := length - live - rest.bytes
	return gain >= leastGain || gain > 0 && j.sullied(number)
}

// sullied reports that messages in a file have gone since it was cleaned: if
// only a few, they may be what other files are kept for.
func (j *Journal) sullied(number uint32) bool {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	f := j.index.files[number]
	return f != nil && f.cleaned != 0 && !f.isClean()
}

// exceeds reports whether the complete files hold more than so many quarters
// of the bytes of what is live.
func (j *Journal) exceeds(quarters int64) bool {
	numbers := j.segments.numbers()
	complete := j.segments.size() - j.segments.length(numbers[len(numbers)-1])
	return complete*4 > j.live()*quarters
}

// live is the bytes of the newest records of all that is stored.
func (j *Journal) live() (total int64) {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	for _, d := range j.index.destinations {
		total += d.bytes
	}
	for _, t := range j.index.prepared {
		for i := range t.ops {
			total += int64(t.ops[i].at.size)
		}
	}
	return total
}

// measure returns how many bytes of each file are live, about: the index goes
// on changing meanwhile.
func (j *Journal) measure() map[uint32]int64 {
	live := map[uint32]int64{}
	j.indexMu.RLock()
	destinations := make([]*destination, 0, len(j.index.destinations))
	for _, d := range j.index.destinations {
		destinations = append(destinations, d)
	}
	for _, t := range j.index.prepared {
		for i := range t.ops {
			live[t.ops[i].at.file] += int64(t.ops[i].at.size)
		}
	}
	j.indexMu.RUnlock()
	for _, d := range destinations {
		for after, more := uint64(0), true; more && !j.halted(); {
			after, more = j.measureSome(live, d, after)
		}
	}
	return live
}

// measureSome adds up some of a destination's messages, and returns how far it
// has come.
func (j *Journal) measureSome(live map[uint32]int64, d *destination, after uint64) (last uint64, more bool) {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	x, n := j.index, 0
	if x.destinations[d.name] != d {
		return after, false
	}
	d.order.after(&x.slab, after, func(h handle) bool {
		e := x.slab.get(h)
		live[e.file] += int64(e.size)
		if first, ok := x.updated[h]; ok && first != e.file {
			live[first] += int64(e.size)
		}
		after = e.seq
		n++
		return n < measured
	})
	return after, n == measured
}

// endsAreClean reports whether no record in a file ends anything that another
// file still has: those were cleaned after it was complete.
func (j *Journal) endsAreClean(number uint32) bool {
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	_, clean, _ := j.index.endsAreClean(number)
	return clean
}

// endsAreClean says whether removals, acknowledgements and outcomes in a file
// are superfluous where what they name is not stored any more.
func (x *index) endsAreClean(number uint32) (removals, acks, outcomes bool) {
	f := x.files[number]
	removals, acks, outcomes = true, true, true
	if f == nil {
		return removals, acks, outcomes
	}
	for _, n := range f.ends {
		t := x.files[n]
		if t == nil {
			continue
		}
		removals = removals && (t.cleaned > number || t.isClean())
		acks = acks && t.isClean()
		outcomes = outcomes && (t.cleaned > number || t.isClean()) && !t.open
	}
	return removals, acks, outcomes
}

// pace holds a rate by waiting.
type pace struct {
	rate  int64 // bytes a second, or without end
	stop  <-chan struct{}
	began time.Time
	bytes int64
}

// take waits as long as n bytes take.
func (p *pace) take(n int) error {
	select {
	case <-p.stop:
		return errStopped
	default:
	}
	if p.rate < 0 {
		return nil
	}
	p.bytes += int64(n)
	wait := time.Until(p.began.Add(time.Duration(float64(p.bytes) / float64(p.rate) * float64(time.Second))))
	if wait < time.Millisecond {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.stop:
		return errStopped
	}
}

// barrier makes durable what the index says now: what a rewritten file leaves
// out must not come back because its removal was lost.
func (j *Journal) barrier() error {
	return j.appendBuilt(func(_ *store.Unit, k *work) {
		if !j.writer.dirty || j.o.DiskSync == Never {
			return
		}
		if err := j.sync(); err != nil {
			k.err = fmt.Errorf("before compacting: %w", err)
			j.fail(err)
		}
	})
}
