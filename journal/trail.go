package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// errLost: what has been read is not, or may not be, what a replay of the
// files would find now.
var errLost = errors.New("what has been read is not the journal any more")

const (
	// goneGrace is how long a deleted file may be needed by what has been
	// read: over a network the records that made it superfluous may be seen
	// later than its deletion.
	goneGrace = 10 * time.Second
)

// trail is what a follower has read since it began: the files in ascending
// order, each to its end before the next. Follower.mu guards it, and whoever
// has taken it over.
type trail struct {
	o        Options // directory, file system and log alone
	stopping *atomic.Bool
	r        *replayer
	began    time.Time
	listed   time.Time
	onDisk   map[uint32]bool
	known    map[uint32]*fileHead // of files on disk; nil for one without
	chain    []diskFile           // the journal's files on disk; limit is their seal
	read     map[uint32]*readFile // those that have been read from and not forgotten
	gone     map[uint32]time.Time // of read, those that are not on disk, since when
	first    map[uint32]bool      // the files of the first listing
	highest  uint32               // of those
	position uint32               // the file being read, 0 before the first
	// missed says that files came and went unread.
	missed   bool
	cold     bool // it began with a snapshot, and has not reached the end yet
	caughtUp bool // the end was reached in the last pass
	reached  bool // or before
	noted    int  // adds until which broker sequences are known
	notedAt  time.Time
	scanner  scanner // its buffer is kept
	// stamp is that of the newest rewriting of which it is known that all files
	// have been read, or read again, since.
	stamp    stamp
	strays   []stray
	absence  absence
	progress *progress
	thawing  bool      // a snapshot shall be looked for
	snapshot time.Time // when that was written which it began with
	ahead    int64     // bytes on disk that have not been read, at most
	untold   int64     // bytes read since tell was called
	tell     func()    // publishes how far it is; may be nil
}

// tellEvery is how many bytes are read before the follower's state changes.
const tellEvery = 1 << 20

// readFile is how far a file has been read.
type readFile struct {
	mark
	head  *fileHead
	stamp stamp // which rewriting it is
}

// mark is a place in a file, and a digest of the batches before it.
type mark struct {
	end    int64
	digest uint64
}

// note adds a batch whose payload is at offset.
func (m *mark) note(offset int64, payload []byte, sum uint64) {
	const prime = 1099511628211 // of FNV-1a
	m.end = offset + int64(len(payload))
	for _, v := range [...]uint64{uint64(offset), uint64(len(payload)), sum} {
		m.digest = (m.digest ^ v) * prime
		m.digest ^= m.digest >> 32
	}
}

// noteAll adds the batches that b consists of, from the beginning of a file.
func (m *mark) noteAll(b []byte) {
	for at := int64(0); at < int64(len(b)); {
		size, sum, ok := batchPayload(b[at:], int64(len(b))-at-batchHead)
		if !ok {
			return
		}
		at += batchHead
		m.note(at, b[at:at+size], sum)
		at += size
	}
}

func newTrail(o Options, stopping *atomic.Bool) *trail {
	t := &trail{
		o:        Options{Directory: o.Directory, FS: o.FS, Log: o.Log},
		stopping: stopping,
		began:    time.Now(),
		known:    map[uint32]*fileHead{},
		read:     map[uint32]*readFile{},
		gone:     map[uint32]time.Time{},
	}
	t.r = newReplayer(newIndex(), o.Log, func(n uint32) bool { return t.onDisk[n] })
	return t
}

func (t *trail) path(number uint32) string { return filepath.Join(t.o.Directory, fileName(number)) }

