package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/committer"
)

// mostClaims is how many numbers are tried for a mastership's first file.
const mostClaims = 8

// firstFill is how much space the first file has before the journal is open;
// the rest follows behind the committer's back.
const firstFill = 1 << 20

// Open takes over a directory, whose lock the caller holds: it replays what
// is there, makes the newest file safe from earlier masters, deletes
// ActiveMQ's index and begins a file of its own.
func Open(o Options) (*Journal, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(o.Directory); err != nil {
		return nil, fmt.Errorf("make journal directory: %w", err)
	}
	if err := checkStoreVersion(&o); err != nil {
		return nil, err
	}
	watch := newStopwatch()
	if err := sweep(&o); err != nil {
		return nil, err
	}
	inv, err := inspect(&o)
	if err != nil {
		return nil, err
	}
	watch.lap("inspect")
	j := &Journal{
		o:         o,
		holds:     newHolds(&o),
		segments:  newSegments(o.FS, o.Directory),
		damaged:   map[uint32]bool{},
		failed:    make(chan struct{}),
		ended:     make(chan struct{}),
		stop:      make(chan struct{}),
		branches:  store.NewBranches(holdOps),
		index:     newIndex(),
		bad:       map[uint64]bool{},
		compactor: newCompactor(),
	}
	j.role = committer.NewRole(&j.queueMu, committer.Company{Longest: longestWait, Spin: true, Crowded: o.DiskSync != Always})
	if err := j.takeOver(inv, watch); err != nil {
		j.segments.close()
		return nil, err
	}
	return j, nil
}

func (j *Journal) takeOver(inv *inventory, watch *stopwatch) error {
	if err := j.owned(); err != nil {
		return err
	}
	inv, index, err := j.secure(inv)
	if err != nil {
		return err
	}
	watch.lap("secure")
	r, seal, err := j.replayAll(inv, watch)
	if err != nil {
		return err
	}
	if err := j.disarm(inv, r); err != nil {
		return err
	}
	if inv.foreignEnd(r) && index != indexClosed {
		inv.rival = true
		j.exposeAll(inv)
		if err := j.holdAll(inv); err != nil {
			return err
		}
	}
	j.state = j.describe(r)
	j.brokerSequence = j.state.LastBrokerSequence
	j.superseded = supersededFiles(r)
	j.state.Rival = inv.rival
	j.index.recovered, j.lastSeq = r.seq, store.Seq(r.seq)
	for _, d := range j.index.destinations {
		d.flagged = j.index.exposed(d.name)
	}
	for id, t := range j.index.prepared {
		j.branches.Restore(id, t.content, t)
	}
	j.setEpoch(r)
	if err := j.owned(); err != nil {
		return err
	}
	if err := j.removeSnapshot(inv); err != nil {
		return err
	}
	if err := removeIndex(&j.o, inv); err != nil {
		return err
	}
	if err := setOrphansAside(&j.o, inv); err != nil {
		return err
	}
	if err := j.begin(inv, seal); err != nil {
		return err
	}
	watch.lap("begin")
	j.opening.note(watch)
	j.o.Log.Info("journal is open", "directory", j.o.Directory, "epoch", j.epoch, "files", len(inv.files),
		"records", r.records, "messages", j.index.slab.live, "file", fileName(j.writer.current.number), "took", watch)
	j.dropUnfinished(r)
	return nil
}

// replayAll replays every file, the newest while it is being copied. It
// returns where the journal ends in that.
func (j *Journal) replayAll(inv *inventory, watch *stopwatch) (*replayer, int64, error) {
	exists := map[uint32]bool{}
	for _, f := range inv.files {
		exists[f.number] = true
	}
	onDisk := func(n uint32) bool { return exists[n] }
	t := j.promote(inv)
	switch {
	case t == nil && inv.snapshot:
		t = j.thaw(inv)
		watch.lap("snapshot")
	case t != nil && t.cold: // all that it has is the snapshot
		j.opening.snapshot(t.snapshot, t)
		watch.lap("snapshot")
	}
	if len(inv.files) == 0 {
		return newReplayer(j.index, j.o.Log, onDisk), 0, nil
	}
	in := inherit(&j.o, inv, t.markOf(inv.files[len(inv.files)-1].number), j.owned)
	defer func() { <-in.done }()
	r, err := j.catchUp(t, inv, in, onDisk)
	if r == nil && err == nil {
		r = newReplayer(j.index, j.o.Log, onDisk)
		j.opening.Bytes, err = j.replayFiles(r, inv.files, in)
		j.opening.Records = r.records
	}
	if err != nil {
		return nil, 0, err
	}
	j.checkFiles(r, onDisk)
	j.damage = r.damage
	for _, d := range r.damage {
		if n, ok := fileNumber(d.File); ok && (!d.Tail || in.end == 0) {
			j.damaged[n] = true
		}
	}
	watch.lap("replay")
	<-in.done
	watch.lap("inherit")
	return r, in.end, in.err
}

