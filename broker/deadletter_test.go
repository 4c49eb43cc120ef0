package broker

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

var dlq = message.NewQueue("ActiveMQ.DLQ")

func property(t *testing.T, m *message.Message, name string) any {
	t.Helper()
	v, ok, err := m.Property(name)
	require.NoError(t, err)
	require.True(t, ok, "property %s", name)
	return v
}

func TestPoisonGoesToDeadLetterQueue(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	m := c.make(p, orders)
	m.Properties, _ = message.AppendProperties(nil, message.Properties{{Name: "colour", Value: "red"}})
	require.NoError(t, c.send(m))
	got := c.take(t, 1)
	a := ackOf(message.PoisonAck, got...)
	a.PoisonCause = &message.Throwable{Class: "java.lang.Throwable", Message: "Delivery[7] exceeds"}
	require.NoError(t, c.ack(a))

	c.consumer(2, dlq, 10)
	dead := c.take(t, 1)[0]
	require.Equal(t, dlq, dead.Destination)
	require.Equal(t, dlq, dead.Message.Destination)
	require.Equal(t, orders, dead.Message.OriginalDestination)
	require.Equal(t, got[0].Message.ID.Key(), dead.Message.ID.Key())
	require.Equal(t, "java.lang.Throwable: Delivery[7] exceeds", property(t, dead.Message, "dlqDeliveryFailureCause"))
	require.Equal(t, "red", property(t, dead.Message, "colour"))
	require.Equal(t, int64(0), property(t, dead.Message, "originalExpiration"))
	require.Equal(t, []byte("hello"), dead.Message.Content)
	require.Zero(t, f.stats(orders).Size)
	require.Equal(t, orders, got[0].Message.Destination, "the original is not touched")

	// Poison in the dead letter queue itself does not come back.
	require.NoError(t, c.ack(ackOf(message.PoisonAck, dead)))
	eventually(t, "gone", func() bool { return f.stats(dlq).Size == 0 })
	require.Zero(t, c.count())
}

func TestTransientPoisonIsDropped(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1, transient)
	require.NoError(t, c.ack(ackOf(message.PoisonAck, c.take(t, 1)...)))
	require.Zero(t, f.stats(orders).Size)
	require.Zero(t, f.stats(dlq).Enqueued)
}

// clock is a settable time, in milliseconds.
type clock struct{ ms atomic.Int64 }

func (k *clock) set(o *Options) {
	k.ms.Store(1_000_000)
	o.Now = func() time.Time { return time.UnixMilli(k.ms.Load()) }
}

func TestExpiry(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect()
	p := c.producer(1, orders)
	expiring := func(m *message.Message) { m.Expiration = 1_000_500 }
	c.sendN(p, orders, 1, expiring)
	c.sendN(p, orders, 1)
	c.sendN(p, orders, 1, expiring, transient)
	k.ms.Add(1000)
	c.sendN(p, orders, 1, expiring) // expired on arrival
	c.consumer(1, orders, 10)
	require.Equal(t, []int64{2}, sequencesOf(c.take(t, 1)))
	eventually(t, "expired", func() bool { return f.stats(orders).Expired == 3 && f.stats(dlq).Size == 2 })
	require.EqualValues(t, 1, f.stats(orders).Size)
	c.consumer(2, dlq, 10)
	for _, d := range c.take(t, 2) {
		require.Zero(t, d.Message.Expiration)
		require.Equal(t, int64(1_000_500), property(t, d.Message, "originalExpiration"))
		require.Equal(t, "java.lang.Throwable: Message Expired. Expiration:1000500", property(t, d.Message, "dlqDeliveryFailureCause"))
	}
}

func TestSweepWithoutConsumers(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 5, func(m *message.Message) { m.Expiration = 1_000_500 })
	f.sweep()
	require.EqualValues(t, 5, f.stats(orders).Size)
	k.ms.Add(1000)
	f.sweep()
	eventually(t, "swept", func() bool { return f.stats(orders).Size == 0 && f.stats(dlq).Size == 5 })
	require.Zero(t, f.stats(orders).Memory)
}

func TestExpiredAck(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 3, func(m *message.Message) { m.Expiration = time.Now().Add(time.Hour).UnixMilli() })
	got := c.take(t, 3)
	require.NoError(t, c.ack(ackOf(message.ExpiredAck, got[1])))
	eventually(t, "moved", func() bool { return f.stats(dlq).Size == 1 && f.stats(orders).Size == 2 })
}

func TestSweepOfWhatIsStored(t *testing.T) {
	k := &clock{}
	f := start(t, k.set)
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 5, func(m *message.Message) { m.Expiration = 1_000_500 })
	c.sendN(p, orders, 5)
	f = f.crash(k.set)
	k.ms.Add(1000)
	f.sweep()
	f.sweep()
	eventually(t, "swept", func() bool { return f.stats(orders).Size == 5 && f.stats(dlq).Size == 5 })
	require.Zero(t, f.stats(orders).Memory)
	c = f.connect()
	c.consumer(1, orders, 10)
	require.Equal(t, count(6, 5), sequencesOf(c.take(t, 5)))
}
