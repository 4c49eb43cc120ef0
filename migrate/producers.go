package migrate

import (
	"context"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// remembering is a store that can list the producers whose last sequence it
// knows without a message of theirs that would tell. Those may be more.
type remembering interface {
	Producers(ctx context.Context, each func(id message.ProducerID, last int64) error) error
}

// remember has the target know what the source does of producers whose last
// messages are gone: a message of the Marker's queue has such a sequence. When
// that queue is removed, the target keeps what its messages had.
func (c *copier) remember(ctx context.Context) error {
	from, ok := c.from.Store.(remembering)
	if !ok {
		return nil
	}
	most := (c.PageMessages + 3) / 4
	var ops []store.Op
	err := from.Producers(ctx, func(id message.ProducerID, last int64) error {
		if last <= c.to.Store.LastSequence(id) {
			return nil
		}
		ops = append(ops, store.Op{Action: store.Add, Destination: Marker, Message: reminder(id, last)})
		if len(ops) < most {
			return nil
		}
		full := ops
		ops = nil
		return c.w.ops(full...)
	})
	if err == nil {
		err = c.w.ops(ops...)
	}
	if err != nil {
		return err
	}
	return c.w.flush()
}

// reminder is a message that says nothing but its sequence.
func reminder(id message.ProducerID, sequence int64) *message.Message {
	return &message.Message{
		Body: message.Bytes, Persistent: true, Priority: 4, Destination: Marker, Producer: id,
		ID: message.MessageID{Producer: id, ProducerSequence: sequence},
	}
}
