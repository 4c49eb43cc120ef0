package migrate

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// queue copies a queue. What an earlier attempt has left stays, if the queue
// still begins with it.
func (c *copier) queue(ctx context.Context, d *store.DestinationState) error {
	dest := d.Destination
	source := c.source(ctx, dest, "")
	out := c.adds(dest)
	if c.resumed {
		begins, err := c.compare(ctx, dest, source, out)
		if err != nil {
			return err
		}
		if !begins {
			if err := c.remove(dest); err != nil {
				return err
			}
			source, out = c.source(ctx, dest, ""), c.adds(dest)
		}
	}
	for {
		e, err := source.take()
		if err != nil {
			return err
		}
		if e == nil {
			return out.end()
		}
		if err := out.add(e); err != nil {
			return err
		}
	}
}

// source reads the source, and tells how far it is.
func (c *copier) source(ctx context.Context, dest message.Destination, key string) *cursor {
	cur := c.messages(ctx, c.from.Store, dest, key)
	cur.passed = func(n int) { c.meter.add(n, dest) }
	return cur
}

// compare reports whether the queue in the source begins with what is in the
// target, and leaves source behind that. Counters that differ are put right.
func (c *copier) compare(ctx context.Context, dest message.Destination, source *cursor, out *adds) (bool, error) {
	target := c.messages(ctx, c.to.Store, dest, "")
	for {
		t, err := target.take()
		if err != nil || t == nil {
			return true, err
		}
		s, err := source.take()
		if err != nil || s == nil {
			return false, err
		}
		same, err := c.same(s, t)
		if err != nil || !same {
			return false, err
		}
		if s.Redelivered {
			out.exposed.note(t.Segment)
		}
		if s.Redeliveries != t.Redeliveries {
			if err := c.w.ops(recount(dest, t.Message.ID, t.Seq, s.Redeliveries)); err != nil {
				return false, err
			}
		}
	}
}
