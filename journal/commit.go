package journal

import (
	"encoding/binary"
	"time"

	"github.com/conclavemq/conclave/store"
)

// longestWait bounds a wait for company, which keeps a processor busy.
const longestWait = 150 * time.Microsecond

// commit is the committer: it alone writes to the journal, unless a caller
// leads for a batch. It takes what has been appended, writes it in batches, and
// then carries each unit out in the index and calls its Done, in log order.
func (j *Journal) commit() {
	defer close(j.ended)
	j.role.Enter()
	for {
		j.turnIfAsked()
		j.role.Gather()
		units, closed := j.take()
		if len(units) > 0 {
			j.carryOut(units)
			j.syncIfDue()
			continue
		}
		j.syncIfDue()
		if closed {
			j.result = j.finishFile()
			return
		}
		j.sleep()
		j.role.Enter()
	}
}

// carryOut writes units and finishes them.
func (j *Journal) carryOut(units []*store.Unit) {
	for rest := units; len(rest) > 0; {
		rest = j.round(rest)
	}
	j.role.Return(units)
}

// take gives what is pending. Where there is nothing it lets go of the role.
func (j *Journal) take() (units []*store.Unit, closed bool) {
	j.queueMu.Lock()
	defer j.queueMu.Unlock()
	if units = j.role.TakeLocked(); len(units) > 0 {
		j.backlog = 0
		j.gate.Open()
	}
	return units, j.closed
}

// sleep waits for Append, Close or a sync that is due.
func (j *Journal) sleep() {
	if j.o.DiskSync != Periodic || !j.writer.dirty {
		<-j.role.Woken()
		return
	}
	timer := time.NewTimer(time.Until(j.writer.syncDue))
	defer timer.Stop()
	select {
	case <-j.role.Woken():
	case <-timer.C:
	}
}

// syncIfDue is the sync of Periodic.
func (j *Journal) syncIfDue() {
	w := &j.writer
	if j.o.DiskSync != Periodic || !w.dirty || time.Now().Before(w.syncDue) || j.failureOf() != nil {
		return
	}
	if err := j.sync(); err != nil {
		j.fail(err)
	}
	w.syncDue = time.Now().Add(j.o.DiskSyncInterval)
}

// round writes the first units, as many as go into one batch, finishes them,
// and returns the others.
func (j *Journal) round(units []*store.Unit) (rest []*store.Unit) {
	if err := j.failureOf(); err != nil {
		return j.refuse(units, err)
	}
	n, sync := j.gather(units)
	if j.writer.empty() {
		j.finish(units[:n], 0)
		return units[n:]
	}
	if j.o.DiskSync == Periodic && !j.writer.dirty {
		j.writer.syncDue = time.Now().Add(j.o.DiskSyncInterval)
	}
	began := time.Now()
	sync = sync && j.o.DiskSync == Always
	err := j.flush(sync)
	switch {
	case isNoSpace(err):
		j.withoutSpace(units[:n])
		return units
	case err != nil:
		j.fail(err)
		return units
	}
	w := &j.writer
	if sync {
		j.role.Company.Wrote(w.asked, j.role.Asking(), time.Since(began))
	}
	start := w.current.pos + batchHead
	w.current.mark.note(start, w.batch[batchHead:], uint64(w.sum))
	j.written.Add(int64(len(w.batch)))
	w.current.pos += int64(len(w.batch))
	j.segments.setLength(w.current.number, w.current.pos)
	j.finish(units[:n], start)
	return units[n:]
}

