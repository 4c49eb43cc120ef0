package jdbcstore

import (
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// compiler turns units into the statements of a batch. It is the committer's.
type compiler struct {
	s      *Store
	topics topics    // as of the last unit compiled
	high   store.Seq // highest that was given to an Add so far
	b      *batch
}

// unit puts what u does into the batch.
func (c *compiler) unit(u *store.Unit, w *work) {
	switch {
	case u.Outcome == store.Prepare:
		c.flush()
		c.prepare(u, w)
	case w.branch != nil && u.Outcome == store.Commit:
		c.flush()
		c.commitPrepared(u, w)
	case u.Outcome == store.Rollback:
		c.flush()
		c.rollback(u, w)
	default:
		for i := range u.Ops {
			c.op(&u.Ops[i], w.data[i])
		}
	}
}

func (c *compiler) op(op *store.Op, data []byte) {
	g := &c.b.segment
	switch op.Action {
	case store.Add:
		c.add(op, data)
	case store.Remove:
		c.remove(op)
	case store.Acknowledge:
		c.acknowledge(op)
	case store.Update:
		c.flush()
		c.b.special = true
		c.b.call(stmtUpdate, int8Value(int64(op.Seq)), textValue(op.Destination.String()), data)
	case store.Expose:
		d := g.touch(op.Destination)
		g.later = append(g.later, call{name: stmtExpose, parameters: [][]byte{textValue(d.container), int8Value(int64(op.Segment))}})
	case store.Recount:
		g.touch(op.Destination)
		c.s.recounted.Store(true)
		g.later = append(g.later, call{name: stmtRecount, parameters: [][]byte{int8Value(int64(op.Seq)), int8Value(int64(op.Redeliveries))}})
	case store.AddSubscription:
		c.flush()
		c.subscribe(op)
	case store.RemoveSubscription:
		c.flush()
		c.unsubscribe(op)
	case store.RemoveDestination:
		c.flush()
		c.removeDestination(op.Destination)
	}
}

func (c *compiler) add(op *store.Op, data []byte) {
	m, g := op.Message, &c.b.segment
	from := c.s.producers.get(m.ID.Producer)
	doubtful := from.note(m.ID.ProducerSequence, op.Destination)
	c.high = max(c.high, op.Seq)
	if op.Destination.Kind.IsTopic() && len(c.topics[op.Destination]) == 0 {
		c.record(from, m.ID.ProducerSequence)
		return // nobody will read it
	}
	if op.Prioritized && op.Destination.Kind.IsTopic() {
		c.prioritize(op.Destination)
	}
	if !doubtful && from.known {
		g.adds = append(g.adds, addition{op: op, data: data, from: from})
		return
	}
	c.flush()
	d := g.touch(op.Destination)
	c.describe(d, op)
	c.flush()
	c.b.call(stmtInsertChecked, int8Value(int64(op.Seq)), textValue(from.name), int8Value(m.ID.ProducerSequence),
		textValue(d.container), int8Value(m.Expiration), int8Value(column(op)), data)
}

// column is what PRIORITY holds: as in ActiveMQ 0 unless the destination is
// read by priority.
func column(op *store.Op) int64 {
	if op.Prioritized {
		return int64(store.Priority(op.Message))
	}
	return 0
}

// describe has the row of a destination say what an Add brings, beside the
// counts.
func (c *compiler) describe(d *delta, op *store.Op) {
	d.lastID = max(d.lastID, int64(op.Seq))
	d.brokerSeq = max(d.brokerSeq, op.Message.ID.BrokerSequence)
	if !op.Prioritized && store.Priority(op.Message) != 0 {
		d.mixed = true
		c.s.mix(op.Destination)
	}
}

// record notes what a producer reached for the time when its message is gone.
func (c *compiler) record(from *producer, sequence int64) {
	if from.recorded >= sequence || c.b.record[from] >= sequence && c.b.record != nil {
		return
	}
	if c.b.record == nil {
		c.b.record = map[*producer]int64{}
	}
	c.b.record[from] = sequence
}

// gone records the sequence of a message that goes, if no later one of its
// producer is durable.
func (c *compiler) gone(id *message.MessageID) {
	if id.Producer.IsZero() {
		return
	}
	from := c.s.producers.get(id.Producer)
	if stored, known := c.s.producers.reached(from); known && id.ProducerSequence < stored {
		return
	}
	c.record(from, id.ProducerSequence)
}

func (c *compiler) remove(op *store.Op) {
	g := &c.b.segment
	c.gone(&op.ID)
	if a := g.added(op.Seq); a != nil {
		a.dead = true
		return
	}
	d := g.touch(op.Destination)
	d.deletes = append(d.deletes, int64(op.Seq))
	g.deletes = append(g.deletes, int64(op.Seq))
}

func (c *compiler) acknowledge(op *store.Op) {
	g := &c.b.segment
	sub := c.topics[op.Destination][op.Subscription]
	if sub == nil {
		return
	}
	c.gone(&op.ID)
	if g.note(ackKey{op.Destination, op.Subscription}, sub, int64(op.Seq)) {
		g.touch(op.Destination)
	}
}

// flush ends the segment.
func (c *compiler) flush() {
	b, g := c.b, &c.b.segment
	if !g.empty() {
		rows := c.countAdds()
		if len(g.order) > 0 {
			c.count()
		}
		if rows > 0 {
			c.insert(rows)
		}
		for _, group := range g.groups {
			c.ack(group)
		}
		b.statements = append(b.statements, g.later...)
	}
	g.reset()
}

// countAdds puts the additions that live into the rows of their containers.
func (c *compiler) countAdds() (rows int) {
	g := &c.b.segment
	for i := range g.adds {
		a := &g.adds[i]
		if a.dead {
			continue
		}
		d := g.touch(a.op.Destination)
		d.messages++
		d.bytes += int64(len(a.data))
		c.describe(d, a.op)
		rows++
	}
	return rows
}

// count deletes rows and changes the containers' rows.
func (c *compiler) count() {
	g, b := &c.b.segment, c.b
	if !b.marked {
		b.marked, b.marker = true, g.order[0].container
	}
	var deletes array
	for _, id := range g.deletes {
		deletes.int(id)
	}
	known := len(g.order) <= mostSingly
	for _, d := range g.order {
		known = known && c.s.counted[d.container]
	}
	if known {
		c.countSingly()
	} else {
		c.countMany(&deletes)
	}
	if len(g.deletes) > 0 && c.s.recounted.Load() {
		b.call(stmtUncount, deletes.value())
	}
}

// mostSingly is how many containers have a statement each; more share one.
const mostSingly = 4

// countSingly changes the rows of containers that have one.
func (c *compiler) countSingly() {
	b := c.b
	for _, d := range c.b.segment.order {
		name, values := stmtCountOne, append(d.values(b.number), c.s.places[d.container])
		if len(d.deletes) > 0 {
			var deletes array
			for _, id := range d.deletes {
				deletes.int(id)
			}
			name, values = stmtCountGone, append(values, deletes.value())
		}
		b.statements = append(b.statements, call{name: name, parameters: values, keep: func(row []byte) {
			switch {
			case row == nil: // somebody has removed it: the next batch makes it anew
				delete(c.s.counted, d.container)
				delete(c.s.places, d.container)
			case c.s.counted[d.container]:
				c.s.places[d.container] = row
			}
		}})
	}
}

// values are the parameters of the statements for one container.
func (d *delta) values(batch int64) [][]byte {
	return [][]byte{textValue(d.container), int8Value(d.messages), int8Value(d.bytes), boolValue(d.mixed),
		int8Value(d.lastID), int8Value(d.brokerSeq), int8Value(batch)}
}

// countMany makes the rows of containers that have none.
func (c *compiler) countMany(deletes *array) {
	var name, messages, bytes, mixed, last, broker array
	for _, d := range c.b.segment.order {
		name.text(d.container)
		messages.int(d.messages)
		bytes.int(d.bytes)
		mixed.bool(d.mixed)
		last.int(d.lastID)
		broker.int(d.brokerSeq)
		if !c.s.counted[d.container] {
			c.b.after = append(c.b.after, func() { c.s.counted[d.container] = true })
		}
	}
	c.b.call(stmtCount, name.value(), messages.value(), bytes.value(), mixed.value(), last.value(), broker.value(),
		deletes.or(oidInt8), int8Value(c.b.number))
}

// insert writes the additions that live, and counts those of topics for their
// subscriptions.
func (c *compiler) insert(rows int) {
	g := &c.b.segment
	if c.s.copies && rows >= c.s.o.CopyRows {
		c.copy(rows)
	} else if len(g.adds) == 1 {
		a := &g.adds[0]
		c.b.call(stmtInsertOne, int8Value(int64(a.op.Seq)), textValue(a.from.name), int8Value(a.op.Message.ID.ProducerSequence),
			textValue(g.touched[a.op.Destination].container), int8Value(a.op.Message.Expiration), int8Value(column(a.op)), a.data)
	} else {
		c.insertMany()
	}
	for dest, d := range g.touched {
		if dest.Kind.IsTopic() && d.messages > 0 {
			c.b.call(stmtPending, textValue(d.container), int8Value(d.messages))
		}
	}
}

func (c *compiler) insertMany() {
	g := &c.b.segment
	var id, producer, sequence, container, expiration, priority, data array
	size := 0
	for i := range g.adds {
		size += len(g.adds[i].data) + 4
	}
	data.buf = make([]byte, 0, size+arrayHead)
	for i := range g.adds {
		a := &g.adds[i]
		if a.dead {
			continue
		}
		id.int(int64(a.op.Seq))
		producer.text(a.from.name)
		sequence.int(a.op.Message.ID.ProducerSequence)
		container.text(g.touched[a.op.Destination].container)
		expiration.int(a.op.Message.Expiration)
		priority.int(column(a.op))
		data.bytes(a.data)
	}
	c.b.call(stmtInsert, id.value(), producer.value(), sequence.value(), container.value(), expiration.value(), priority.value(), data.value())
}

// ack moves a subscription's mark to the first message that it has not
// acknowledged, keeps what it has acknowledged beyond, and deletes what no
// subscription needs any more.
func (c *compiler) ack(g *ackGroup) {
	sub := g.sub
	var ids array
	for _, id := range g.ids {
		ids.int(id)
	}
	container, client, name, list := textValue(sub.container), textValue(sub.client), textValue(sub.name), ids.value()
	c.b.call(stmtAckPending, container, client, name, list)
	c.b.call(stmtAckMark, container, client, name, list, int8Value(slices.Max(g.ids)))
	c.b.call(stmtAckSparse, container, client, name, list)
	if len(c.b.statements) > 0 {
		c.b.statements[len(c.b.statements)-1].result = func(rows int64) {
			if rows > 0 {
				sub.sparse = true
			}
		}
	}
	if sub.sparse {
		c.b.call(stmtAckClosed, container, client, name)
	}
	c.b.call(stmtAckDelete, container, list)
	if c.anySparse(sub.dest) {
		c.b.call(stmtAckGone, container, list)
	}
	if c.s.recounted.Load() {
		c.b.call(stmtUncountGone, list)
	}
}

func (c *compiler) anySparse(dest message.Destination) bool {
	for _, sub := range c.topics[dest] {
		if sub.sparse {
			return true
		}
	}
	return false
}
