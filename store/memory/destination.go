package memory

import (
	"iter"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// destination is a queue or topic with what it holds. Store.stateMu guards it.
type destination struct {
	topic         bool
	bytes         int64
	order         sequence
	messages      map[store.Seq]*held
	ids           map[message.MessageKey]store.Seq
	subscriptions map[string]*subscription
}

// held is one message.
type held struct {
	message      *message.Message
	holders      int // subscriptions that have not acknowledged it; of a topic
	redeliveries int32
}

// subscription is a durable subscription of a topic.
type subscription struct {
	info    *message.SubscriptionInfo
	pending sequence
}

func newDestination(topic bool) *destination {
	return &destination{
		topic:         topic,
		messages:      map[store.Seq]*held{},
		ids:           map[message.MessageKey]store.Seq{},
		subscriptions: map[string]*subscription{},
	}
}

// add keeps a message, unless it is there already or nobody would read it,
// and returns by how many bytes the destination grew.
func (d *destination) add(op *store.Op) int64 {
	key := op.Message.ID.Key()
	if _, duplicate := d.ids[key]; duplicate || d.topic && len(d.subscriptions) == 0 {
		return 0
	}
	d.ids[key] = op.Seq
	d.messages[op.Seq] = &held{message: op.Message, holders: len(d.subscriptions)}
	d.order.push(op.Seq)
	for _, sub := range d.subscriptions {
		sub.pending.push(op.Seq)
	}
	d.bytes += op.Message.Size()
	return op.Message.Size()
}

// change carries out an operation on what is there and returns by how many
// bytes the destination grew.
func (d *destination) change(op *store.Op) int64 {
	before := d.bytes
	switch op.Action {
	case store.Remove:
		d.forget(d.find(op))
	case store.Acknowledge:
		if sub := d.subscriptions[op.Subscription]; sub != nil {
			d.release(sub, d.find(op))
		}
	case store.Update:
		if h := d.messages[d.find(op)]; h != nil {
			d.bytes += op.Message.Size() - h.message.Size()
			h.message = op.Message
		}
	case store.Recount:
		if h := d.messages[d.find(op)]; h != nil {
			h.redeliveries = op.Redeliveries
		}
	case store.RemoveSubscription:
		d.unsubscribe(op.Subscription)
	}
	return d.bytes - before
}

// find returns the position that op means: its Seq, or else that of its ID.
func (d *destination) find(op *store.Op) store.Seq {
	if d.messages[op.Seq] != nil {
		return op.Seq
	}
	if op.Message != nil {
		return d.ids[op.Message.ID.Key()]
	}
	return d.ids[op.ID.Key()]
}

func (d *destination) forget(seq store.Seq) {
	h := d.messages[seq]
	if h == nil {
		return
	}
	delete(d.messages, seq)
	delete(d.ids, h.message.ID.Key())
	d.order.remove(seq)
	d.bytes -= h.message.Size()
}

// release takes sub's hold off the message at seq.
func (d *destination) release(sub *subscription, seq store.Seq) {
	if !sub.pending.remove(seq) {
		return
	}
	if h := d.messages[seq]; h != nil {
		if h.holders--; h.holders == 0 {
			d.forget(seq)
		}
	}
}

func (d *destination) subscribe(op *store.Op) {
	if sub := d.subscriptions[op.Info.Key()]; sub != nil {
		sub.info = op.Info
		return
	}
	sub := &subscription{info: op.Info}
	d.subscriptions[op.Info.Key()] = sub
	if !op.Retroactive {
		return
	}
	for seq := range d.order.after(0) {
		sub.pending.push(seq)
		d.messages[seq].holders++
	}
}

func (d *destination) unsubscribe(key string) {
	sub := d.subscriptions[key]
	if sub == nil {
		return
	}
	delete(d.subscriptions, key)
	for seq := range sub.pending.after(0) {
		if h := d.messages[seq]; h != nil {
			if h.holders--; h.holders == 0 {
				d.forget(seq)
			}
		}
	}
}

// priority leaves those of seqs that have the given priority.
func (d *destination) priority(seqs iter.Seq[store.Seq], priority uint8) iter.Seq[store.Seq] {
	return func(yield func(store.Seq) bool) {
		for seq := range seqs {
			if store.Priority(d.messages[seq].message) == priority && !yield(seq) {
				return
			}
		}
	}
}

// page appends the messages at seqs to dst, within the limits of Store.Page.
func (d *destination) page(dst []store.Entry, seqs iter.Seq[store.Seq], limit int, maxBytes int64) []store.Entry {
	if limit <= 0 {
		return dst
	}
	first := len(dst)
	for seq := range seqs {
		h := d.messages[seq]
		m := h.message
		if maxBytes -= m.Size(); maxBytes < 0 && len(dst) > first {
			break
		}
		dst = append(dst, store.Entry{Message: m, Seq: seq, Redeliveries: h.redeliveries})
		if len(dst)-first >= limit {
			break
		}
	}
	return dst
}
