package jdbcstore

import (
	"slices"

	"github.com/conclavemq/conclave/store"
)

// prepare keeps what a transaction is to do: added messages as rows that
// carry its XID, and everything in the table of prepared operations, in order.
// Rows that it removes or acknowledges carry the XID for ActiveMQ's sake.
func (c *compiler) prepare(u *store.Unit, w *work) {
	b := c.b
	b.special = true
	var marks segment
	added, removed := textValue(encodeXID('+', &u.Transaction.XID)), textValue(encodeXID('-', &u.Transaction.XID))
	for i := range u.Ops {
		op := &u.Ops[i]
		container, row, id := textValue(op.Destination.String()), int64(op.Seq), op.ID
		var client, name []byte
		switch op.Action {
		case store.Add:
			id, row = op.Message.ID, w.branch.Own.rows[i]
			c.high = max(c.high, store.Seq(row))
			b.call(stmtPrepareAdd, int8Value(row), textValue(producerName(id.Producer)), int8Value(id.ProducerSequence), container,
				int8Value(op.Message.Expiration), int8Value(column(op)), w.data[i], added)
		case store.Remove:
			b.call(stmtPrepareMark, int8Value(row), removed)
		case store.Acknowledge:
			sub := c.topics[op.Destination][op.Subscription]
			if sub == nil {
				a, n := subscriptionName(op.Subscription)
				sub = &subscription{container: op.Destination.String(), client: a, name: n}
			}
			client, name = textValue(sub.client), textValue(sub.name)
			marks.note(ackKey{op.Destination, op.Subscription}, sub, row)
		}
		b.call(stmtPrepare, added, int8Value(int64(i)), int8Value(int64(op.Action)), container, int8Value(row),
			textValue(producerName(id.Producer)), int8Value(id.ProducerSequence), client, name, boolValue(op.Unmatched), boolValue(op.Prioritized))
	}
	for _, g := range marks.groups {
		var ids array
		for _, id := range g.ids {
			ids.int(id)
		}
		b.call(stmtPrepareAck, textValue(g.sub.container), textValue(g.sub.client), textValue(g.sub.name), ids.value(), appendIdentity(nil, &u.Transaction.XID))
	}
}

// commitPrepared makes a prepared transaction happen: its messages get their
// place now.
func (c *compiler) commitPrepared(u *store.Unit, w *work) {
	b, g := c.b, &c.b.segment
	b.special = true
	for i := range u.Ops {
		if op := &u.Ops[i]; op.Action == store.Add {
			c.describe(g.touch(op.Destination), op)
			c.high = max(c.high, op.Seq)
		}
	}
	c.flush()
	for i := range u.Ops {
		op := &u.Ops[i]
		switch op.Action {
		case store.Add:
			from := c.s.producers.get(op.Message.ID.Producer)
			from.note(op.Message.ID.ProducerSequence, op.Destination)
			c.commitAdd(op, w.branch.Own.rows[i], from)
		case store.Remove:
			c.remove(op)
		case store.Acknowledge:
			c.acknowledge(op)
		}
	}
	c.flush()
	c.forget(u, w)
}

func (c *compiler) commitAdd(op *store.Op, row int64, from *producer) {
	topic := op.Destination.Kind.IsTopic()
	if topic && len(c.topics[op.Destination]) == 0 {
		var rows array
		rows.int(row)
		c.b.call(stmtDropAdd, rows.value())
		c.record(from, op.Message.ID.ProducerSequence)
		return
	}
	c.b.call(stmtCommitAdd, int8Value(row), int8Value(int64(op.Seq)))
	if topic {
		c.b.call(stmtPending, textValue(op.Destination.String()), int8Value(1))
	}
}

// rollback undoes what prepare did.
func (c *compiler) rollback(u *store.Unit, w *work) {
	var adds, marks array
	for i := range w.branch.Ops {
		switch op := &w.branch.Ops[i]; op.Action {
		case store.Add:
			adds.int(w.branch.Own.rows[i])
		case store.Remove:
			marks.int(int64(op.Seq))
		}
	}
	c.b.special = true
	if adds.n > 0 {
		c.b.call(stmtDropAdd, adds.value())
	}
	if marks.n > 0 {
		c.b.call(stmtUnmark, marks.value(), textValue(encodeXID('-', &u.Transaction.XID)))
	}
	c.forget(u, w)
}

func (c *compiler) forget(u *store.Unit, w *work) {
	if slices.ContainsFunc(w.branch.Ops, func(op store.Op) bool { return op.Action == store.Acknowledge }) {
		c.b.call(stmtUnmarkAck, appendIdentity(nil, &u.Transaction.XID))
	}
	c.b.call(stmtForget, textValue(encodeXID('+', &u.Transaction.XID)))
}
