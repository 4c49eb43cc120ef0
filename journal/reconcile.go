package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// content is what a follower looks for in a file that was rewritten after it
// had been read.
type content struct {
	t             *trail
	file          uint32
	newest        map[handle]location // where the newest record of a message is
	first         map[handle]bool     // messages whose first record is there
	subscriptions map[subscriptionName]bool
	exposed       map[message.Destination]bool
	held          map[heldOperation]location
	c             command
}

type subscriptionName struct {
	topic message.Destination
	key   string
}

// heldOperation tells the operations of a transaction apart.
type heldOperation struct {
	transaction  message.TransactionID
	action       store.Action
	destination  message.Destination
	id           identity
	subscription string
}

// stray is a message whose newest record is not where it was. A newer one is
// still to be read.
type stray struct {
	h   handle
	seq uint64
	at  location
}

// refresh looks for files that have been rewritten since they were read, and
// reads them again. A rewritten file is shorter than what was read of it. Who
// began with a snapshot does not know enough of what ended where, and begins
// anew.
func (t *trail) refresh() error {
	for number, d := range t.read {
		if number >= t.position || d.end == 0 || !t.onDisk[number] {
			continue
		}
		if err := t.refreshFile(number, d); err != nil {
			return err
		}
	}
	return nil
}

// refreshFile passes over a file that is not there: that is for the next
// listing.
func (t *trail) refreshFile(number uint32, d *readFile) error {
	size, err := t.o.FS.Size(t.path(number))
	if err == nil && size < d.end {
		if !t.snapshot.IsZero() {
			return fmt.Errorf("%w: %s, which a snapshot describes, was rewritten", errLost, fileName(number))
		}
		err = t.reconcile(number)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// refreshReplaced is refresh for the files of which the log says so.
func (t *trail) refreshReplaced() error {
	for _, number := range t.r.replaced {
		d := t.read[number]
		if d == nil || number >= t.position {
			continue
		}
		if err := t.refreshFile(number, d); err != nil {
			return err
		}
	}
	t.r.replaced = t.r.replaced[:0]
	return nil
}

// reconcile reads a rewritten file and makes the index what it would be if it
// had been read like this at first: records have other places, and what the
// file does not hold any more has ended, by records that were read, that are
// still to be read, or that have gone too.
func (t *trail) reconcile(number uint32) error {
	handle, err := t.o.FS.Open(t.path(number))
	if err != nil {
		return fmt.Errorf("open rewritten journal file: %w", err)
	}
	defer handle.Close()
	size, err := handle.Size()
	if err != nil {
		return fmt.Errorf("size of rewritten journal file: %w", err)
	}
	c := newContent(t, number)
	d := &readFile{head: t.read[number].head, stamp: stampIn(handle)}
	damaged := false
	s := &scanner{file: handle, length: size, damage: func(int64, int64, string) { damaged = true }}
	_, err = s.scan(func(offset int64, payload []byte) error {
		d.note(offset, payload, s.sum)
		return c.batch(uint32(offset), payload)
	})
	if err != nil {
		return err
	}
	end := make([]byte, eofSize)
	if _, err := handle.ReadAt(end, d.end); err != nil && err != io.EOF {
		return fmt.Errorf("read %s: %w", fileName(number), err)
	}
	if damaged || string(end) != string(eofRecord) {
		return fmt.Errorf("%w: %s was rewritten and is damaged", errLost, fileName(number))
	}
	if err := c.settle(); err != nil {
		return err
	}
	t.read[number] = d
	t.r.roster.shortened(number)
	t.r.destination, t.r.current = nil, nil
	return nil
}

func newContent(t *trail, number uint32) *content {
	return &content{t: t, file: number, newest: map[handle]location{}, first: map[handle]bool{},
		subscriptions: map[subscriptionName]bool{}, exposed: map[message.Destination]bool{}, held: map[heldOperation]location{}}
}

func (c *content) batch(offset uint32, payload []byte) error {
	for len(payload) > 0 {
		kind, record, rest, ok := nextRecord(payload)
		if !ok {
			return fmt.Errorf("%w: %s was rewritten and is damaged", errLost, fileName(c.file))
		}
		if kind == userRecord {
			if err := decodeCommand(record[recordHead:], &c.c); err != nil {
				return fmt.Errorf("%w: %s was rewritten: %w", errLost, fileName(c.file), err)
			}
			c.record(location{c.file, offset, uint32(len(record))})
		}
		offset += uint32(len(record))
		payload = rest
	}
	return nil
}

// record notes what a record holds.
func (c *content) record(at location) {
	r := c.t.r
	name := message.Destination{Kind: c.c.destination.kind, Name: string(c.c.destination.name)}
	switch c.c.kind {
	case entryTrace:
		if d, segment, ok := parseExposed(string(c.c.text)); ok && segment != 0 {
			c.exposed[d] = true
		}
	case entrySubscription:
		if c.c.info != nil {
			c.subscriptions[subscriptionName{name, string(c.c.subscription)}] = true
		}
	case entryAdd, entryUpdate, entryRemove:
		id := r.identity(c.c.id)
		if transaction, err := decodeTransaction(c.c.transaction); c.c.transaction != nil && err == nil {
			c.held[heldOperation{transaction, actionOf(&c.c), name, id, string(c.c.subscription)}] = at
		}
		if c.c.kind == entryRemove {
			return
		}
		if d := r.x.destinations[name]; d != nil {
			c.message(r.x.find(d, id), at)
		}
	}
}

func actionOf(c *command) store.Action {
	switch {
	case c.kind != entryRemove:
		return store.Add
	case c.subscription != nil:
		return store.Acknowledge
	default:
		return store.Remove
	}
}

// message notes a record of a stored message: an add is its newest record
// unless an update is.
func (c *content) message(h handle, at location) {
	if h == 0 {
		return
	}
	x := c.t.r.x
	first, updated := x.updated[h]
	if c.c.kind == entryAdd && updated && first == c.file {
		c.first[h] = true
	}
	if x.slab.get(h).file != c.file || updated && c.c.kind == entryAdd {
		return
	}
	if _, ok := c.newest[h]; !ok || c.c.kind == entryUpdate {
		c.newest[h] = at
	}
}

// settle carries out in the index what was found.
func (c *content) settle() error {
	x := c.t.r.x
	found := len(c.first)
	for h, at := range c.newest {
		if at.size != x.slab.get(h).size {
			return fmt.Errorf("%w: a message in %s has another size", errLost, fileName(c.file))
		}
		x.slab.edit(h).location = at
		found++
	}
	if found < x.file(c.file).live {
		c.bury()
	}
	x.unrecord(c.file, c.exposed)
	for name, d := range x.destinations {
		if err := c.settleSubscriptions(name, d); err != nil {
			return err
		}
	}
	c.settleHeld()
	return nil
}

// bury forgets the messages that the file does not hold any more.
func (c *content) bury() {
	x := c.t.r.x
	for _, d := range x.destinations {
		var gone []handle
		d.order.after(&x.slab, 0, func(h handle) bool {
			e := x.slab.get(h)
			first, updated := x.updated[h]
			_, here := c.newest[h]
			switch {
			case updated && first == c.file && !c.first[h], !updated && e.file == c.file && !here:
				gone = append(gone, h)
			case updated && e.file == c.file && !here:
				c.t.strays = append(c.t.strays, stray{h, e.seq, e.location})
			}
			return true
		})
		for _, h := range gone {
			x.remove(d, h, c.file)
		}
	}
}

// settleSubscriptions forgets subscriptions that have ended.
func (c *content) settleSubscriptions(name message.Destination, d *destination) error {
	x := c.t.r.x
	for key, sub := range d.subscriptions {
		if !slices.Contains(sub.records, c.file) || c.subscriptions[subscriptionName{name, key}] {
			continue
		}
		if len(sub.records) > 1 {
			return fmt.Errorf("%w: subscription %s ended unseen and was made again", errLost, key)
		}
		x.unsubscribe(d, key, c.file)
	}
	return nil
}

// settleHeld does the same with the operations of transactions.
func (c *content) settleHeld() {
	r := c.t.r
	for id, t := range r.inflight {
		if c.settleOps(id, t); len(t.ops) == 0 {
			delete(r.inflight, id)
		}
	}
	for id, t := range r.x.prepared {
		r.x.file(c.file).pins -= c.settleOps(id, t)
		if len(t.ops) == 0 {
			delete(r.x.prepared, id)
		}
	}
}

func (c *content) settleOps(id message.TransactionID, t *transaction) (gone int) {
	before := len(t.ops)
	kept := t.ops[:0]
	for _, op := range t.ops {
		if op.at.file == c.file {
			at, ok := c.held[heldOperation{id, op.action, op.destination, op.id, op.subscription}]
			if !ok {
				continue
			}
			op.at = at
		}
		kept = append(kept, op)
	}
	t.ops = kept
	return before - len(kept)
}

// straying reports whether a message is still without its newest record.
func (t *trail) straying() error {
	x := t.r.x
	for _, s := range t.strays {
		if !x.slab.has(s.h) {
			continue
		}
		if e := x.slab.get(s.h); e.seq == s.seq && e.location == s.at && e.file != 0 {
			return fmt.Errorf("%w: a message in %s has a newer record that was not found", errLost, fileName(s.at.file))
		}
	}
	t.strays = nil
	return nil
}

// stampIn reads which rewriting a file is of.
func stampIn(handle vfs.File) (found stamp) {
	s := &scanner{file: handle, length: headBytes}
	payload, state, err := s.next(0)
	if err != nil || state != batchValid {
		return found
	}
	var c command
	for len(payload) > 0 {
		_, record, rest, ok := nextRecord(payload)
		if !ok || decodeCommand(record[recordHead:], &c) != nil {
			return found
		}
		if at, ok := parseStamp(string(c.text)); ok && c.kind == entryTrace {
			found = at
		}
		payload = rest
	}
	return found
}

// noteStamps is for the first listing: no file is read in an older version
// than the newest of them.
func (t *trail) noteStamps(files []diskFile) {
	for _, f := range files {
		handle, err := t.o.FS.Open(t.path(f.number))
		if err != nil {
			continue
		}
		if s := stampIn(handle); s.after(t.stamp) {
			t.stamp = s
		}
		_ = handle.Close()
	}
}
