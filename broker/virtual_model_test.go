package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store/memory"
)

// routeModel says by plain recursion where a message goes.
type routeModel struct {
	topics     []VirtualTopic
	composites []CompositeDestination
	exists     map[message.Destination]bool
}

// reach adds what gets a message for dest to got; false if it goes in a circle.
func (r *routeModel) reach(dest message.Destination, kind string, trail []message.Destination, got map[message.Destination]bool) bool {
	if slices.Contains(trail, dest) {
		return false
	}
	r.exists[dest] = true
	trail = append(slices.Clone(trail), dest)
	ruled, kept := false, false
	for _, v := range r.topics {
		if !matches(message.NewTopic(v.Name), dest) {
			continue
		}
		ruled, kept = true, true
		for q := range r.exists {
			if q.Kind == message.Queue && strings.HasPrefix(q.Name, v.Prefix[:2]) && strings.HasSuffix(q.Name, "."+dest.Name) && strings.Count(q.Name, ".") == 1+strings.Count(dest.Name, ".")+strings.Count(v.Prefix, ".")-1 {
				if !r.reach(q, kind, trail, got) {
					return false
				}
			}
		}
	}
	for _, v := range r.composites {
		if !matches(v.Destination, dest) {
			continue
		}
		ruled = true
		matched := false
		for _, f := range v.ForwardTo {
			if f.Selector != "" && f.Selector != kind {
				if f.Destination != dest && !r.reach(f.Destination, kind, trail, map[message.Destination]bool{}) {
					return false // the circle is found whatever the selector says
				}
				continue
			}
			matched = true
			if f.Destination == dest {
				got[dest] = true
			} else if !r.reach(f.Destination, kind, trail, got) {
				return false
			}
		}
		if v.SendWhenNotMatched && !matched || !v.SendWhenNotMatched && !v.ForwardOnly {
			kept = true
		}
	}
	if kept || !ruled {
		got[dest] = true
	}
	return true
}

func someDestination() *rapid.Generator[message.Destination] {
	return rapid.Custom(func(t *rapid.T) message.Destination {
		name := rapid.SampledFrom([]string{"A", "B", "A.B", "B.B"}).Draw(t, "name")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return message.NewTopic(name)
		case 1:
			return message.NewQueue("C." + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "group") + "." + name)
		}
		return message.NewQueue(name)
	})
}

// TestRoutesModel sends at random through virtual destinations at random, while
// queues come and go, and compares where the messages are.
func TestRoutesModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &routeModel{exists: map[message.Destination]bool{}}
		var virtual []VirtualDestination
		if rapid.Bool().Draw(t, "topics") {
			r.topics = []VirtualTopic{{Name: rapid.SampledFrom([]string{">", "A", "*.B", "A.>"}).Draw(t, "topic"), Prefix: "C.*."}}
			virtual = append(virtual, r.topics[0])
		}
		for range rapid.IntRange(0, 4).Draw(t, "composites") {
			v := CompositeDestination{
				Destination:        someDestination().Draw(t, "from"),
				ForwardOnly:        rapid.Bool().Draw(t, "only"),
				SendWhenNotMatched: rapid.Bool().Draw(t, "unmatched"),
			}
			if rapid.IntRange(0, 3).Draw(t, "wild") == 0 {
				v.Destination.Name = "A.*"
			}
			for range rapid.IntRange(0, 3).Draw(t, "forwards") {
				v.ForwardTo = append(v.ForwardTo, Forward{someDestination().Draw(t, "to"), rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "selector")})
			}
			r.composites = append(r.composites, v)
			virtual = append(virtual, v)
		}
		if virtual == nil {
			virtual = []VirtualDestination{}
		}
		checkRoutes(t, r, virtual)
	})
}

func checkRoutes(t *rapid.T, r *routeModel, virtual []VirtualDestination) {
	s := memory.New()
	o := Options{Name: "test", ID: "ID:test", Store: s, DisableAdvisories: true, Log: slog.New(slog.DiscardHandler)}
	virtually(virtual...)(&o)
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = b.Close(context.Background())
		_ = s.Close()
	}()
	c, err := b.Connect(&message.ConnectionInfo{ID: "ID:c", ClientID: "c"}, newPeer())
	if err != nil {
		t.Fatal(err)
	}
	p := message.ProducerID{Connection: "ID:c", Session: -1, Value: 1}
	if err := c.AddProducer(&message.ProducerInfo{ID: p}); err != nil {
		t.Fatal(err)
	}
	for n := range rapid.IntRange(1, 15).Draw(t, "steps") {
		dest := someDestination().Draw(t, "dest")
		switch rapid.IntRange(0, 4).Draw(t, "step") {
		case 0:
			_ = c.AddDestination(&message.DestinationInfo{Destination: dest})
			r.exists[dest] = true
		case 1:
			_ = b.RemoveDestination(dest)
			delete(r.exists, dest)
		default:
			kind := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "type")
			before := enqueued(b)
			done := make(chan error, 1)
			m := &message.Message{Persistent: n%2 == 0, Type: kind, Destination: dest, Producer: p, ID: message.MessageID{Producer: p, ProducerSequence: int64(n)}}
			c.Send(context.Background(), m, true, func(err error) { done <- err })
			err := <-done
			want := map[message.Destination]bool{}
			if !r.reach(dest, kind, nil, want) {
				if err == nil {
					t.Fatalf("%s: a circle was not noticed", dest)
				}
				for made := range enqueued(b) {
					r.exists[made] = true
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", dest, err)
			}
			after := enqueued(b)
			for d := range after {
				gain := after[d] - before[d]
				if (gain == 1) != want[d] || gain > 1 {
					t.Fatalf("%s of type %s: %s got %d; want %v", dest, kind, d, gain, want)
				}
			}
			for d := range want {
				if after[d]-before[d] != 1 {
					t.Fatalf("%s of type %s: %s is missing", dest, kind, d)
				}
			}
		}
	}
}

func enqueued(b *Broker) map[message.Destination]int64 {
	got := map[message.Destination]int64{}
	for _, s := range b.Destinations() {
		got[s.Destination] = s.Enqueued
	}
	return got
}

func TestResentFanOutAfterATakeover(t *testing.T) {
	f := start(t)
	c := f.connect(func(i *message.ConnectionInfo) { i.FaultTolerant = true })
	for i := range 3 {
		require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: message.NewQueue(fmt.Sprintf("Consumer.%d.VirtualTopic.ORDERS", i))}))
	}
	p := c.producer(1, virtualOrders)
	m := c.make(p, virtualOrders)
	again, next := *m, c.make(p, virtualOrders)
	require.NoError(t, c.send(m))
	f = f.crash()
	c = f.connect(func(i *message.ConnectionInfo) { i.FaultTolerant, i.FailoverReconnect = true, true })
	c.producer(1, virtualOrders)
	require.NoError(t, c.send(&again))
	require.NoError(t, c.send(next))
	for i := range 3 {
		if n := f.stats(message.NewQueue(fmt.Sprintf("Consumer.%d.VirtualTopic.ORDERS", i))).Size; n != 2 {
			t.Fatalf("%d messages", n)
		}
	}
}
