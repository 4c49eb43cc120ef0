package migrate

import (
	"context"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// prepare copies the branches that wait for their outcome. What they remove
// and acknowledge gets its position in the target; what is not there any more
// is left out, since the outcome changes nothing about it.
func (c *copier) prepare(ctx context.Context) error {
	units := make([]*store.Unit, 0, len(c.from.State.Prepared))
	open := map[message.Destination]wanted{}
	for i := range c.from.State.Prepared {
		p := &c.from.State.Prepared[i]
		u := &store.Unit{Outcome: store.Prepare, Transaction: p.Transaction, Ops: slices.Clone(p.Ops)}
		for k := range u.Ops {
			op := &u.Ops[k]
			if op.Seq = 0; op.Action == store.Add {
				op.Prioritized = c.Prioritized(op.Destination)
				continue
			}
			open[op.Destination] = open[op.Destination].with(op)
		}
		units = append(units, u)
	}
	for dest, want := range open {
		if err := place(c.messages(ctx, c.to.Store, dest, ""), want); err != nil {
			return err
		}
	}
	for _, u := range units {
		n := len(u.Ops)
		u.Ops = slices.DeleteFunc(u.Ops, func(op store.Op) bool { return op.Action != store.Add && op.Seq == 0 })
		if len(u.Ops) < n {
			c.Log.Warn("a prepared branch acknowledges messages that are not there any more", "branch", u.Transaction.String(), "messages", n-len(u.Ops))
		}
		if err := c.w.put(u); err != nil {
			return err
		}
	}
	return c.w.flush()
}

// wanted are the operations on messages of a destination that need a position.
type wanted map[message.MessageKey][]*store.Op

func (w wanted) with(op *store.Op) wanted {
	if w == nil {
		w = wanted{}
	}
	w[op.ID.Key()] = append(w[op.ID.Key()], op)
	return w
}

// place sets the positions of what is wanted and there.
func place(messages *cursor, want wanted) error {
	for len(want) > 0 {
		e, err := messages.take()
		if err != nil || e == nil {
			return err
		}
		key := e.Message.ID.Key()
		for _, op := range want[key] {
			op.Seq = e.Seq
		}
		delete(want, key)
	}
	return nil
}
