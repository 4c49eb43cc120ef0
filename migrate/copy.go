package migrate

import (
	"context"
	"fmt"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// copier is one copy.
type copier struct {
	Options
	from, to Side
	w        *writer
	meter    meter
	resumed  bool
	a, b     *digester // of source and target
}

// Copy makes the target hold what the source holds; see the package comment.
// It is to be verified, best after the target has been opened again, and then
// finished. An error, a kill, an end of ctx leave what another Copy takes up.
func Copy(ctx context.Context, from, to Side, o Options) error {
	o.complete()
	c := &copier{Options: o, from: from, to: to, w: newWriter(ctx, to.Store), a: newDigester(), b: newDigester()}
	c.meter = meter{now: Progress{Phase: Copying, Total: load(from.State)}, tell: o.Progress}
	if err := c.begin(ctx); err != nil {
		return err
	}
	if err := c.rollBack(); err != nil {
		return err
	}
	if err := c.clear(); err != nil {
		return err
	}
	for i := range from.State.Destinations {
		d := &from.State.Destinations[i]
		copyOne := c.topic
		if d.Destination.Kind.IsQueue() {
			copyOne = c.queue
		}
		if err := copyOne(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d.Destination, err)
		}
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.remember(ctx); err != nil {
		return fmt.Errorf("last sequences of producers: %w", err)
	}
	return nil
}

// rollBack ends the branches of an earlier attempt: what they acknowledge may
// have to go.
func (c *copier) rollBack() error {
	for i := range c.to.State.Prepared {
		u := &store.Unit{Outcome: store.Rollback, Transaction: c.to.State.Prepared[i].Transaction}
		if err := c.w.put(u); err != nil {
			return err
		}
	}
	return c.w.flush()
}

// clear removes what an earlier attempt copied and the source has not any more.
func (c *copier) clear() error {
	for i := range c.to.State.Destinations {
		d := &c.to.State.Destinations[i]
		if d.Destination == Marker || find(c.from.State, d.Destination) != nil {
			continue
		}
		if err := c.remove(d.Destination); err != nil {
			return err
		}
	}
	return c.w.flush()
}

func (c *copier) remove(dest message.Destination) error {
	return c.w.ops(store.Op{Action: store.RemoveDestination, Destination: dest})
}

// same compares a message of the source with one of the target.
func (c *copier) same(s, t *store.Entry) (bool, error) {
	if s.Message.ID.Key() != t.Message.ID.Key() {
		return false, nil
	}
	x, err := c.a.bytes(s.Message)
	if err != nil {
		return false, err
	}
	y, err := c.b.bytes(t.Message)
	return string(x) == string(y), err
}

// adds gathers messages into units.
type adds struct {
	c    *copier
	dest message.Destination
	unit *store.Unit
	// recounts are for messages of unit, by their place in it.
	recounts map[int]int32
	flagged  map[int]bool // likewise, what may have been delivered
	size     int64
	exposed  exposure
}

// exposure is the last segment of the target with a message that may have been
// delivered. It is written by Done and read after a flush.
type exposure struct{ segment store.Segment }

func (x *exposure) note(s store.Segment) { x.segment = max(x.segment, s) }

func (c *copier) adds(dest message.Destination) *adds {
	a := &adds{c: c, dest: dest}
	a.reset()
	return a
}

func (a *adds) reset() {
	a.unit, a.size = &store.Unit{}, 0
	a.recounts, a.flagged = map[int]int32{}, map[int]bool{}
}

// add copies one message.
func (a *adds) add(e *store.Entry) error {
	n := len(a.unit.Ops)
	if e.Redeliveries != 0 && a.dest.Kind.IsQueue() {
		a.recounts[n] = e.Redeliveries
	}
	if e.Redelivered {
		a.flagged[n] = true
	}
	a.unit.Ops = append(a.unit.Ops, store.Op{Action: store.Add, Destination: a.dest, Message: e.Message,
		Prioritized: a.c.Prioritized(a.dest)})
	a.size += e.Message.Size()
	if n+1 >= (a.c.PageMessages+3)/4 || a.size >= a.c.PageBytes/4 {
		return a.write()
	}
	return nil
}

// write appends what has been gathered. Counters follow in a unit of their own,
// since a message has its position only then; should that not be written any
// more, the next attempt does it.
func (a *adds) write() error {
	u, recounts, flagged := a.unit, a.recounts, a.flagged
	if len(u.Ops) == 0 {
		return nil
	}
	a.reset()
	if len(flagged) > 0 {
		u.Done = func(error) {
			for i := range flagged {
				a.exposed.note(u.Ops[i].Segment)
			}
		}
	}
	if err := a.c.w.put(u); err != nil {
		return err
	}
	var counters []store.Op
	for i, n := range recounts {
		counters = append(counters, recount(a.dest, u.Ops[i].Message.ID, u.Ops[i].Seq, n))
	}
	return a.c.w.ops(counters...)
}

func recount(dest message.Destination, id message.MessageID, seq store.Seq, n int32) store.Op {
	return store.Op{Action: store.Recount, Destination: dest, ID: id, Seq: seq, Redeliveries: n}
}

// end writes the rest and what has been exposed.
func (a *adds) end() error {
	if err := a.write(); err != nil {
		return err
	}
	if err := a.c.w.flush(); err != nil {
		return err
	}
	if a.exposed.segment == 0 {
		return nil
	}
	if err := a.c.w.ops(store.Op{Action: store.Expose, Destination: a.dest, Segment: a.exposed.segment}); err != nil {
		return err
	}
	return a.c.w.flush()
}