// gather puts units into the batch until it or the file is full, and takes
// the next file when the first of them does not fit. Units that are refused
// stay in their place with their error set.
func (j *Journal) gather(units []*store.Unit) (n int, sync bool) {
	w := &j.writer
	w.reset()
	full := j.refuseAdds()
	for i, u := range units {
		k := u.Work.(*work)
		if !k.begin(full) {
			continue
		}
		if !w.empty() && (k.build != nil || k.updates && w.removes) {
			return i, sync // it needs an index that has seen what is before it
		}
		if j.prepare(u, k); k.err != nil || k.size == 0 {
			continue
		}
		if !w.empty() && (len(w.batch)+k.size > j.o.MaxWriteBatchSize || !j.fits(k.size)) {
			return i, sync
		}
		if w.empty() && !j.fits(k.size) && w.current.pos > w.current.begun {
			if err := j.rotate(); err == store.ErrNoSpace {
				j.allocator.onFull()
				k.err, full = err, true // nobody's next message passes this one
				continue
			} else if err != nil {
				j.fail(err)
				return i, sync
			}
		}
		w.append(*k.buf, k.sum)
		w.removes = w.removes || k.removes
		if u.Sync {
			sync = true
			w.asked++
		}
	}
	return len(units), sync
}

// refuseAdds reports whether the disk is full. The second half of a file is
// for new messages only when another file is ready: on a full disk it is what
// is left for removals.
func (j *Journal) refuseAdds() bool {
	if j.writer.current.pos < j.o.MaxFileLength/2 {
		return j.allocator.isFull()
	}
	return j.allocator.settle()
}

// begin moves a unit on from waiting and reports whether it is to be written.
func (k *work) begin(full bool) bool {
	if !k.stage.CompareAndSwap(waiting, taken) && k.stage.Load() == cancelled {
		return false
	}
	if full && k.adds && k.err == nil {
		k.err = store.ErrNoSpace
	}
	if k.branch.Refused() {
		k.err = store.ErrUnknownTransaction
	}
	return k.err == nil
}

// prepare makes a unit that could not be made before, and empties an update
// of a message that has gone: on replay it would bring the message back.
func (j *Journal) prepare(u *store.Unit, k *work) {
	switch {
	case k.build != nil:
		k.build(u, k)
		k.build = nil
		k.size = len(*k.buf)
		k.sum = checksum(*k.buf)
	case k.updates:
		op := &u.Ops[0]
		d := j.index.destinations[op.Destination]
		if d == nil || j.index.target(d, op) == 0 {
			u.Ops, k.size = nil, 0
		}
	}
}

// withoutSpace refuses the units of a batch for which there was no room:
// those that add, or all if none does.
func (j *Journal) withoutSpace(units []*store.Unit) {
	adds := false
	for _, u := range units {
		k := u.Work.(*work)
		adds = adds || k.adds && k.err == nil
	}
	for _, u := range units {
		if k := u.Work.(*work); k.err == nil && (k.adds || !adds) {
			k.err = store.ErrNoSpace
		}
	}
	j.allocator.refused()
}

// refuse ends units with an error.
func (j *Journal) refuse(units []*store.Unit, err error) []*store.Unit {
	for _, u := range units {
		k := u.Work.(*work)
		if !k.stage.CompareAndSwap(waiting, taken) && k.stage.Load() == cancelled {
			continue
		}
		k.err = err
		j.done(u, k)
	}
	return nil
}

// finish carries out the units of a batch whose first record is at start.
func (j *Journal) finish(units []*store.Unit, start int64) {
	for _, u := range units {
		k := u.Work.(*work)
		if k.stage.Load() == cancelled {
			continue
		}
		if k.err == nil {
			j.indexMu.Lock()
			j.apply(u, k, start)
			j.indexMu.Unlock()
			start += int64(k.size)
		}
		j.done(u, k)
	}
}

func (j *Journal) done(u *store.Unit, k *work) {
	if k.err != nil && k.branch != nil {
		j.queueMu.Lock()
		j.branches.Undo(u, k.branch)
		j.queueMu.Unlock()
	}
	releaseBuffer(k.buf)
	k.buf = nil
	if u.Done != nil {
		u.Done(k.err)
	}
}

// recordSize is the size of the record that b begins with, which this package
// has written.
func recordSize(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
