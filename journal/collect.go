package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// maxCarried is how many producers' last sequences one collection carries
// forward.
const maxCarried = 1024

// maxCarriedStored bounds that with the producers that have something stored.
const maxCarriedStored = 64 << 10

// janitor deletes files that nothing needs any more, every CleanupInterval
// and whenever the disk is found full.
func (j *Journal) janitor(full <-chan struct{}) {
	defer j.joined.Done()
	var tick <-chan time.Time
	if j.o.CleanupInterval > 0 {
		ticker := time.NewTicker(j.o.CleanupInterval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		found := false
		select {
		case <-tick:
		case <-full:
			found = true
		case <-j.stop:
			return
		}
		if j.failureOf() != nil {
			return
		}
		if err := j.Collect(); err != nil {
			j.o.Log.Warn("cleaning up journal files", "directory", j.o.Directory, "error", err)
			continue
		}
		j.consider(found)
	}
}

// Collect deletes the files that hold nothing live, and nothing that ends
// what a kept file holds. What Conclave's own records in them say is written
// again first. (ActiveMQ: MessageDatabase.checkpointUpdate)
func (j *Journal) Collect() error {
	j.collectMu.Lock()
	defer j.collectMu.Unlock()
	if j.held() {
		return nil
	}
	candidates := j.candidates(true)
	if len(candidates) == 0 {
		return nil
	}
	defer j.segments.stay()
	err := j.carryForward(candidates, true)
	if errors.Is(err, store.ErrNoSpace) {
		// Room comes first, the record of the deletions after it.
		if err = j.carryForward(candidates, false); err == nil {
			j.segments.leave(candidates)
			defer j.recordGone(candidates)
		}
	}
	if err != nil {
		return err
	}
	// What was written again may have taken hold of some, or let go of more,
	// whose deletion is not recorded yet.
	for _, number := range j.candidates(false) {
		if !j.segments.isLeaving(number) {
			continue
		}
		if err := j.deleteFile(number); err != nil {
			return err
		}
	}
	j.allocator.nudge()
	return nil
}

// candidates returns the files that can be deleted, ascending. With movable,
// those count too that only records keep which can be written again.
func (j *Journal) candidates(movable bool) []uint32 {
	numbers := j.segments.numbers()
	j.indexMu.RLock()
	defer j.indexMu.RUnlock()
	x := j.index
	pins := map[uint32]int{}
	for _, e := range x.exposures {
		if e.file != 0 && !movable {
			pins[e.file]++
		}
	}
	for _, d := range x.destinations {
		for _, sub := range d.subscriptions {
			if movable && sub.pending.n == 0 {
				pins[sub.origin]--
				pins[sub.latest]--
			}
		}
	}
	current := numbers[len(numbers)-1]
	free := map[uint32]bool{}
	kept := map[uint32]bool{current: true}
	for _, n := range numbers {
		live, held := 0, pins[n]
		if f := x.files[n]; f != nil {
			live, held = f.live, held+f.pins
		}
		if n != current && live == 0 && held <= 0 {
			free[n] = true
		} else {
			kept[n] = true
		}
	}
	// Nearly all that a file ends is in lower ones: in ascending order, one
	// round finds it.
	stays := func(n uint32) bool { return kept[n] }
	for changed := true; changed; {
		changed = false
		for _, n := range numbers {
			if f := x.files[n]; f != nil && free[n] && (slices.ContainsFunc(f.ends, stays) || slices.ContainsFunc(f.conceals, stays)) {
				delete(free, n)
				kept[n] = true
				changed = true
			}
		}
	}
	var result []uint32
	for _, n := range numbers {
		if free[n] {
			result = append(result, n)
		}
	}
	return result
}

// carryForward writes the records again that only candidates hold and, if asked
// to, that they are about to be deleted.
func (j *Journal) carryForward(candidates []uint32, record bool) error {
	gone := func(file uint32) bool { _, found := slices.BinarySearch(candidates, file); return found }
	return j.appendBuilt(func(u *store.Unit, k *work) {
		j.indexMu.Lock()
		u.Ops = slices.Concat(j.index.carriedExposures(gone, j.writer.current.number), j.index.carriedSubscriptions(gone), j.index.carriedCounts(gone))
		sequences, carried := j.index.carriedSequences(gone)
		j.indexMu.Unlock()
		e := encoders.Get().(*encoder)
		defer e.release()
		var records []byte
		if records, k.err = e.unit(nil, u); k.err == nil {
			records = append(records, sequences...)
			if record {
				records = j.leave(records, candidates)
			}
			k.buf = &records
			j.whenWritten(u, func(file uint32) { j.index.sequencesLieIn(file, carried) })
		}
	})
}

// whenWritten has note called, with indexMu held, when a unit that is being
// built is durable, with the file that it came into: another one may be begun
// for it, and for lack of space it may not be written at all.
func (j *Journal) whenWritten(u *store.Unit, note func(file uint32)) {
	done := u.Done
	u.Done = func(err error) {
		if err == nil {
			j.indexMu.Lock()
			note(j.writer.current.number)
			j.indexMu.Unlock()
		}
		done(err)
	}
}

// carriedSubscriptions is carriedExposures for subscriptions.
func (x *index) carriedSubscriptions(gone func(uint32) bool) (ops []store.Op) {
	for _, d := range x.destinations {
		for _, sub := range d.subscriptions {
			if sub.pending.n == 0 && (gone(sub.origin) || gone(sub.latest)) {
				info := sub.info
				ops = append(ops, store.Op{Action: store.AddSubscription, Destination: d.name, Info: &info})
			}
		}
	}
	return ops
}

// carriedSequences is the same for the last sequences of producers, whose
// numbers it returns: those that have nothing stored, the most recent ones, and
// those whose stored messages are older.
func (x *index) carriedSequences(gone func(uint32) bool) (records []byte, carried []uint32) {
	carry := func(n uint32, p *producer) {
		records = appendTrace(records, sequenceText(p.id, p.last))
		carried = append(carried, n)
	}
	for n := x.producers.known.at(0).prev; n != 0 && len(carried) < maxCarried; n = x.producers.known.at(n).prev {
		if p := x.producers.known.at(n); gone(p.file) {
			carry(n, p)
		}
	}
	for n := range x.producers.next {
		if p := x.producers.known.at(n); p.entries > 0 && gone(p.file) && len(carried) < maxCarriedStored {
			carry(n, p)
		}
	}
	return records, carried
}

// sequencesLieIn notes where they were written again.
func (x *index) sequencesLieIn(file uint32, carried []uint32) {
	for _, n := range carried {
		x.producers.known.edit(n).file = file
	}
}

// carriedCounts is the same for redelivery counters.
func (x *index) carriedCounts(gone func(uint32) bool) (ops []store.Op) {
	for h, c := range x.counted {
		if gone(c.file) {
			e := x.slab.get(h)
			id := message.MessageID{Producer: x.producers.known.at(e.producer).id, ProducerSequence: e.sequence}
			ops = append(ops, store.Op{Action: store.Recount, Destination: c.d.name, ID: id, Seq: store.Seq(e.seq), Redeliveries: int32(e.redeliveries)})
		}
	}
	return ops
}

// deleteFile deletes a file, durably before the next is, so that a record
// that ends others never goes before them. A file that holds damage is set
// aside.
func (j *Journal) deleteFile(number uint32) error {
	if err := j.owned(); err != nil {
		return err
	}
	name := filepath.Join(j.o.Directory, fileName(number))
	err := j.holds.drop(number)
	if err != nil {
		return err
	}
	if j.damaged[number] {
		j.o.Log.Warn("damaged journal file is no longer needed and set aside", "file", fileName(number), "as", fileName(number)+".damaged")
		err = j.o.FS.Rename(name, name+".damaged")
	} else {
		err = j.o.FS.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete journal file: %w", err)
	}
	if err := j.o.FS.SyncDir(j.o.Directory); err != nil {
		return fmt.Errorf("sync journal directory: %w", err)
	}
	j.segments.remove(number)
	j.indexMu.Lock()
	defer j.indexMu.Unlock()
	j.index.forgetFile(number)
	return nil
}

// forgetFile is for a file that has been deleted.
func (x *index) forgetFile(number uint32) {
	delete(x.files, number)
	for _, f := range x.files {
		f.ends, f.conceals = f.ends.without(number), f.conceals.without(number)
	}
	x.unrecord(number, nil)
	for _, d := range x.destinations {
		for _, sub := range d.subscriptions {
			sub.records = slices.DeleteFunc(sub.records, func(t uint32) bool { return t == number })
		}
	}
}
