package broker

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func TestClientIDConflict(t *testing.T) {
	f := start(t)
	a := f.connect(as("alice"))
	_, err := f.Connect(&message.ConnectionInfo{ID: "ID:other", ClientID: "alice"}, newPeer())
	require.ErrorIs(t, err, ErrInvalidClientID)
	require.ErrorContains(t, err, "Broker: test - Client: alice already connected from")
	_, err = f.Connect(&message.ConnectionInfo{ID: "ID:other"}, newPeer())
	require.ErrorIs(t, err, ErrInvalidClientID)
	require.NoError(t, a.failure())
	a.Connection.Close()
	a.Connection.Close()
	f.connect(as("alice"))
}

func TestLinkStealing(t *testing.T) {
	f := start(t)
	a := f.connect(as("alice"))
	a.consumer(1, news, 10, durableNamed("s"))
	// Only a connector that allows it steals.
	_, err := f.Connect(&message.ConnectionInfo{ID: "ID:other", ClientID: "alice"}, newPeer())
	require.ErrorIs(t, err, ErrInvalidClientID)
	require.NoError(t, a.failure())
	b := f.steal(as("alice"))
	require.ErrorIs(t, a.failure(), ErrClosed)
	b.consumer(1, news, 10, durableNamed("s"))
	require.ErrorIs(t, a.AddSession(&message.SessionInfo{}), ErrClosed)
}

// A client that has lost its connection comes back to the same master, which
// has not noticed: the new connection takes over, and gets everything again.
func TestSameConnectionComesBack(t *testing.T) {
	f := start(t)
	again := func(i *message.ConnectionInfo) { i.ID, i.ClientID = "ID:c", "c" }
	a := f.connect(again)
	p := a.producer(1, orders)
	a.consumer(1, orders, 10)
	a.sendN(p, orders, 3)
	a.take(t, 3)
	tx := a.begin(1)
	require.NoError(t, a.send(a.make(p, orders, in(tx))))
	b := f.connect(again)
	require.Error(t, a.failure())
	b.producer(1, orders)
	b.consumer(1, orders, 10)
	got := b.take(t, 3)
	require.Equal(t, count(1, 3), sequencesOf(got))
	require.EqualValues(t, 1, got[0].RedeliveryCounter)
	require.Equal(t, b.begin(1), tx)
	require.NoError(t, b.commit(tx))
	require.EqualValues(t, 3, f.stats(orders).Size)
}

func TestRepeatedAnnouncements(t *testing.T) {
	f := start(t)
	c := f.connect()
	for range 2 {
		require.NoError(t, c.AddSession(&message.SessionInfo{ID: c.session}))
		c.producer(1, orders)
		c.consumer(1, orders, 10)
		c.begin(7)
	}
	s := f.stats(orders)
	require.EqualValues(t, 1, s.Consumers)
	require.EqualValues(t, 1, s.Producers)
	require.NoError(t, c.RemoveSession(c.session, 0))
	s = f.stats(orders)
	require.Zero(t, s.Consumers)
	require.Zero(t, s.Producers)
	require.ErrorIs(t, c.RemoveSession(c.session, 0), ErrUnknownSession)
}

func TestUnknownThings(t *testing.T) {
	f := start(t)
	c := f.connect()
	session := message.SessionID{Connection: c.session.Connection, Value: 9}
	require.ErrorIs(t, c.AddProducer(&message.ProducerInfo{ID: message.ProducerID{Connection: session.Connection, Session: 9}}), ErrUnknownSession)
	require.ErrorIs(t, c.AddConsumer(&message.ConsumerInfo{ID: message.ConsumerID{Connection: session.Connection, Session: 9}, Destination: orders}), ErrUnknownSession)
	require.ErrorIs(t, c.RemoveProducer(message.ProducerID{}), ErrUnknownProducer)
	require.ErrorIs(t, c.Pull(&message.Pull{}), ErrUnknownConsumer)
	require.NoError(t, c.SetPrefetch(message.ConsumerID{}, 1), "it may have gone meanwhile")
	for _, awaited := range []bool{true, false} {
		o := newOutcome()
		c.Acknowledge(&message.Ack{Type: message.StandardAck}, awaited, o.done)
		require.Equal(t, awaited, errors.Is(o.wait(t), ErrUnknownConsumer), "so may this one, if nobody waits for the answer")
	}
	require.ErrorIs(t, c.send(&message.Message{Destination: orders}), ErrUnknownProducer)
	p := c.producer(1, message.Destination{})
	nameless := c.make(p, orders)
	nameless.ID = message.MessageID{}
	require.ErrorIs(t, c.send(nameless), ErrMessageFormat)
	for _, dest := range []message.Destination{{}, message.NewQueue(" "), message.NewQueue(","), message.NewQueue("?consumer.prefetchSize=1")} {
		require.ErrorIs(t, c.send(c.make(p, dest)), ErrInvalidDestination, dest.String())
	}
	for _, dest := range []message.Destination{{}, message.NewQueue(","), message.NewQueue("topic://A,topic://B")} {
		id := message.ConsumerID{Connection: session.Connection, Session: 1, Value: 9}
		require.ErrorIs(t, c.AddConsumer(&message.ConsumerInfo{ID: id, Destination: dest}), ErrInvalidDestination, dest.String())
	}
	// The connection's own session needs no announcement.
	id := message.ConsumerID{Connection: session.Connection, Session: -1, Value: 1}
	require.NoError(t, c.AddConsumer(&message.ConsumerInfo{ID: id, Destination: news}))
}

