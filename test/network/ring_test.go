//go:build network

package network

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// ring is three brokers, each with a duplex link to the next.
func ring(t *testing.T, attributes string, kinds ...harness.Kind) []*member {
	t.Helper()
	var ring []*member
	for i, kind := range kinds {
		ring = append(ring, newMember(t, kind, fmt.Sprintf("n%d", i)))
	}
	for i, m := range ring {
		m.link("static:("+ring[(i+1)%len(ring)].url()+")?initialReconnectDelay=200&maxReconnectDelay=500", fmt.Sprintf(`name="NC%d" duplex="true" %s`, i, attributes))
	}
	for _, m := range ring {
		m.start(t)
	}
	return ring
}

// TestRing passes messages of topics and queues round rings of Conclaves alone
// and with an ActiveMQ.
func TestRing(t *testing.T) {
	for _, c := range []struct {
		attributes string
		kinds      []harness.Kind
	}{
		{`networkTTL="3"`, []harness.Kind{harness.Conclave, harness.Conclave, harness.Conclave}},
		{`networkTTL="1"`, []harness.Kind{harness.Conclave, harness.ActiveMQ, harness.Conclave}},
	} {
		t.Run(string(c.kinds[1]), func(t *testing.T) {
			t.Parallel()
			members := ring(t, c.attributes, c.kinds...)
			topic := message.NewTopic("T")
			var topics, queues []*client.Consumer
			for i, m := range members {
				s := dial(t, m.url())
				c, err := s.Consumer(t.Context(), topic, client.ConsumerOptions{})
				require.NoError(t, err)
				topics = append(topics, c)
				c, err = dial(t, m.url()).Consumer(t.Context(), message.NewQueue(fmt.Sprint("Q", i)), client.ConsumerOptions{})
				require.NoError(t, err)
				queues = append(queues, c)
			}
			for i := range members {
				for j, m := range members {
					if i != j {
						awaitDemand(t, m.url(), topic)
						awaitDemand(t, m.url(), message.NewQueue(fmt.Sprint("Q", i)))
					}
				}
			}
			<-time.After(500 * time.Millisecond) // the last of the two bridges that each has
			for i, m := range members {
				send(t, m.url(), topic, 100*i, 100*i+100)
				send(t, m.url(), message.NewQueue(fmt.Sprint("Q", (i+1)%3)), 0, 100)
				send(t, m.url(), message.NewQueue(fmt.Sprint("Q", (i+2)%3)), 100, 200)
			}
			for i := range members {
				for _, c := range []struct {
					consumer *client.Consumer
					count    int
				}{{topics[i], 300}, {queues[i], 200}} {
					got := map[string]int{}
					takeAll(t, c.consumer, got, c.count)
					take(t, c.consumer, 300*time.Millisecond, got)
					for text, n := range got {
						require.Equal(t, 1, n, "message %s at %d", text, i)
					}
				}
			}
		})
	}
}

// TestConsumersMoveUntilNothingIsLeft has messages everywhere and one consumer
// that goes round and never takes more than a few.
func TestConsumersMoveUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	members := ring(t, `networkTTL="2"`, harness.Conclave, harness.Conclave, harness.Conclave)
	queue := message.NewQueue("WANDER")
	const each = 200
	for i, m := range members {
		send(t, m.url(), queue, i*each, (i+1)*each)
	}
	got := map[string]int{}
	for round := 0; len(got) < 3*each; round++ {
		require.Less(t, round, 40, "%d of %d", len(got), 3*each)
		c, err := dial(t, members[round%3].url()).Consumer(t.Context(), queue, client.ConsumerOptions{})
		require.NoError(t, err)
		takeAll(t, c, got, min(len(got)+40, 3*each))
		require.NoError(t, c.Close(t.Context()))
	}
	for _, m := range members {
		c, err := dial(t, m.url()).Consumer(t.Context(), queue, client.ConsumerOptions{})
		require.NoError(t, err)
		take(t, c, 300*time.Millisecond, got)
	}
	require.Len(t, got, 3*each)
	for text, n := range got {
		require.Equal(t, 1, n, "message %s", text)
	}
}
