package client

import (
	"bytes"

	"github.com/conclavemq/conclave/message"
)

// messageCache keeps the messages that were sent last without an answer, to
// send them again after a failover: the brokers know those that had arrived by
// their ids. (ActiveMQ: trackMessages, ConnectionStateTracker.messageCache)
type messageCache struct {
	limit    int64
	size     int64
	messages []*message.Message // the oldest first, from start on
	start    int
}

// put keeps m, which must not change any more. More than limit bytes are not
// kept: the oldest go.
func (c *messageCache) put(m *message.Message) {
	c.messages = append(c.messages, m)
	c.size += m.Size()
	for c.size > c.limit && c.start < len(c.messages) {
		c.size -= c.messages[c.start].Size()
		c.messages[c.start] = nil
		c.start++
	}
	if c.start > len(c.messages)/2 {
		c.messages = append(c.messages[:0], c.messages[c.start:]...)
		clear(c.messages[len(c.messages):cap(c.messages)])
		c.start = 0
	}
}

// drop forgets m, which was put last.
func (c *messageCache) drop(m *message.Message) {
	if n := len(c.messages); n > c.start && c.messages[n-1] == m {
		c.messages[n-1] = nil
		c.messages, c.size = c.messages[:n-1], c.size-m.Size()
	}
}

// each calls send with every message in order.
func (c *messageCache) each(send func(any) error) error {
	for _, m := range c.messages[c.start:] {
		if err := send(m); err != nil {
			return err
		}
	}
	return nil
}

// keep is a copy of m for a repetition, which the sender's changes do not
// reach.
func (o *Options) keep(m *message.Message) *message.Message {
	m = m.Copy()
	if !o.ShareContent {
		m.Content = bytes.Clone(m.Content)
	}
	return m
}
