package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// demanding tells of demand for virtual topics and for two composites.
func demanding(onCreation bool) func(*Options) {
	return func(o *Options) {
		o.VirtualDestSubs, o.VirtualDestSubsOnCreation = true, onCreation
		o.Virtual = []VirtualDestination{
			DefaultVirtualTopic(),
			CompositeDestination{Destination: message.NewQueue("both"), ForwardTo: []Forward{{Destination: orders}, {Destination: message.NewTopic("news.>")}}},
			CompositeDestination{Destination: message.NewTopic("wide"), ForwardTo: []Forward{{Destination: orders}}},
		}
	}
}

func TestDemandForVirtualDestinations(t *testing.T) {
	for _, c := range []struct {
		of     message.Destination
		demand message.Destination
		topic  string
	}{
		{message.NewQueue("Consumer.A.VirtualTopic.x.y"), message.NewTopic("VirtualTopic.x.y"), "Topic.VirtualTopic.x.y"},
		{message.NewQueue("Consumer.*.VirtualTopic.>"), message.NewTopic("VirtualTopic.>"), "Topic.VirtualTopic.>"},
		{message.NewTopic("news.today"), message.NewQueue("both"), "Queue.both"},
		{orders, message.NewQueue("both"), "Queue.both"},
	} {
		t.Run(c.of.String(), func(t *testing.T) {
			f := start(t, demanding(false))
			one, all := f.listen("VirtualDestination.Consumer."+c.topic), f.listen("VirtualDestination.Consumer.>")
			consumer := f.connect()
			id := consumer.consumer(1, c.of, 10)
			late := f.listen("VirtualDestination.Consumer.>")
			for _, listener := range []*client{one, all, late} {
				m := listener.take(t, 1)[0].Message
				info := m.DataStructure.(*message.ConsumerInfo)
				require.Equal(t, id, info.ID)
				require.Equal(t, c.demand, info.Destination)
				require.Equal(t, int32(10), info.PrefetchSize)
				require.Equal(t, message.AdvisoryPrefix+"VirtualDestination.Consumer."+c.topic, m.Destination.Name)
				require.Equal(t, int32(0), property(t, m, "consumerCount"))
			}
			require.Len(t, f.VirtualConsumers(), 1)
			require.NoError(t, consumer.RemoveConsumer(id, 0))
			for _, listener := range []*client{one, all, late} {
				require.Equal(t, removal(id), listener.take(t, 1)[0].Message.DataStructure)
			}
			require.Empty(t, f.VirtualConsumers())
		})
	}
}

func TestNoDemandForOthers(t *testing.T) {
	f := start(t, demanding(true))
	all := f.listen("VirtualDestination.Consumer.>")
	c := f.connect()
	c.consumer(1, message.NewQueue("other"), 10)
	c.consumer(2, message.NewTopic("VirtualTopic.x"), 10)
	require.Zero(t, all.count())
	off := start(t)
	all = off.listen("VirtualDestination.Consumer.>")
	off.connect().consumer(1, message.NewQueue("Consumer.A.VirtualTopic.x"), 10)
	require.Zero(t, all.count())
}

// A queue that is fed is demand by itself, one for each that feeds it, until it
// is removed.
func TestDemandOnCreation(t *testing.T) {
	f := start(t, demanding(true), func(o *Options) { o.Destinations = []message.Destination{orders} })
	all := f.listen("VirtualDestination.Consumer.>")
	seen := map[message.Destination]message.ConsumerID{}
	for _, d := range all.take(t, 2) {
		info := d.Message.DataStructure.(*message.ConsumerInfo)
		seen[info.Destination] = info.ID
	}
	require.Len(t, seen, 2)
	require.NotEqual(t, seen[message.NewQueue("both")], seen[message.NewTopic("wide")])
	c := f.connect()
	require.NoError(t, c.RemoveDestination(&message.DestinationInfo{Destination: orders, Operation: message.RemoveDestination}))
	gone := map[any]bool{}
	for _, d := range all.take(t, 2) {
		gone[d.Message.DataStructure.(*message.RemoveInfo).Object] = true
	}
	for _, id := range seen {
		require.True(t, gone[id])
	}
	require.Empty(t, f.VirtualConsumers())
	require.Empty(t, f.advise.demands.queues)
}

func TestFedFrom(t *testing.T) {
	for _, c := range []struct {
		v     VirtualTopic
		queue string
		want  string
	}{
		{VirtualTopic{Name: "V.>", Prefix: "Consumer.*."}, "Consumer.A.V.x", "V.x"},
		{VirtualTopic{Name: "V.>", Prefix: "Consumer.*."}, "Consumer.A", "V.>"},
		{VirtualTopic{Name: ">", Prefix: "C.*.", Postfix: ".p.q"}, "C.A.x.y.p.q", "x.y"},
		{VirtualTopic{Name: "V", Prefix: "", Postfix: ".p"}, "V.p", "V"},
	} {
		require.Equal(t, c.want, c.v.fedFrom(c.queue), c.queue)
	}
}
