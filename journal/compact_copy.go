package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
)

const (
	// copyBatch is how large the batches of a rewritten file become, and how
	// much is written between two syncs: the committer's own must not wait for
	// a lot.
	copyBatch = 1 << 20
	// writeCost is how many bytes read a byte written counts for: its sync holds
	// up the committer's.
	writeCost = 4
	// decided is how many records are decided on without letting go of the
	// index.
	decided = 256
	// compactSuffix ends the names of files that are being rewritten.
	compactSuffix = "-compact" + spareSuffix
)

// copyName is the name under which a file is rewritten. No other mastership
// ever writes to it, and each sweeps those of others away before it reads: a
// deposed master that was stopped just before its rename finds nothing to
// rename.
func (j *Journal) copyName(number uint32) string {
	return filepath.Join(j.o.Directory, fmt.Sprintf("db-%d-%s-%d%s", j.epoch, rand.Text()[:copyMark], number, compactSuffix))
}

// fileCopy is a rewritten file before it has its name. It is made when there
// is something to write.
type fileCopy struct {
	fs     vfs.FS
	path   string
	pace   *pace
	handle vfs.File
	made   bool
	first  []byte // the first batch, which is written with the second
	end    int64  // of the batches before the next
	batch  []byte // the next, with its head
}

// add appends a record and returns its offset.
func (c *fileCopy) add(record []byte) (offset uint32, err error) {
	if len(c.batch) > batchHead && len(c.batch)+len(record) > copyBatch {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(c.batch) == 0 {
		c.batch = append(c.batch, make([]byte, batchHead)...)
	}
	offset = uint32(c.end + int64(len(c.batch)))
	c.batch = append(c.batch, record...)
	return offset, nil
}

// flush writes the batch durably.
func (c *fileCopy) flush() error {
	if len(c.batch) <= batchHead {
		return nil
	}
	if c.handle == nil {
		if err := c.create(); err != nil {
			return err
		}
	}
	payload := c.batch[batchHead:]
	putBatchHead(c.batch, len(payload), checksum(payload))
	if _, err := c.handle.WriteAt(c.batch, c.end); err != nil {
		return err
	}
	if err := c.handle.Sync(); err != nil {
		return err
	}
	c.end += int64(len(c.batch))
	err := c.pace.take(writeCost * len(c.batch))
	c.batch = c.batch[:batchHead]
	return err
}

// seal makes what there is the first batch.
func (c *fileCopy) seal() {
	payload := c.batch[batchHead:]
	putBatchHead(c.batch, len(payload), checksum(payload))
	c.first, c.batch, c.end = c.batch, nil, int64(len(c.batch))
}

func (c *fileCopy) create() (err error) {
	if c.handle, err = c.fs.Create(c.path); err == nil {
		c.made = true
		_, err = c.handle.WriteAt(c.first, 0)
	}
	return err
}

// finish writes the rest and closes the file.
func (c *fileCopy) finish() error {
	err := c.flush()
	if err == nil {
		_, err = c.handle.WriteAt(eofRecord, c.end)
	}
	if err == nil {
		err = c.handle.Sync()
	}
	if c.handle != nil {
		if closeErr := c.handle.Close(); err == nil {
			err = closeErr
		}
	}
	c.handle = nil
	return err
}

// rewriting is one file on its way through the sieve.
type rewriting struct {
	j      *Journal
	number uint32
	length int64 // of the batches it has
	pace   *pace
	sieve  *sieve
	copy   *fileCopy
	moved  int // moves whose new place is known
	mark   []byte
	offset []uint32 // of the records of a chunk that are kept
	kept   [][]byte
}

// compactFile rewrites a file without what is not needed any more, or finds
// out that all or nothing is needed. live is about what of it is.
func (j *Journal) compactFile(number uint32, live int64) error {
	c := j.compactor
	r := &rewriting{j: j, number: number, length: j.segments.length(number),
		pace: &pace{rate: j.o.CompactRate, stop: j.stop, began: time.Now()}}
	c.serial++
	r.mark = appendTrace(nil, stampText(stamp{j.epoch, c.serial}))
	r.copy = &fileCopy{fs: j.o.FS, path: j.copyName(number), pace: r.pace}
	j.indexMu.Lock()
	numbers := j.segments.numbers()
	r.sieve = newSieve(j.index, number, numbers[len(numbers)-1])
	j.indexMu.Unlock()
	err := r.run()
	if err == nil {
		err = j.settleRewritten(r, live)
	}
	if err == nil {
		return nil
	}
	j.abandon(r)
	switch {
	case errors.Is(err, errStopped), errors.Is(err, errHeld):
		return err
	case j.segments.length(number) == 0: // it was deleted meanwhile
		return nil
	}
	if !isNoSpace(err) {
		c.unfit[number] = true
	}
	return fmt.Errorf("%s is left as it is: %w", fileName(number), err)
}

// abandon removes an unfinished copy, if it is still for us to write at all.
func (j *Journal) abandon(r *rewriting) {
	if r.copy.handle != nil {
		_ = r.copy.handle.Close()
	}
	if r.copy.made && j.owned() == nil && j.failureOf() == nil {
		if err := j.o.FS.Remove(r.copy.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			j.o.Log.Warn("unfinished copy is left behind", "file", filepath.Base(r.copy.path), "error", err)
		}
	}
}

// run reads the file and writes what is needed of it.
func (r *rewriting) run() error {
	handle, err := r.j.o.FS.Open(r.j.segments.path(r.number))
	if err != nil {
		return err
	}
	defer handle.Close()
	damaged := false
	s := &scanner{file: handle, length: r.length, damage: func(int64, int64, string) { damaged = true }}
	end, err := s.scan(r.batch)
	r.j.compactor.read.Add(end)
	if err != nil {
		return err
	}
	if damaged || end != r.length {
		return fmt.Errorf("%w: it is damaged", errUnfit)
	}
	r.j.indexMu.RLock()
	rest := r.sieve.conclude()
	r.j.indexMu.RUnlock()
	for len(rest) > 0 {
		var record []byte
		_, record, rest, _ = nextRecord(rest)
		if _, err := r.copy.add(record); err != nil {
			return err
		}
	}
	return nil
}

// batch sieves one batch. The stamp comes into the first one, alone or behind
// the file's head, so that whoever reads the file knows before anything else.
func (r *rewriting) batch(offset int64, payload []byte) error {
	if err := r.pace.take(len(payload)); err != nil {
		return err
	}
	headed := offset == batchHead && beginsWithHead(payload)
	if r.mark != nil && !headed {
		if err := r.stamp(); err != nil {
			return err
		}
	}
	for len(payload) > 0 {
		n, err := r.decide(uint32(offset), payload)
		if err == nil {
			err = r.store()
		}
		if err != nil {
			return err
		}
		offset += int64(n)
		payload = payload[n:]
	}
	if r.mark != nil {
		return r.stamp()
	}
	return nil
}

func beginsWithHead(payload []byte) bool {
	var c command
	_, record, _, ok := nextRecord(payload)
	if !ok || decodeCommand(record[recordHead:], &c) != nil || c.kind != entryTrace {
		return false
	}
	_, ok = parseFileHead(string(c.text))
	return ok
}

func (r *rewriting) stamp() error {
	_, err := r.copy.add(r.mark)
	r.mark = nil
	r.copy.seal()
	return err
}

// decide sieves some records and returns how many bytes they are.
func (r *rewriting) decide(offset uint32, payload []byte) (n int, err error) {
	r.j.indexMu.RLock()
	defer r.j.indexMu.RUnlock()
	r.kept, r.offset = r.kept[:0], r.offset[:0]
	for range decided {
		if n == len(payload) {
			break
		}
		kind, record, _, ok := nextRecord(payload[n:])
		if !ok {
			return n, fmt.Errorf("%w: record has an impossible size", errUnfit)
		}
		at := offset + uint32(n)
		n += len(record)
		if kind != userRecord {
			continue
		}
		keep, err := r.sieve.keep(record, at)
		if err != nil {
			return n, err
		}
		if keep {
			r.kept, r.offset = append(r.kept, record), append(r.offset, at)
		}
	}
	return n, nil
}

// store copies the records that were kept, and notes where they lie now.
func (r *rewriting) store() error {
	s := r.sieve
	for i, record := range r.kept {
		at, err := r.copy.add(record)
		if err != nil {
			return err
		}
		if r.moved < len(s.moves) && s.moves[r.moved].old == r.offset[i] {
			s.moves[r.moved].new = at
			r.moved++
		}
		if s.prepared[r.offset[i]] != nil {
			s.offsets[r.offset[i]] = at
		}
	}
	return nil
}