// replayFiles replays files, of which the last is being inherited, each from
// where it is to be read. It returns the bytes between that and their ends.
func (j *Journal) replayFiles(r *replayer, files []diskFile, in *inherited) (size int64, err error) {
	last := len(files) - 1
	total := int64(0)
	for _, f := range files {
		total += f.limit - f.from
	}
	a := readAhead(&j.o, files, newProgress(&j.o, total, func() int { return r.x.slab.live }), func(i int) int64 {
		if i < last {
			return files[i].limit
		}
		<-in.sealed
		return in.end
	})
	defer a.close()
	for i, f := range files {
		if i == last {
			<-in.sealed
			if in.tail != nil {
				r.report(*in.tail)
			}
		}
		end, err := r.replay(a, f.number)
		if err != nil {
			return size, fmt.Errorf("replay %s: %w", fileName(f.number), err)
		}
		end = max(end, f.from)
		j.segments.put(f.number, end)
		size += end - f.from
	}
	return size, nil
}

// setEpoch takes the lease's epoch, or counts on from the highest seen.
func (j *Journal) setEpoch(r *replayer) {
	j.epoch = r.epoch + 1
	if j.o.Lease != nil {
		j.epoch = j.o.Lease.Epoch()
		if j.epoch <= r.epoch {
			j.o.Log.Warn("the journal has seen a higher epoch than the lease's", "journal", r.epoch, "lease", j.epoch)
		}
	}
}

// begin makes the first file and starts the goroutines.
func (j *Journal) begin(inv *inventory, seal int64) error {
	number := uint32(1)
	switch {
	case inv.rival:
		number = inv.highest + rivalGap
	case inv.highest > 0:
		number = inv.highest + numberGap
	}
	j.head = fileHead{epoch: j.epoch, first: number, seal: seal}
	if last := len(inv.files) - 1; last >= 0 {
		j.head.after = inv.files[last].number
	}
	full := make(chan struct{}, 1)
	a := newAllocator(&j.o, j.epoch)
	a.fatal, a.onRoom = j.fail, j.releaseRoom
	a.onFull = func() {
		select {
		case full <- struct{}{}:
		default:
		}
	}
	j.allocator = a
	first, err := a.prepare(min(j.o.MaxFileLength, firstFill))
	if isNoSpace(err) {
		first, err = a.createSmall(firstFill)
	}
	if isNoSpace(err) {
		return fmt.Errorf("begin journal file: %w: %w", store.ErrNoSpace, err)
	}
	if err != nil {
		return fmt.Errorf("begin journal file: %w", err)
	}
	for tries := 1; ; tries++ {
		err := j.admitFile(first, number)
		if err == nil {
			break
		}
		if tries == mostClaims || !errors.Is(err, fs.ErrExist) {
			_ = first.close()
			return err
		}
		// A deposed master's file came after we had looked. It is an orphan: it
		// lies between what we found and what we begin.
		number += numberGap
		j.head.first = number
	}
	j.noteInaugural(number)
	j.writer.current = first
	a.start(first)
	go j.commit()
	j.joined.Add(2)
	go j.janitor(full)
	go j.compactWhenDue()
	if j.o.SnapshotEvery > 0 {
		j.joined.Add(1)
		go j.snapshotter()
	}
	if j.o.Lease != nil {
		j.joined.Add(1)
		go j.watch()
	}
	if g := newGuard(j, inv.rival); g != nil {
		j.joined.Add(1)
		go g.run()
	}
	return nil
}

// dropUnfinished writes an end for the local transactions that a crash left
// open. XA branches that were not prepared are forgotten. (ActiveMQ:
// MessageDatabase.recover)
func (j *Journal) dropUnfinished(r *replayer) {
	var records []byte
	for id, t := range r.inflight {
		j.o.Log.Info("unfinished transaction is dropped", "transaction", id.String(), "operations", len(t.ops))
		if id.IsLocal() {
			info := appendTransaction(nil, id)
			records = appendBytesField(appendCommandHead(records, entryRollback, bytesSize(len(info))), 1, info)
		}
	}
	if len(records) > 0 {
		j.appendRecords(records)
	}
}
