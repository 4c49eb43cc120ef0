package migrate

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// topic copies the durable subscriptions of a topic with what each has not
// acknowledged: all subscriptions, then all messages, then acknowledgements of
// what each has had. What an earlier attempt has left is made anew.
func (c *copier) topic(ctx context.Context, d *store.DestinationState) error {
	dest := d.Destination
	if c.resumed {
		if err := c.remove(dest); err != nil {
			return err
		}
	}
	for i := range d.Subscriptions {
		info := &d.Subscriptions[i].Info
		op := store.Op{Action: store.AddSubscription, Destination: dest, Info: info, Subscription: info.Key()}
		if err := c.w.ops(op); err != nil {
			return err
		}
	}
	if len(d.Subscriptions) == 0 {
		return c.w.flush() // nobody waits for what it may hold
	}
	out := c.adds(dest)
	for source := c.source(ctx, dest, ""); ; {
		e, err := source.take()
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		if err := out.add(e); err != nil {
			return err
		}
	}
	if err := out.end(); err != nil {
		return err
	}
	for i := range d.Subscriptions {
		if err := c.acknowledge(ctx, dest, d.Subscriptions[i].Info.Key()); err != nil {
			return err
		}
	}
	return c.w.flush()
}

// acknowledge takes from a subscription in the target what it does not have in
// the source.
func (c *copier) acknowledge(ctx context.Context, dest message.Destination, key string) error {
	source, target := c.source(ctx, dest, key), c.messages(ctx, c.to.Store, dest, key)
	var ops []store.Op
	s, err := source.take()
	if err != nil {
		return err
	}
	for {
		t, err := target.take()
		if err != nil {
			return err
		}
		if t == nil {
			return c.w.ops(ops...)
		}
		if s != nil && s.Message.ID.Key() == t.Message.ID.Key() {
			if s, err = source.take(); err != nil {
				return err
			}
			continue
		}
		ops = append(ops, store.Op{Action: store.Acknowledge, Destination: dest, ID: t.Message.ID, Seq: t.Seq, Subscription: key})
		if len(ops) == c.PageMessages {
			if err := c.w.ops(ops...); err != nil {
				return err
			}
			ops = nil
		}
	}
}
