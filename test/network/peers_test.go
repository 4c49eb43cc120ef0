//go:build network

package network

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// TestPeers has Java applications on two brokers that are bridged in every way.
func TestPeers(t *testing.T) {
	for _, c := range []struct {
		name        string
		front, rear harness.Kind
		duplex      bool
	}{
		{"conclave to conclave, duplex", harness.Conclave, harness.Conclave, true},
		{"conclave to activemq", harness.Conclave, harness.ActiveMQ, false},
		{"activemq to conclave", harness.ActiveMQ, harness.Conclave, false},
		{"conclave to activemq, duplex", harness.Conclave, harness.ActiveMQ, true},
		{"activemq to conclave, duplex", harness.ActiveMQ, harness.Conclave, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			front, rear := newMember(t, c.front, "front"), newMember(t, c.rear, "rear")
			attributes := `name="NC"`
			if c.duplex {
				attributes += ` duplex="true"`
			} else {
				// The way back is a bridge of the other's own.
				rear.link("static:("+front.url()+")?initialReconnectDelay=200&maxReconnectDelay=1000", `name="BACK"`)
			}
			front.link("static:("+rear.url()+")?initialReconnectDelay=200&maxReconnectDelay=1000", attributes)
			rear.start(t)
			front.start(t)
			exchange(t, front.url(), rear.url())
			exchange(t, rear.url(), front.url())
		})
	}
}

// exchange has producers on one broker and consumers on another.
func exchange(t *testing.T, from, to string) {
	t.Helper()
	queue := run(t, "receive", to, "queue:Q", 500)
	topic := run(t, "receive", to, "topic:T", 500)
	service := run(t, "serve", to, "queue:SERVICE", 20)
	awaitDemand(t, from, message.NewQueue("Q"))
	awaitDemand(t, from, message.NewTopic("T"))
	awaitDemand(t, from, message.NewQueue("SERVICE"))
	run(t, "send", from, "queue:Q", 500).ends()
	run(t, "send", from, "topic:T", 500).ends()
	run(t, "request", from, "queue:SERVICE", 20).ends()
	queue.ends()
	topic.ends()
	service.ends()
}

// awaitDemand waits until a broker has a bridge's consumer on a destination, as
// its advisories tell.
func awaitDemand(t *testing.T, url string, d message.Destination) {
	t.Helper()
	c, err := client.Dial(t.Context(), url, client.Options{})
	require.NoError(t, err)
	defer c.Close(t.Context())
	s, err := c.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	kind := "Topic."
	if d.Kind.IsQueue() {
		kind = "Queue."
	}
	advisories, err := s.Consumer(t.Context(), message.NewTopic("ActiveMQ.Advisory.Consumer."+kind+d.Name), client.ConsumerOptions{})
	require.NoError(t, err)
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		m, err := advisories.Receive(t.Context())
		require.NoError(t, err)
		if info, ok := m.Message.DataStructure.(*message.ConsumerInfo); ok && info.NetworkSubscription {
			return
		}
	}
	t.Fatalf("no bridge consumes %s on %s", d, url)
}
