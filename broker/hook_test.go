package broker

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func TestTimeStamping(t *testing.T) {
	const now = 1_000_000
	for name, c := range map[string]struct {
		stamp            TimeStamping
		time, expiration int64
		path             []message.BrokerID
		wantTime, want   int64
	}{
		"now":                    {time: 5, wantTime: now},
		"moved":                  {time: 5, expiration: 105, wantTime: now, want: now + 100},
		"no timestamp":           {stamp: TimeStamping{TTLCeiling: time.Second}},
		"override":               {stamp: TimeStamping{ZeroExpirationOverride: time.Second}, time: 5, wantTime: now, want: now + 1000},
		"override is bounded":    {stamp: TimeStamping{ZeroExpirationOverride: time.Minute, TTLCeiling: time.Second}, time: 5, wantTime: now, want: now + 1000},
		"ceiling":                {stamp: TimeStamping{TTLCeiling: time.Second}, time: 5, expiration: 9_000_000, wantTime: now, want: now + 1000},
		"ceiling, never expires": {stamp: TimeStamping{TTLCeiling: time.Second}, time: 5, wantTime: now},
		"future only":            {stamp: TimeStamping{FutureOnly: true}, time: 2_000_000, expiration: 2_000_100, wantTime: 2_000_000, want: 2_000_100},
		"of the network":         {path: []message.BrokerID{"a"}, time: 5, wantTime: 5},
		"of the network, too":    {stamp: TimeStamping{ProcessNetworkMessages: true}, path: []message.BrokerID{"a"}, time: 5, wantTime: now},
	} {
		m := &message.Message{Timestamp: c.time, Expiration: c.expiration, BrokerPath: c.path}
		c.stamp.apply(m, now)
		require.Equal(t, c.wantTime, m.Timestamp, name)
		require.Equal(t, c.want, m.Expiration, name)
	}
}

func TestForcedPersistence(t *testing.T) {
	f := start(t, func(o *Options) { o.ForcePersistence = new(true) })
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	f = f.crash()
	require.EqualValues(t, 1, f.stats(orders).Size, "it was stored")
}

func TestBrokerPath(t *testing.T) {
	f := start(t, func(o *Options) { o.BrokerPath = "via" })
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	require.Equal(t, "test", property(t, c.take(t, 1)[0].Message, "via"))
	encoded, err := message.AppendProperties(nil, message.Properties{{Name: "via", Value: "far"}, {Name: "n", Value: int32(5)}})
	require.NoError(t, err)
	c.sendN(p, orders, 1, func(m *message.Message) { m.Properties = encoded })
	m := c.take(t, 1)[0].Message
	require.Equal(t, "far,test", property(t, m, "via"))
	require.Equal(t, int32(5), property(t, m, "n"))
	c.sendN(p, orders, 1, func(m *message.Message) { m.Properties = []byte{1} })
	require.Equal(t, []byte{1}, c.take(t, 1)[0].Message.Properties, "what cannot be read is left alone")
}

// Each destination's interceptors see a copy of their own.
func TestInterceptors(t *testing.T) {
	other := message.NewQueue("other")
	f := start(t, underPolicy(func(d message.Destination, p *Policy) {
		if d == orders {
			p.Interceptors = []HeaderInterceptor{
				{ForceDeliveryMode: true, Persistent: true},
				{ForceExpiration: true, Stamp: TimeStamping{ZeroExpirationOverride: time.Hour}},
			}
		}
	}))
	c := f.connect()
	p := c.producer(1, message.Destination{})
	stamped := func(m *message.Message) { m.Persistent, m.Timestamp = false, 1 }
	both := message.NewQueue(orders.Name + "," + other.Name)
	c.sendN(p, both, 1, stamped)
	c.sendN(p, orders, 1, stamped)
	c.consumer(1, orders, 10)
	for _, d := range c.take(t, 2) {
		require.True(t, d.Message.Persistent)
		require.Positive(t, d.Message.Expiration)
	}
	c.consumer(2, other, 10)
	m := c.take(t, 1)[0].Message
	require.False(t, m.Persistent)
	require.Zero(t, m.Expiration)
	require.EqualValues(t, 1, m.Timestamp)
}

func TestInterceptorsInTransactions(t *testing.T) {
	f := start(t, underPolicy(func(_ message.Destination, p *Policy) {
		p.Interceptors = []HeaderInterceptor{{ForceDeliveryMode: true, Persistent: true}}
	}))
	c := f.connect()
	p := c.producer(1, orders)
	tx := c.begin(1)
	c.sendN(p, orders, 1, transient, func(m *message.Message) { m.Transaction = tx })
	require.NoError(t, c.commit(tx))
	f = f.crash()
	require.EqualValues(t, 1, f.stats(orders).Size)
}

func TestEventLogging(t *testing.T) {
	var out bytes.Buffer
	f := start(t, func(o *Options) {
		o.Logging = &EventLogging{Connections: true, Sessions: true, Transactions: true, Consumers: true, Producers: true, Internal: true, PerDestination: true}
		o.Log = slog.New(slog.NewTextHandler(&out, nil))
	})
	c := f.connect()
	p := c.producer(1, orders)
	consumer := c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	poison(t, c, c.take(t, 1)...)
	tx := c.begin(1)
	require.NoError(t, c.rollback(tx))
	require.NoError(t, c.RemoveConsumer(consumer, 0))
	c.Close()
	for _, want := range []string{"Adding Connection", "Removing Connection", "Adding Session", "Adding Producer", "Removing Producer",
		"Adding Consumer", "Removing Consumer", "Adding destination", "Sending message", "logger=" + orders.Name, "Acknowledging message",
		"Sending to DLQ", "Beginning transaction", "Rolling back transaction"} {
		require.Contains(t, out.String(), want)
	}
	require.NotContains(t, out.String(), "hello", "no payloads")
}