// pass reads from the position to the end.
func (t *trail) pass() (moved bool, err error) {
	if t.listingDue() {
		if err := t.list(); err != nil {
			return false, err
		}
	}
	if t.thawing && len(t.chain) > 0 {
		t.thaw()
	}
	if t.caughtUp = false; t.progress == nil && !t.reached {
		t.progress = newProgress(&t.o, t.ahead, func() int { return t.r.x.slab.live })
	}
	for i := range t.chain {
		f, last := t.chain[i], i == len(t.chain)-1
		if f.number < t.position {
			continue
		}
		if unread := t.moveTo(f); unread {
			if err := t.refresh(); err != nil {
				return moved, err
			}
		}
		n, err := t.readMore(f, last)
		moved = moved || n
		if errors.Is(err, errStopped) {
			return moved, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			t.listed = time.Time{}
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
	}
	if err := t.refreshReplaced(); err != nil {
		return moved, err
	}
	t.caughtUp = true
	if t.cold && t.r.foreign != 0 {
		return moved, fmt.Errorf("%w: another program has written to the journal since the snapshot", errLost)
	}
	t.caughtUp, t.reached, t.cold, t.progress, t.ahead = true, true, false, nil, 0
	t.noteSequences()
	t.watchFiles()
	return moved, t.settle()
}

// listingDue reports that it is time to list, or that the file being read has
// a successor.
func (t *trail) listingDue() bool {
	if t.position == 0 || time.Since(t.listed) >= listEvery {
		return true
	}
	size, err := t.o.FS.Size(t.path(t.position + 1))
	return err == nil && size > 0
}

// list finds out what files there are, and whether what has been read is
// still part of the journal.
func (t *trail) list() error {
	names, err := t.o.FS.List(t.o.Directory)
	if errors.Is(err, fs.ErrNotExist) && len(t.read) == 0 {
		return nil // it has yet to be made
	}
	if err != nil {
		return fmt.Errorf("list journal directory: %w", err)
	}
	now := time.Now()
	inv := &inventory{}
	found, onDisk := []diskFile{}, map[uint32]bool{}
	for _, name := range names {
		number, ok := fileNumber(name)
		if !ok {
			continue
		}
		f, err := t.inspect(number)
		if errors.Is(err, fs.ErrNotExist) || err == nil && f.limit == 0 {
			continue
		}
		if err != nil {
			return err
		}
		f.limit = math.MaxInt64
		found, onDisk[number] = append(found, f), true
	}
	for number := range t.known {
		if !onDisk[number] {
			delete(t.known, number)
		}
	}
	slices.SortFunc(found, func(a, b diskFile) int { return int(a.number) - int(b.number) })
	inv.chain(found)
	t.onDisk, t.chain, t.listed = onDisk, inv.files, now
	if t.first == nil && len(found) > 0 {
		t.first, t.highest = onDisk, found[len(found)-1].number
		t.noteStamps(found)
	}
	t.ahead = t.unread()
	return t.compare(t.chain)
}

// unread is how many bytes the files have beyond what has been read.
func (t *trail) unread() (total int64) {
	for _, f := range t.chain {
		d := t.read[f.number]
		if f.number < t.position {
			continue
		}
		if size, err := t.o.FS.Size(t.path(f.number)); err == nil {
			total += min(size, f.limit)
		}
		if d != nil {
			total -= d.end
		}
	}
	return total
}

// inspect is inspectFile that asks for the head of a file once.
func (t *trail) inspect(number uint32) (diskFile, error) {
	head, ok := t.known[number]
	if ok && (head != nil || number < t.position) {
		return diskFile{number: number, limit: math.MaxInt64, head: head}, nil
	}
	f, err := inspectFile(&t.o, number)
	if err == nil && f.limit > 0 {
		t.known[number] = f.head
	}
	return f, err
}

// compare checks what has been read against the files of the journal. onDisk
// must be up to date.
func (t *trail) compare(chain []diskFile) error {
	files := map[uint32]diskFile{}
	// The newest file is never deleted. A crash may have taken it.
	if t.position != 0 && (len(chain) == 0 || chain[len(chain)-1].number < t.position) {
		return fmt.Errorf("%w: %s, which was being read, is not there", errLost, fileName(t.position))
	}
	for _, f := range chain {
		files[f.number] = f
		if f.number < t.position && t.read[f.number] == nil {
			return fmt.Errorf("%w: %s has come before what was read", errLost, fileName(f.number))
		}
	}
	for number, d := range t.read {
		f, ok := files[number]
		switch {
		case !t.onDisk[number]:
			if _, ok := t.gone[number]; !ok {
				t.gone[number] = time.Now()
			}
			continue
		case !ok:
			return fmt.Errorf("%w: %s is a deposed master's", errLost, fileName(number))
		case f.sealed && d.end > f.seal:
			return fmt.Errorf("%w: %s ends at offset %d, before what was read", errLost, fileName(number), f.seal)
		case d.end == 0:
			d.head = f.head
		case !sameHead(d.head, f.head):
			return fmt.Errorf("%w: %s is another file", errLost, fileName(number))
		}
		if _, ok := t.gone[number]; ok {
			return fmt.Errorf("%w: %s was deleted and is back", errLost, fileName(number))
		}
	}
	return nil
}

func sameHead(a, b *fileHead) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// moveTo makes f the file being read, and reports whether others before it
// were deleted unread: files that were rewritten may be why.
func (t *trail) moveTo(f diskFile) (unread bool) {
	if f.number == t.position {
		return false
	}
	unread = t.position != 0 && !t.onDisk[t.position]
	// Numbers between were deleted before they were read, unless they had not
	// been there from the first, or another mastership began behind them.
	if t.position != 0 && (f.head == nil || f.head.after != t.position) {
		for n := t.position + 1; n < f.number; n++ {
			if n > t.highest || t.first[n] {
				unread = true
			}
		}
	}
	t.missed = t.missed || unread
	t.position = f.number
	return unread
}

// readMore reads what a file has beyond what was read. Of the newest file,
// last, what is no valid batch has not been written yet.
func (t *trail) readMore(f diskFile, last bool) (moved bool, err error) {
	d := t.read[f.number]
	if d == nil {
		d = &readFile{head: f.head}
		t.read[f.number] = d
	}
	handle, err := t.o.FS.Open(t.path(f.number))
	if err != nil {
		return false, fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	if last {
		var head [len("\x00\x00\x00\x1c\x02WRITE BATCH")]byte
		n, err := handle.ReadAt(head[:], d.end)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("read %s: %w", fileName(f.number), err)
		}
		if !bytes.Equal(head[:n], batchMagic) {
			return false, nil
		}
	}
	size, err := handle.Size()
	if err != nil {
		return false, fmt.Errorf("size of journal file: %w", err)
	}
	if !last && d.end > 0 && stampIn(handle) != d.stamp {
		return false, fmt.Errorf("%w: %s was rewritten while it was read", errLost, fileName(f.number))
	}
	limit := min(size, f.limit)
	if d.end > limit {
		return false, fmt.Errorf("%w: %s has become shorter", errLost, fileName(f.number))
	}
	s := &t.scanner
	*s = scanner{file: handle, length: limit, buf: s.buf[:0], damage: t.damage(f.number)}
	before := d.end
	if last {
		err = t.readTail(d, f.number)
	} else {
		_, err = s.scanFrom(d.end, func(offset int64, payload []byte) error { return t.batch(d, f.number, offset, payload) })
	}
	s.file = nil
	if err != nil && !errors.Is(err, errStopped) {
		err = fmt.Errorf("read %s: %w", fileName(f.number), err)
	}
	return d.end > before, err
}

func (t *trail) damage(number uint32) func(offset, length int64, reason string) {
	return func(offset, length int64, reason string) {
		t.r.report(Damage{File: fileName(number), Offset: offset, Length: length, Reason: reason})
	}
}

// readTail reads the newest file. A batch without a checksum may be there in
// part; it is read when the file is complete.
func (t *trail) readTail(d *readFile, number uint32) error {
	for {
		payload, state, err := t.scanner.next(d.end)
		if err != nil || state != batchValid || t.scanner.sum == 0 {
			return err
		}
		if err := t.batch(d, number, d.end+batchHead, payload); err != nil {
			return err
		}
	}
}

func (t *trail) batch(d *readFile, number uint32, offset int64, payload []byte) error {
	t.r.file = number
	before := t.r.stamp
	t.r.batch(offset, payload)
	d.note(offset, payload, t.scanner.sum)
	if t.r.stamp != before {
		if d.stamp = t.r.stamp; d.stamp.after(t.stamp) {
			// What it left out may be that others had been rewritten.
			t.stamp = d.stamp
			if err := t.refresh(); err != nil {
				return err
			}
			t.r.file = number
		}
	}
	t.progress.add(int64(len(payload)))
	t.ahead -= int64(len(payload)) + batchHead
	if t.untold += int64(len(payload)); t.untold >= tellEvery && t.tell != nil {
		t.untold = 0
		t.tell()
	}
	if t.stopping.Load() {
		return errStopped
	}
	return nil
}

// noteSequences looks at the newest messages while their files are there.
func (t *trail) noteSequences() {
	if t.noted == t.r.recentNext || time.Since(t.notedAt) < listEvery {
		return
	}
	files := newSegments(t.o.FS, t.o.Directory)
	defer files.close()
	codec := openwire.NewStore(openwire.StoreVersion)
	for i := max(t.noted, t.r.recentNext-recentAdds); i < t.r.recentNext; i++ {
		at := t.r.recent[i%recentAdds]
		files.put(at.file, 0)
		b := make([]byte, at.size)
		if files.readAt(at.file, b, int64(at.offset)) != nil {
			continue
		}
		if m, err := decodeStored(codec, b); err == nil {
			t.r.brokerSequence = max(t.r.brokerSequence, m.ID.BrokerSequence)
		}
	}
	t.noted, t.notedAt = t.r.recentNext, time.Now()
}

// settle forgets the files that have been deleted, once everything that
// led to that has been read.
func (t *trail) settle() error {
	for number, since := range t.gone {
		if err := t.bury(number); err != nil {
			return err
		}
		if t.needs(number) {
			if time.Since(since) > goneGrace {
				return fmt.Errorf("%w: %s was deleted and held what is needed", errLost, fileName(number))
			}
			continue
		}
		if t.r.isSource(number) {
			return fmt.Errorf("%w: %s was deleted, another file has its acknowledgements", errLost, fileName(number))
		}
		t.forget(number)
	}
	return nil
}

// bury ends the messages of a deleted file, if files were deleted unread: the
// records that ended them were there. A file is deleted before those that end
// what it holds, and a replay of what is left finds neither.
func (t *trail) bury(number uint32) error {
	if !t.missed || !t.needs(number) {
		return nil
	}
	return newContent(t, number).settle()
}

// needs reports that something in the index lies in a file, or that it cannot
// be told.
func (t *trail) needs(number uint32) bool {
	u := t.r.x.files[number]
	return u != nil && (u.live > 0 || u.pins > 0)
}

// forget makes the index what a replay without a file would make it, if
// nothing of it is needed.
func (t *trail) forget(number uint32) {
	x := t.r.x
	x.forgetFile(number)
	for id, held := range t.r.inflight {
		if held.ops = slices.DeleteFunc(held.ops, func(op heldOp) bool { return op.at.file == number }); len(held.ops) == 0 {
			delete(t.r.inflight, id)
		}
	}
	t.r.current = nil
	delete(t.read, number)
	delete(t.gone, number)
}
