package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/store"
)

// An ActiveMQ leaves no trace of what it has delivered. Where one was the last
// master and did not stop cleanly, every message that is still there may have
// been. That it was the last shows in the journal: it writes a trace when it
// has started and its audits at every checkpoint, and files that it begins
// have no head of ours. How it ended shows in its index, which knows whether
// it was closed. (ActiveMQ: MessageDatabase.load, PageFile.unload)

// indexState says how ActiveMQ left its index.
type indexState uint8

const (
	indexAbsent indexState = iota
	indexClosed            // the last ActiveMQ stopped cleanly
	indexOpen              // it did not, or still runs
)

// indexCopy is the size of each of the two copies of the properties that the
// index begins with. (ActiveMQ: PageFile.storeMetaData)
const indexCopy = 2048

// readIndexState reads the properties of ActiveMQ's index. What is not
// certainly closed is open.
func readIndexState(o *Options) (indexState, error) {
	handle, err := o.FS.Open(filepath.Join(o.Directory, "db.data"))
	if errors.Is(err, fs.ErrNotExist) {
		return indexAbsent, nil
	}
	if err != nil {
		return indexOpen, fmt.Errorf("open ActiveMQ's index: %w", err)
	}
	defer handle.Close()
	header := make([]byte, 2*indexCopy)
	if n, _ := handle.ReadAt(header, 0); n < len(header) {
		return indexOpen, nil
	}
	closed := []byte("\ncleanShutdown=true\n")
	if bytes.Contains(header[:indexCopy], closed) && bytes.Contains(header[indexCopy:], closed) {
		return indexClosed, nil
	}
	return indexOpen, nil
}

// foreignEnd reports whether ActiveMQ wrote to the newest file that holds
// anything: it began it, or r has read records of it there.
func (inv *inventory) foreignEnd(r *replayer) bool {
	for _, f := range inv.files {
		if f.number == r.newest {
			return f.head == nil || r.foreign == f.number
		}
	}
	return false
}

// exposeAll counts every stored message as delivered, after an ActiveMQ that
// did not stop cleanly. The records that say so go into our first file with
// its head: before there is one, what ActiveMQ wrote last is what a next
// master finds.
func (j *Journal) exposeAll(inv *inventory) {
	x, end := j.index, inv.files[len(inv.files)-1].number
	j.inaugural = nil
	exposed := 0
	for _, d := range x.destinations {
		if d.order.n == 0 {
			continue
		}
		e := x.exposures[d.name]
		if e == nil {
			e = &exposure{}
			x.exposures[d.name] = e
		}
		e.segment = max(e.segment, store.Segment(end))
		j.inaugural = append(j.inaugural, d.name)
		exposed += d.order.n
	}
	j.o.Log.Warn("the last master was an ActiveMQ that did not stop cleanly; its messages count as possibly redelivered",
		"directory", j.o.Directory, "messages", exposed)
}

// noteInaugural is for when file has become the first one, and says that.
func (j *Journal) noteInaugural(file uint32) {
	for _, name := range j.inaugural {
		j.index.expose(name, j.index.exposed(name), file)
	}
	j.inaugural = nil
}

// inauguralBatches encodes what the first file says after its head.
func (j *Journal) inauguralBatches(b []byte) []byte {
	list := j.inaugural
	var records []byte
	for i, name := range list {
		records = appendTrace(records, exposedText(name, j.index.exposed(name)))
		if len(records) >= j.o.MaxWriteBatchSize || i == len(list)-1 {
			b = j.appendBatch(b, records)
			records = records[:0]
		}
	}
	return b
}

// appendBatch appends records with a batch head before them.
func (j *Journal) appendBatch(b, records []byte) []byte {
	start := len(b)
	b = append(append(b, make([]byte, batchHead)...), records...)
	sum := uint32(0)
	if !j.o.NoChecksum {
		sum = checksum(records)
	}
	putBatchHead(b[start:], len(records), sum)
	return b
}

