package broker

import (
	"time"

	"github.com/conclavemq/conclave/store"
)

// start reads what an earlier master remembered, and begins to forget.
func (d *duplicates) start() {
	if !d.loading {
		close(d.loaded)
	}
	if d.window > 0 || d.loading {
		d.b.run(d.keep)
	}
}

// keep loads, and then removes what nobody has to remember any more.
func (d *duplicates) keep() {
	if d.window > 0 && d.loading && !d.load() {
		return
	}
	ticker := time.NewTicker(forgetPeriod)
	defer ticker.Stop()
	after := store.Seq(0)
	for {
		after = d.forget(after)
		if d.window == 0 && d.stats.size.Load() <= 0 {
			return // what was left of an earlier time is gone
		}
		select {
		case <-d.b.quiet:
			return
		case <-ticker.C:
		}
	}
}

// load reads the ids in the order of the log; false if the broker stops.
func (d *duplicates) load() bool {
	for {
		d.mu.Lock()
		after, seen := d.cursor, d.visible
		d.mu.Unlock()
		entries, err := d.b.store.Page(nil, d.dest, after, jobPage, jobPageBytes)
		if err != nil {
			d.b.log.Error("cannot read the ids of messages from the store", "error", err)
			if !d.b.schedule.nap(retryJobs) {
				return false
			}
			continue
		}
		d.mu.Lock()
		for i := range entries {
			d.rememberLocked(entries[i].Message)
			d.cursor = entries[i].Seq
		}
		if len(entries) == 0 {
			d.cursor = max(d.cursor, seen)
		}
		d.loading = len(entries) > 0 || d.visible > d.cursor
		done := !d.loading
		d.mu.Unlock()
		if done {
			close(d.loaded)
			return true
		}
		if d.b.stopping.Load() {
			return false
		}
	}
}

// forget removes the ids after a position whose time is over, from memory and
// from the store, and returns the position to go on from.
func (d *duplicates) forget(after store.Seq) store.Seq {
	d.forgetInMemory()
	for d.stats.size.Load() > 0 && d.b.mayServe() {
		entries, err := d.b.store.Page(nil, d.dest, after, jobPage, jobPageBytes)
		if err != nil {
			d.b.log.Error("cannot read the ids of messages from the store", "error", err)
			return after
		}
		u := &store.Unit{}
		for i := range entries {
			if e := &entries[i]; e.Message.Timestamp+d.window <= d.b.nowMS() {
				u.Ops = append(u.Ops, store.Op{Action: store.Remove, Destination: d.dest, ID: e.Message.ID, Seq: e.Seq})
			} else {
				break
			}
		}
		if len(u.Ops) == 0 || !d.remove(u) {
			return after
		}
		after = u.Ops[len(u.Ops)-1].Seq
		if len(u.Ops) < len(entries) {
			return after
		}
	}
	return after
}

// remove waits until a page of ids is gone.
func (d *duplicates) remove(u *store.Unit) bool {
	outcome := make(chan error, 1)
	d.b.began()
	u.Done = func(err error) {
		defer d.b.ended()
		outcome <- err
	}
	n := int64(len(u.Ops))
	d.b.store.Append(u)
	select {
	case err := <-outcome:
		if err == nil {
			d.stats.size.Add(-n)
		}
		return err == nil
	case <-d.b.stop:
		return false
	}
}

func (d *duplicates) forgetInMemory() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.b.nowMS()
	for dest, l := range d.known {
		for len(l.order) > 0 && l.at[l.order[0]]+d.window <= now {
			d.dropLocked(l)
		}
		if len(l.order) == 0 {
			delete(d.known, dest)
		}
	}
}
