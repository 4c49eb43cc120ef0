package journal

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// apply carries a written unit out in the index. Its records begin at start
// of the current file, one for each operation. indexMu is held.
func (j *Journal) apply(u *store.Unit, k *work, start int64) {
	file := j.writer.current.number
	records := *k.buf
	at := location{file: file, offset: uint32(start)}
	if k.branch != nil {
		j.applyPrepared(u, k.branch.Own, records, at)
		return
	}
	for i := range u.Ops {
		at.size = recordSize(records)
		j.applyOp(&u.Ops[i], at)
		records = records[at.size:]
		at.offset += at.size
	}
}

func (j *Journal) applyPrepared(u *store.Unit, t *transaction, records []byte, at location) {
	x := j.index
	switch u.Outcome {
	case store.Prepare:
		for i := range t.ops {
			at.size = recordSize(records)
			t.ops[i].at = at
			records = records[at.size:]
			at.offset += at.size
			if m := u.Ops[i].Message; m != nil {
				j.brokerSequence = max(j.brokerSequence, m.ID.BrokerSequence)
			}
		}
		x.prepare(u.Transaction, t, at.file)
	case store.Commit:
		x.forget(u.Transaction, at.file)
		duplicates := x.commit(t, at.file, func(i int) uint64 { return uint64(u.Ops[i].Seq) })
		if duplicates > 0 {
			j.o.Log.Warn("duplicate messages ignored", "transaction", u.Transaction.String(), "messages", duplicates)
		}
		for i := range u.Ops {
			u.Ops[i].Segment = store.Segment(t.ops[i].at.file)
		}
	default:
		x.forget(u.Transaction, at.file)
	}
}

func (j *Journal) applyOp(op *store.Op, at location) {
	x := j.index
	switch op.Action {
	case store.Add:
		id := identity{op.Message.ID.Producer, op.Message.ID.ProducerSequence}
		op.Segment = store.Segment(at.file)
		j.brokerSequence = max(j.brokerSequence, op.Message.ID.BrokerSequence)
		if !x.add(x.destination(op.Destination), id, at, uint64(op.Seq), store.Priority(op.Message)) {
			warnDuplicate(j.o.Log, op.Destination, id)
		}
		return
	case store.AddSubscription:
		x.subscribe(x.destination(op.Destination), op.Info.Key(), *op.Info, op.Retroactive, at.file)
		return
	case store.Expose:
		x.expose(op.Destination, op.Segment, at.file)
		return
	case store.RemoveDestination:
		x.conceal(op.Destination, at.file)
	}
	if op.Action == store.Update {
		j.applyUpdate(op, at)
		return
	}
	d := x.destinations[op.Destination]
	if d == nil {
		return
	}
	switch op.Action {
	case store.Remove:
		if h := x.target(d, op); h != 0 {
			x.remove(d, h, at.file)
		}
	case store.Recount:
		if h := x.target(d, op); h != 0 {
			x.recount(d, h, op.Redeliveries, at.file)
		}
	case store.Acknowledge:
		if h := x.target(d, op); h != 0 {
			x.acknowledge(d, op.Subscription, h, at.file)
		}
	case store.RemoveSubscription:
		x.unsubscribe(d, op.Subscription, at.file)
	case store.RemoveDestination:
		x.removeDestination(d, at.file)
	}
}

// applyUpdate stores a message that is not there, as a replay does.
func (j *Journal) applyUpdate(op *store.Op, at location) {
	x := j.index
	d := x.destination(op.Destination)
	if h := x.target(d, op); h != 0 {
		x.update(d, h, at)
		return
	}
	j.queueMu.Lock()
	j.lastSeq++
	seq := uint64(j.lastSeq)
	j.queueMu.Unlock()
	x.add(d, identity{op.Message.ID.Producer, op.Message.ID.ProducerSequence}, at, seq, store.Priority(op.Message))
}

// target returns the entry that an operation means: the one at Seq, if it is
// the named message, else that with the message's identity, as a replay of
// the record would.
func (x *index) target(d *destination, op *store.Op) handle {
	id := op.ID
	if op.Message != nil {
		id = op.Message.ID
	}
	if op.Seq != 0 {
		if h := d.order.find(&x.slab, uint64(op.Seq)); h != 0 && x.is(h, id) {
			return h
		}
	}
	return x.find(d, identity{id.Producer, id.ProducerSequence})
}

func (x *index) is(h handle, id message.MessageID) bool {
	e := x.slab.get(h)
	return e.sequence == id.ProducerSequence && x.producers.known.at(e.producer).id == id.Producer
}