// secure prepares the directory for a replay that nobody disturbs. It gives
// files back that an ActiveMQ deleted which was not their master any more, and
// protects what an ActiveMQ that did not stop cleanly still knows: it may only
// be paused. The files may be others afterwards.
func (j *Journal) secure(inv *inventory) (*inventory, indexState, error) {
	state, err := readIndexState(&j.o)
	if err != nil || len(inv.files) == 0 {
		return inv, state, err
	}
	// An ActiveMQ makes its index when it starts, and we delete it.
	foreign := state != indexAbsent || inv.files[len(inv.files)-1].head == nil
	missing := slices.DeleteFunc(slices.Clone(inv.held), func(n uint32) bool { return inv.onDisk[n] })
	if !foreign && len(missing) > 0 {
		if foreign, err = j.foreignRecords(inv.files[len(inv.files)-1]); err != nil {
			return inv, state, err
		}
		if !foreign {
			if _, err := j.holds.restore(missing); err != nil {
				return inv, state, err
			}
			if inv, err = inspect(&j.o); err != nil {
				return inv, state, err
			}
		}
	}
	if !foreign {
		j.holds.adopt(inv.held)
		return inv, state, nil
	}
	// What an ActiveMQ has deleted as a master stays deleted.
	var old []string
	for _, n := range inv.held {
		old = append(old, heldName(n))
	}
	if err := removeNames(&j.o, old); err != nil {
		return inv, state, err
	}
	if state == indexOpen {
		last := len(inv.files) - 1
		j.holds.take(numbersOf(inv.files[:last]))
		err = j.sealEarlier(inv)
	}
	return inv, state, err
}

// holdAll protects every file, the newest in its new copy.
func (j *Journal) holdAll(inv *inventory) error {
	if err := j.holds.drop(inv.files[len(inv.files)-1].number); err != nil {
		return err
	}
	j.holds.take(numbersOf(inv.files))
	return nil
}

func numbersOf(files []diskFile) []uint32 {
	numbers := make([]uint32, len(files))
	for i, f := range files {
		numbers[i] = f.number
	}
	return numbers
}

// foreignRecords reports whether ActiveMQ has written to a file.
func (j *Journal) foreignRecords(f diskFile) (found bool, err error) {
	handle, err := j.o.FS.Open(filepath.Join(j.o.Directory, fileName(f.number)))
	if err != nil {
		return false, fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	r := newReplayer(newIndex(), slog.New(slog.DiscardHandler), func(uint32) bool { return false })
	r.file = f.number
	s := &scanner{file: handle, length: f.limit}
	_, err = s.scan(func(offset int64, payload []byte) error {
		r.batch(offset, payload)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("read %s: %w", fileName(f.number), err)
	}
	return r.foreign == f.number, nil
}

// sealEarlier makes the file safe that an ActiveMQ appends to when that is not
// the newest: it makes others ahead of need, and those that it compacts
// acknowledgements into. (ActiveMQ: Journal.reserveDataFile,
// preallocateNextDataFileIfNeeded)
func (j *Journal) sealEarlier(inv *inventory) error {
	for i := len(inv.files) - 1; i > 0; i-- {
		ahead, err := j.madeAhead(inv.files[i])
		if err == nil && ahead {
			err = j.seal(&inv.files[i-1])
		}
		if err != nil || !ahead {
			return err
		}
	}
	return nil
}

// seal replaces a file that is not the newest by a copy of its batches.
func (j *Journal) seal(f *diskFile) error {
	handle, err := j.o.FS.Open(filepath.Join(j.o.Directory, fileName(f.number)))
	if err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	in := &inherited{}
	if err := in.find(handle, *f); err != nil {
		return err
	}
	if in.end == 0 && in.tail != nil {
		return nil // nothing of it can be read
	}
	if err := in.copy(&j.o, handle, *f, j.owned); isNoSpace(err) {
		j.o.Log.Warn("no space to copy a journal file that an ActiveMQ may have open", "file", fileName(f.number))
	} else if err != nil {
		return err
	}
	f.limit = in.end
	if err := j.holds.drop(f.number); err != nil { // that was the file before
		return err
	}
	j.holds.take([]uint32{f.number})
	return nil
}

// madeAhead reports whether a file is empty or begins as one of compacted
// acknowledgements does.
func (j *Journal) madeAhead(f diskFile) (bool, error) {
	handle, err := j.o.FS.Open(filepath.Join(j.o.Directory, fileName(f.number)))
	if err != nil {
		return false, fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	s := &scanner{file: handle, length: f.limit}
	payload, state, err := s.next(0)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", fileName(f.number), err)
	}
	if state != batchValid {
		return state == batchEnd, nil
	}
	var c command
	_, record, _, ok := nextRecord(payload)
	return ok && decodeCommand(record[recordHead:], &c) == nil && c.kind == entryRewrittenFile, nil
}
