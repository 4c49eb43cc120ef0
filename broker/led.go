package broker

import (
	"context"

	"github.com/conclavemq/conclave/message"
)

// SendLed is Send, with an answer required, for a caller that has nothing else
// to do until the message is safe: the store may use its goroutine to write and
// sync (see store.Leader), for others too if it comes to that, and call Done
// functions, whoever they belong to. The caller holds no lock that those need.
func (c *Connection) SendLed(ctx context.Context, m *message.Message, done func(error)) {
	d := dispatch{c: c, m: m, required: true, done: done, led: c.b.leader != nil}
	if d.led {
		defer c.b.leader.Lead()
	}
	c.transmit(ctx, d)
}

// later is d for another goroutine, or another time.
func (d *dispatch) later() dispatch {
	copied := *d
	copied.led = false
	return copied
}
