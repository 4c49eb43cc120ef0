package broker

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// limited gives every destination room for n transient messages of harness
// size.
func limited(n int64) func(*Options) {
	return func(o *Options) {
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.MemoryLimit = n * 1029
			return p
		}
	}
}

func TestParkedProducerDoesNotStopItsConnection(t *testing.T) {
	f := start(t, limited(3))
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 3, transient)
	var waiting []outcome
	for range 3 {
		o := newOutcome()
		c.Send(context.Background(), c.make(p, orders, transient), true, o.done)
		waiting = append(waiting, o)
	}
	require.EqualValues(t, 3, f.stats(orders).Blocked)
	c.consumer(1, orders, 1)
	for i := range int64(6) {
		d := c.take(t, 1)
		require.Equal(t, i+1, d[0].Message.ID.ProducerSequence, "parked messages keep their order")
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
	for _, o := range waiting {
		require.NoError(t, o.wait(t))
	}
	require.Zero(t, f.stats(orders).Blocked)
}

func TestAsynchronousProducerBlocks(t *testing.T) {
	for _, dest := range []message.Destination{orders, news} {
		f := start(t, limited(2))
		c, d := f.connect(), f.connect()
		p := c.producer(1, dest)
		d.consumer(1, dest, 1)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 10 {
				c.Send(context.Background(), c.make(p, dest, transient), false, func(err error) { require.NoError(t, err) })
			}
		}()
		eventually(t, "blocked", func() bool { return f.stats(dest).Blocked == 1 })
		for i := range int64(10) {
			got := d.take(t, 1)
			require.Equal(t, i+1, got[0].Message.ID.ProducerSequence)
			require.NoError(t, d.ack(ackOf(message.StandardAck, got...)))
		}
		<-sent
	}
}

func TestBlockedProducerLeavesWithItsContext(t *testing.T) {
	f := start(t, limited(1))
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	ctx, cancel := context.WithCancel(context.Background())
	o := newOutcome()
	go c.Send(ctx, c.make(p, orders, transient), false, o.done)
	eventually(t, "blocked", func() bool { return f.stats(orders).Blocked == 1 })
	cancel()
	require.ErrorIs(t, o.wait(t), ErrClosed)

	o = newOutcome()
	go c.Send(context.Background(), c.make(p, orders, transient), false, o.done)
	eventually(t, "blocked", func() bool { return f.stats(orders).Blocked == 1 })
	c.Connection.Close()
	require.ErrorIs(t, o.wait(t), ErrClosed)
}

func TestParkedSendsOfLostClientAreDropped(t *testing.T) {
	f := start(t, limited(1))
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	o := newOutcome()
	c.Send(context.Background(), c.make(p, orders, transient), true, o.done)
	c.Connection.Close()
	require.ErrorIs(t, o.wait(t), ErrClosed)
	d := f.connect()
	d.consumer(1, orders, 10)
	d.take(t, 1)
	require.Zero(t, d.count())
}

// The client that closes its connection keeps it until it has the answer.
func TestParkedSendsOfClosedConnectionAreAborted(t *testing.T) {
	f := start(t, limited(1))
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	o := newOutcome()
	c.Send(context.Background(), c.make(p, orders, transient), true, o.done)
	c.Leave()
	err := o.wait(t)
	require.ErrorIs(t, err, ErrAborted)
	require.NotErrorIs(t, err, ErrClosed)
	require.EqualValues(t, 1, f.stats(orders).Size)
}

func TestSendFailIfNoSpace(t *testing.T) {
	f := start(t, limited(1), func(o *Options) { o.SendFailIfNoSpace = true })
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	require.ErrorIs(t, c.send(c.make(p, orders, transient)), ErrResourceAllocation)
	c.sendN(p, orders, 10) // what is stored needs no memory
}

