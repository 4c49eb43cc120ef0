package client

import "github.com/conclavemq/conclave/message"

// copies are what a session keeps of the messages of its transaction for a
// repetition. Their memory is used again after each transaction: once a
// message is encoded nothing else refers to it. It belongs to the session's
// goroutine.
type copies struct {
	messages []*message.Message
	used     int
	arena    []byte // contents; from its length on free
}

const (
	arenaSize = 64 << 10 // bytes of contents that are kept for reuse
	mostSpare = 1024     // messages that are kept for reuse
)

// of is a copy of m; share leaves its content where it is.
func (c *copies) of(m *message.Message, share bool) *message.Message {
	if c.used == len(c.messages) {
		c.messages = append(c.messages, new(message.Message))
	}
	own := c.messages[c.used]
	c.used++
	*own = *m
	if !share {
		own.Content = c.bytes(m.Content)
	}
	return own
}

func (c *copies) bytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	if len(b) > cap(c.arena)-len(c.arena) {
		// What is in the old arena stays with its messages.
		c.arena = make([]byte, 0, max(arenaSize, len(b)))
	}
	start := len(c.arena)
	c.arena = append(c.arena, b...)
	return c.arena[start:len(c.arena):len(c.arena)]
}

// reset is called when the transaction is over and nothing repeats it.
func (c *copies) reset() {
	if c.used > mostSpare {
		c.messages = nil
	}
	for _, m := range c.messages[:min(c.used, len(c.messages))] {
		*m = message.Message{}
	}
	c.used = 0
	if cap(c.arena) > arenaSize {
		c.arena = nil
	}
	c.arena = c.arena[:0]
}
