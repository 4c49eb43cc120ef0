package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestDurableKeepsOrderAcrossDeliveryModes: what is not persistent and waited in
// memory for an absent subscriber does not overtake what the store has.
func TestDurableKeepsOrderAcrossDeliveryModes(t *testing.T) {
	for _, change := range [][]func(*Options){nil, {small}} {
		f := start(t, change...)
		sender := f.connect()
		p := sender.producer(1, news)
		c := f.connect(as("alice"))
		c.consumer(1, news, 10, durableNamed("s"))
		c.Close()
		// More of both than a window holds; the first are all transient.
		sender.sendN(p, news, 250, transient)
		for range 30 {
			sender.sendN(p, news, 10)
			sender.sendN(p, news, 10, transient)
		}
		for done := int64(0); done < 850; done += 50 {
			c := f.connect(as("alice"))
			c.consumer(1, news, 100, durableNamed("s"))
			want := count(done+1, min(850-done, 100))
			got := c.take(t, len(want))
			require.Equal(t, want, sequencesOf(got))
			require.NoError(t, c.ack(ackOf(message.StandardAck, got[:50]...)))
			c.Close()
		}
	}
}