func TestRemoveDestination(t *testing.T) {
	f := start(t)
	c := f.connect()
	p := c.producer(1, orders)
	id := c.consumer(1, orders, 1)
	c.sendN(p, orders, 5)
	info := &message.DestinationInfo{Destination: orders, Operation: message.RemoveDestination}
	require.ErrorIs(t, c.RemoveDestination(info), ErrDestinationInUse)
	require.NoError(t, c.RemoveConsumer(id, 0))
	require.NoError(t, c.RemoveDestination(info))
	require.NoError(t, c.RemoveDestination(info))
	require.Zero(t, f.stats(orders).Destination)
	used, _ := f.Memory()
	require.Zero(t, used)
	left, err := f.store.Page(nil, orders, 0, 10, 1<<20)
	require.NoError(t, err)
	require.Empty(t, left)
	c.sendN(p, orders, 1) // comes into being again
	require.EqualValues(t, 1, f.stats(orders).Size)
}

func temp(c *client, n string) message.Destination {
	return message.Destination{Kind: message.TempQueue, Name: string(c.session.Connection) + ":" + n}
}

func TestTemporaryQueue(t *testing.T) {
	f := start(t)
	asker, server := f.connect(), f.connect()
	q := temp(asker, "1")
	ps := server.producer(1, message.Destination{})
	err := server.send(server.make(ps, q))
	require.ErrorIs(t, err, ErrUnknownDestination)
	require.ErrorIs(t, err, ErrInvalidDestination)

	require.NoError(t, asker.AddDestination(&message.DestinationInfo{Destination: q}))
	require.NoError(t, asker.AddDestination(&message.DestinationInfo{Destination: q}))
	asker.consumer(1, q, 10)
	require.NoError(t, server.send(server.make(ps, q)))
	reply := asker.take(t, 1)
	require.NoError(t, asker.ack(ackOf(message.StandardAck, reply...)))

	id := message.ConsumerID{Connection: server.session.Connection, Session: 1, Value: 1}
	err = server.AddConsumer(&message.ConsumerInfo{ID: id, Destination: q})
	require.ErrorIs(t, err, ErrInvalidDestination)
	require.EqualError(t, err, "Subscribing to a temporary queue created by another connection is not permitted")
	require.ErrorIs(t, server.RemoveDestination(&message.DestinationInfo{Destination: q}), ErrSecurity)
	require.ErrorIs(t, server.AddDestination(&message.DestinationInfo{Destination: temp(asker, "2")}), ErrSecurity)

	require.NoError(t, server.send(server.make(ps, q)))
	require.NoError(t, server.send(server.make(ps, q)))
	asker.Connection.Close()
	require.ErrorIs(t, server.send(server.make(ps, q)), ErrUnknownDestination)
	used, _ := f.Memory()
	require.Zero(t, used)
	left, err := f.store.Page(nil, q, 0, 10, 1<<20)
	require.NoError(t, err)
	require.Empty(t, left, "messages to temporary queues are not stored")
}

