package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// A bridge that includes advisory topics passes on what bridges do not act on,
// and that alone: of a consumer here the far broker's bridge would believe that
// it is there. (ActiveMQ: AdvisoryViaNetworkTest)
func TestBridgePassesNoAdvisoryThatBridgesActOn(t *testing.T) {
	f := start(t)
	c := f.join(f.ConnectBridge)
	for i, topic := range []string{"Consumer.Topic." + news.Name, "Producer.Topic." + news.Name, "TempQueue"} {
		id := message.ConsumerID{Connection: c.session.Connection, Session: c.session.Value, Value: int64(i + 1)}
		info := &message.ConsumerInfo{ID: id, Destination: message.NewTopic(message.AdvisoryPrefix + topic), PrefetchSize: 1000, NetworkSubscription: true}
		require.NoError(t, c.AddForwarder(info, Forwarding{Broker: "ID:far", Name: "far", MessageTTL: 1, ConsumerTTL: 1}))
	}
	other := f.connect()
	other.consumer(1, news, 1)
	temp := message.Destination{Kind: message.TempQueue, Name: string(other.session.Connection) + ":1"}
	require.NoError(t, other.AddDestination(&message.DestinationInfo{Destination: temp, Operation: message.AddDestination}))
	other.producer(2, news)
	d := c.take(t, 1)
	require.Equal(t, message.AdvisoryPrefix+"Producer.Topic."+news.Name, d[0].Message.Destination.Name)
	require.Zero(t, c.count())
}