// TestRefusedFromOtherBroker: what another broker could not leave here is no
// repetition when it is sent again, at once refused or after a while.
func TestRefusedFromOtherBroker(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"at once":         func(o *Options) { o.SendFailIfNoSpace = true },
		"after a timeout": func(o *Options) { o.SendFailIfNoSpaceAfterTimeout = 10 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, limited(1), set)
			c, far := f.connect(), f.connect()
			p := c.producer(1, orders)
			c.sendN(p, orders, 1, transient)
			far.FromBroker("far")
			m := far.make(far.producer(1, orders), orders, transient, func(m *message.Message) { m.BrokerPath = []message.BrokerID{"ID:far"} })
			require.ErrorIs(t, far.send(m.Copy()), ErrResourceAllocation)
			d := f.connect()
			d.consumer(1, orders, 10)
			require.NoError(t, d.ack(ackOf(message.StandardAck, d.take(t, 1)...)))
			require.NoError(t, far.send(m.Copy()))
			require.Equal(t, m.ID.Key(), d.take(t, 1)[0].Message.ID.Key())
			require.NoError(t, far.send(m.Copy()), "a repetition is answered")
			require.Zero(t, d.count())
		})
	}
}

func TestSendFailIfNoSpaceAfterTimeout(t *testing.T) {
	f := start(t, limited(1), func(o *Options) { o.SendFailIfNoSpaceAfterTimeout = 10 * time.Millisecond })
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	require.ErrorIs(t, c.send(c.make(p, orders, transient)), ErrResourceAllocation)
	o := newOutcome()
	c.Send(context.Background(), c.make(p, orders, transient), false, o.done)
	require.ErrorIs(t, o.wait(t), ErrResourceAllocation)
}

func TestDeepQueueNeverBlocksPersistentProducer(t *testing.T) {
	f := start(t, func(o *Options) { o.MemoryLimit = 100 * 1029 })
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1000)
	used, limit := f.Memory()
	require.Less(t, used, limit)
	require.EqualValues(t, 1000, f.stats(orders).Size)
	c.consumer(1, orders, 10)
	for i := range int64(1000) {
		d := c.take(t, 1)
		require.Equal(t, i+1, d[0].Message.ID.ProducerSequence)
		require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
	}
}

func TestProducerWindow(t *testing.T) {
	f := start(t, limited(2))
	c := f.connect()
	p := c.producer(1, orders, func(i *message.ProducerInfo) { i.WindowSize = 1 << 16 })
	windows := func() int { c.peer.mu.Lock(); defer c.peer.mu.Unlock(); return len(c.windows) }
	for range 3 {
		c.Send(context.Background(), c.make(p, orders, transient), false, func(err error) { require.NoError(t, err) })
	}
	require.Equal(t, 2, windows(), "the third is parked, not acknowledged")
	c.consumer(1, orders, 10)
	require.NoError(t, c.ack(ackOf(message.StandardAck, c.take(t, 1)...)))
	eventually(t, "resumed", func() bool { return windows() == 3 })
	require.EqualValues(t, 1029, c.windows[0])
}

func TestBlockedProducerIsLogged(t *testing.T) {
	var log bytes.Buffer
	f := start(t, limited(1), func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	c := f.connect()
	p := c.producer(1, orders)
	c.sendN(p, orders, 1, transient)
	c.Send(context.Background(), c.make(p, orders, transient), true, func(error) {})
	c.Connection.Close()
	require.Contains(t, log.String(), "Usage Manager Memory Limit reached")
	require.Contains(t, log.String(), "queue://ORDERS")
}

// What waits in queues and what waits for subscribers of topics have portions
// of the memory each: who fills one leaves the other alone.
func TestPortionsOfMemory(t *testing.T) {
	f := start(t, func(o *Options) { o.MemoryLimit, o.ProducerPortion, o.ConsumerPortion = 100*1029, 20, 60 })
	c := f.connect()
	c.consumer(1, news, 1)
	fill := func(n int64, dest message.Destination) (held int) {
		p := c.producer(n, dest)
		for f.stats(dest).Blocked == 0 {
			c.Send(context.Background(), c.make(p, dest, transient), true, func(error) {})
			held++
		}
		return held
	}
	queued, heard := fill(1, orders), fill(2, news)
	require.InDelta(t, 20*2/3, queued, 3)
	require.InDelta(t, 60*2/3, heard, 3)
}