func TestAdvisories(t *testing.T) {
	f := start(t)
	early := f.connect()
	q := temp(early, "1")
	require.NoError(t, early.AddDestination(&message.DestinationInfo{Destination: q}))
	early.producer(1, orders)
	c := f.connect()
	topics := message.NewTopic("ActiveMQ.Advisory.TempQueue,ActiveMQ.Advisory.TempTopic")
	id := message.ConsumerID{Connection: c.session.Connection, Session: -1, Value: 1}
	require.NoError(t, c.AddConsumer(&message.ConsumerInfo{ID: id, Destination: topics, PrefetchSize: 100}))
	d := c.take(t, 1)[0]
	info := d.Message.DataStructure.(*message.DestinationInfo)
	require.Equal(t, q, info.Destination)
	require.Equal(t, message.AddDestination, info.Operation)
	require.Equal(t, "Advisory", d.Message.Type)
	require.Equal(t, message.NewTopic("ActiveMQ.Advisory.TempQueue"), d.Destination)
	require.Equal(t, "test", property(t, d.Message, "originBrokerName"))
	require.Equal(t, "ID:test-1-1-0:1", property(t, d.Message, "originBrokerId"))
	early.Connection.Close()
	info = c.take(t, 1)[0].Message.DataStructure.(*message.DestinationInfo)
	require.Equal(t, message.RemoveDestination, info.Operation)

	c.consumer(2, message.NewTopic("ActiveMQ.Advisory.Consumer.Queue.>"), 100)
	c.consumer(3, message.NewTopic("ActiveMQ.Advisory.Producer.Queue.ORDERS"), 100)
	c.consumer(4, message.NewTopic("ActiveMQ.Advisory.Connection"), 100)
	require.IsType(t, &message.ConnectionInfo{}, c.take(t, 1)[0].Message.DataStructure)
	other := f.connect()
	require.Equal(t, other.session.Connection, c.take(t, 1)[0].Message.DataStructure.(*message.ConnectionInfo).ID)
	consumer := other.consumer(1, orders, 10)
	d = c.take(t, 1)[0]
	require.Equal(t, consumer, d.Message.DataStructure.(*message.ConsumerInfo).ID)
	require.Equal(t, int32(1), property(t, d.Message, "consumerCount"))
	producer := other.producer(1, orders)
	d = c.take(t, 1)[0]
	require.Equal(t, producer, d.Message.DataStructure.(*message.ProducerInfo).ID)
	require.Equal(t, int32(1), property(t, d.Message, "producerCount"))
	other.Connection.Close()
	gone := map[any]bool{}
	for _, d := range c.take(t, 3) {
		gone[d.Message.DataStructure.(*message.RemoveInfo).Object] = true
	}
	require.Equal(t, map[any]bool{consumer: true, producer: true, other.session.Connection: true}, gone)
	require.Zero(t, c.count())
}

func TestCloseFinishesAppendedWork(t *testing.T) {
	d := newDisk(t)
	d.held = make(chan struct{})
	f := startOn(t, d)
	c := f.connect()
	p := c.producer(1, orders)
	o := newOutcome()
	c.Send(context.Background(), c.make(p, orders), true, o.done)
	ctx, cancel := context.WithCancel(context.Background())
	closed := make(chan error, 1)
	go func() { closed <- f.Broker.Close(ctx) }()
	<-f.quiet
	require.ErrorIs(t, c.send(c.make(p, orders)), ErrClosed)
	select {
	case <-closed:
		t.Fatal("closed before the message was stored")
	default:
	}
	close(d.held)
	require.NoError(t, <-closed)
	require.NoError(t, o.wait(t))
	require.ErrorIs(t, c.failure(), ErrClosed)
	cancel()
	_, err := f.Connect(&message.ConnectionInfo{ID: "x", ClientID: "x"}, newPeer())
	require.ErrorIs(t, err, ErrClosed)
}

func TestCloseGivesUpWithContext(t *testing.T) {
	d := newDisk(t)
	d.held = make(chan struct{})
	f := startOn(t, d)
	c := f.connect()
	c.Send(context.Background(), c.make(c.producer(1, orders), orders), true, func(error) {})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, f.Broker.Close(ctx), context.Canceled)
	close(d.held)
}

type lease struct{ ok chan bool }

func (l *lease) Valid() bool {
	ok := <-l.ok
	l.ok <- ok
	return ok
}

func TestNothingWithoutLease(t *testing.T) {
	l := &lease{make(chan bool, 1)}
	l.ok <- true
	f := start(t, func(o *Options) { o.Lease = l })
	c := f.connect()
	p := c.producer(1, orders)
	c.consumer(1, orders, 10)
	c.sendN(p, orders, 1)
	got := c.take(t, 1)
	<-l.ok
	l.ok <- false
	c.sendN(p, orders, 1) // stored; the memory store knows no lease
	require.Error(t, c.send(c.make(p, orders, transient)))
	require.Error(t, c.send(c.make(c.producer(2, news), news, transient)))
	require.Zero(t, c.count(), "delivered without a lease")
	<-l.ok
	l.ok <- true
	c.take(t, 1) // by the housekeeper
	require.NoError(t, c.ack(ackOf(message.StandardAck, got...)))
}
