package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
)

// ActiveMQ compacts acknowledgements and outcomes of transactions into a file
// of their own, whose first record, a mark, names the file that they are
// copied from. As long as that one is there, its recovery passes over the
// whole file – also over what an ActiveMQ has appended that was started while
// the file was the newest. It has an index that knows better; we delete that.
// So before we do, such a mark is made void, in a copy of the file.
// Nothing else moves: the type of its record is changed, and what is not a
// user record is read by nobody. (ActiveMQ: MessageDatabase.forwardAllAcks,
// process(KahaRewrittenDataFileCommand); Journal.getNextLocation)

// passedRecord is the type of records that count for nobody any more.
const passedRecord = 3

// forwarded is what was read of a file of compacted acknowledgements.
type forwarded struct {
	mark   uint32 // offset of the record
	source uint32 // the file that the copies are from
	there  bool   // the source is there, and was read
	closed bool   // something else follows the copies
	// stale are the copies that would take away a message which came again
	// after it had been acknowledged, such as one that was moved back from a
	// dead letter queue. ActiveMQ's recovery falls for them. Offsets.
	stale []uint32
}

// copied reports a record that is not to be replayed because it is a copy of
// one in another file: that file was read, or the copy is stale.
func (r *replayer) copied(c *command, offset uint32) bool {
	f := r.forwarded[r.file]
	if f == nil || f.closed {
		return false
	}
	switch c.kind {
	case entryRemove:
		if r.cameAgain(c, f) {
			f.stale = append(f.stale, offset)
			return true
		}
		return f.there
	case entryCommit:
		return f.there
	}
	f.closed = true
	return false
}

// isSource reports whether copies were passed over for the sake of a file.
func (r *replayer) isSource(number uint32) bool {
	for _, f := range r.forwarded {
		if f.there && f.source == number {
			return true
		}
	}
	return false
}

// cameAgain reports whether the message that a copied acknowledgement is for
// is stored though the original has taken it.
func (r *replayer) cameAgain(c *command, f *forwarded) bool {
	d := r.lookup(c.destination)
	if d == nil {
		return false
	}
	h := r.x.find(d, r.identity(c.id))
	if h == 0 {
		return false
	}
	e := r.x.slab.get(h)
	if c.subscription != nil && f.there {
		sub := d.subscriptions[string(c.subscription)]
		return sub != nil && sub.pending.find(&r.x.slab, e.seq) != 0
	}
	first, updated := r.x.updated[h]
	if !updated {
		first = e.file
	}
	return f.there && c.subscription == nil || first > f.source
}

// misleading are the offsets of the records that mislead ActiveMQ's recovery.
func (f *forwarded) misleading() []uint32 {
	if f.there && f.closed {
		return append([]uint32{f.mark}, f.stale...)
	}
	return f.stale
}

// disarm takes from files of compacted acknowledgements what has an ActiveMQ
// that recovers pass over messages, or over too little. It is called before
// ActiveMQ's index is deleted, and an ActiveMQ that still has its index may
// come after a crash in between: that one reads the files as before.
func (j *Journal) disarm(inv *inventory, r *replayer) error {
	for _, number := range slices.Sorted(maps.Keys(r.forwarded)) {
		f := r.forwarded[number]
		i := slices.IndexFunc(inv.files, func(d diskFile) bool { return d.number == number })
		if i < 0 || len(f.misleading()) == 0 {
			continue
		}
		err := j.disarmFile(inv.files[i], f)
		if isNoSpace(err) {
			j.o.Log.Warn("no space to copy a file of compacted acknowledgements; an ActiveMQ that serves this directory next may not read all of it",
				"file", fileName(number))
			continue
		}
		if err != nil {
			return err
		}
		if f.there && f.closed {
			f.there = false
		}
	}
	return nil
}

func (j *Journal) disarmFile(d diskFile, f *forwarded) error {
	handle, err := j.o.FS.Open(filepath.Join(j.o.Directory, fileName(d.number)))
	if err != nil {
		return fmt.Errorf("open journal file: %w", err)
	}
	defer handle.Close()
	p := &patched{File: handle, hide: map[uint32]bool{}}
	for _, offset := range f.misleading() {
		p.hide[offset] = true
	}
	in := &inherited{}
	if err := p.find(d, f.mark); err != nil {
		return err
	}
	if len(p.patches) == 0 {
		return nil // an earlier master has done it
	}
	if err := in.find(handle, d); err != nil {
		return err
	}
	if in.tail != nil {
		in.end = d.limit // damage stays to be reported
	}
	held := j.holds.has(d.number)
	if held {
		if err := j.dropHold(d.number); err != nil {
			return err
		}
	}
	if err := in.copy(&j.o, p, d, j.owned); err != nil {
		return err
	}
	if held {
		j.holds.take([]uint32{d.number})
	}
	j.o.Log.Info("an ActiveMQ had gone on in a file of compacted acknowledgements; its mark is void now, so that another one reads it",
		"file", fileName(d.number), "source", fileName(f.source), "stale", len(f.stale))
	return nil
}

// patched is a file of which some bytes read differently.
type patched struct {
	vfs.File
	hide    map[uint32]bool // records that become passed records
	patches []patch
}

type patch struct {
	offset int64
	bytes  []byte
}

// errNoMark: a file of compacted acknowledgements is not the one that was read.
var errNoMark = errors.New("the mark is void or not there")

// find makes the patches. There are none if the mark is void already, or if
// the file is another one.
func (p *patched) find(d diskFile, mark uint32) error {
	s := &scanner{file: p.File, length: d.limit, damage: func(int64, int64, string) {}}
	_, err := s.scan(func(offset int64, payload []byte) error {
		before := len(p.patches)
		for at, rest := uint32(offset), payload; len(rest) > 0; {
			kind, record, next, ok := nextRecord(rest)
			if !ok {
				break
			}
			if at == mark && !isMark(kind, record) {
				return errNoMark
			}
			if p.hide[at] && kind == userRecord {
				record[recordHead-1] = passedRecord
				p.patches = append(p.patches, patch{int64(at) + recordHead - 1, []byte{passedRecord}})
			}
			at, rest = at+uint32(len(record)), next
		}
		if len(p.patches) > before && s.sum != 0 {
			sum := binary.BigEndian.AppendUint64(nil, uint64(checksum(payload)))
			p.patches = append(p.patches, patch{offset - batchHead + batchSum, sum})
		}
		return nil
	})
	if errors.Is(err, errNoMark) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", fileName(d.number), err)
	}
	return nil
}

func isMark(kind byte, record []byte) bool {
	var c command
	return kind == userRecord && decodeCommand(record[recordHead:], &c) == nil && c.kind == entryRewrittenFile
}

// ReadAt reads the file with its patches.
func (p *patched) ReadAt(b []byte, offset int64) (int, error) {
	n, err := p.File.ReadAt(b, offset)
	for _, c := range p.patches {
		for i, v := range c.bytes {
			if at := c.offset + int64(i) - offset; at >= 0 && at < int64(n) {
				b[at] = v
			}
		}
	}
	return n, err
}
