package client

import (
	"context"
	"io"

	"github.com/conclavemq/conclave/message"
)

// Browser looks at the messages of a queue without consuming them. (JMS:
// QueueBrowser)
type Browser struct {
	consumer *Consumer
	over     bool
}

// Browse begins to look at what is in a queue now; selector may be "".
func (s *Session) Browse(ctx context.Context, queue message.Destination, selector string) (*Browser, error) {
	c, err := s.Consumer(ctx, queue, ConsumerOptions{Selector: selector, Browser: true})
	if err != nil {
		return nil, err
	}
	return &Browser{consumer: c}, nil
}

// Next returns the next message, and io.EOF after the last.
func (b *Browser) Next(ctx context.Context) (*message.Message, error) {
	if b.over {
		return nil, io.EOF
	}
	d, err := b.consumer.Receive(ctx)
	if err != nil {
		return nil, err
	}
	if d.Message == nil {
		b.over = true
		return nil, io.EOF
	}
	return d.Message, nil
}

// Close ends the look.
func (b *Browser) Close(ctx context.Context) error { return b.consumer.Close(ctx) }
