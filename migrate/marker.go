package migrate

import (
	"context"
	"fmt"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Marker is the queue of an unfinished copy.
var Marker = message.NewQueue("Conclave.Migration.Unfinished")

// mark is the one message of it; its body names the source.
func mark(source string) *message.Message {
	id := message.ProducerID{Connection: "ID:conclave-migrate-1-1:1", Session: 1, Value: 1}
	return &message.Message{
		Body: message.Bytes, Persistent: true, Priority: 4, Destination: Marker, Producer: id,
		ID: message.MessageID{Producer: id, ProducerSequence: 1}, Content: []byte(source),
	}
}

// begin finds out whether this copy is new, or taken up, and marks it.
func (c *copier) begin(ctx context.Context) error {
	if held := find(c.from.State, Marker); held != nil && held.Messages > 0 {
		return ErrUnfinished
	}
	held := find(c.to.State, Marker)
	if held == nil || held.Messages == 0 {
		if !Empty(c.to.State) {
			return ErrNotEmpty
		}
		if err := c.w.ops(store.Op{Action: store.Add, Destination: Marker, Message: mark(c.Source)}); err != nil {
			return err
		}
		return c.w.flush()
	}
	e, err := c.messages(ctx, c.to.Store, Marker, "").take()
	if err != nil {
		return err
	}
	if e == nil || string(e.Message.Content) != c.Source {
		return ErrOther
	}
	c.Log.Info("an unfinished copy is taken up", "source", c.Source)
	c.resumed = true
	return nil
}

// Finish removes the mark: the copy is complete.
func Finish(ctx context.Context, to store.Store) error {
	w := newWriter(ctx, to)
	if err := w.ops(store.Op{Action: store.RemoveDestination, Destination: Marker}); err != nil {
		return fmt.Errorf("finish the copy: %w", err)
	}
	return w.flush()
}

// Empty reports that a store holds nothing.
func Empty(s *store.State) bool {
	for i := range s.Destinations {
		if d := &s.Destinations[i]; d.Messages > 0 || len(d.Subscriptions) > 0 {
			return false
		}
	}
	return len(s.Prepared) == 0
}
