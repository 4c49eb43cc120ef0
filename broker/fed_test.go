package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store/memory"
)

func TestTopicOfAQueue(t *testing.T) {
	for _, tc := range []struct{ prefix, postfix, queue, want string }{
		{"Consumer.*.", "", "Consumer.A.VirtualTopic.T", "VirtualTopic.T"},
		{"Consumer.*.", "", "Consumer.*.T", "T"},
		{"Consumer.*.", "", "Consumer.A.T.>", ""},
		{"Consumer.*.", "", "Consumer.>", ""},
		{"*.*.", ".P", "A.B.T.P", "T"},
		{"*.*.", ".P", "A.B.T", ""},
		{"", ".P", "T.P", ""},
		{"X-", "", "X-T", ""},
		{"A.", "*", "A.T", ""},
	} {
		v := VirtualTopic{Prefix: tc.prefix, Postfix: tc.postfix}
		topic, ok := v.topicOf(tc.queue)
		require.Equal(t, tc.want != "", ok, "%v", tc)
		if ok {
			require.Equal(t, tc.want, topic, "%v", tc)
		}
	}
}

// TestFedModel: what is found by topic is what a look at every queue finds,
// while queues come and go.
func TestFedModel(t *testing.T) {
	element := rapid.SampledFrom([]string{"A", "B", "P", "*"})
	name := func(t *rapid.T) string {
		n := strings.Join(rapid.SliceOfN(element, 1, 4).Draw(t, "name"), ".")
		if rapid.IntRange(0, 4).Draw(t, "wild") == 0 {
			n += ".>"
		}
		return n
	}
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Name: "test", ID: "ID:test", Store: memory.New(), DisableAdvisories: true, Log: slog.New(slog.DiscardHandler)}
		o.Virtual = []VirtualDestination{}
		for range rapid.IntRange(1, 2).Draw(t, "topics") {
			o.Virtual = append(o.Virtual, VirtualTopic{
				Name:    rapid.SampledFrom([]string{">", "A.>", "*.B", "B"}).Draw(t, "virtual"),
				Prefix:  rapid.SampledFrom([]string{"A.*.", "*.", "*.*.", "A", "", "B."}).Draw(t, "prefix"),
				Postfix: rapid.SampledFrom([]string{"", ".P", "P", ".*"}).Draw(t, "postfix"),
			})
		}
		b, err := New(o)
		require.NoError(t, err)
		defer func() {
			_ = b.Close(context.Background())
			_ = o.Store.Close()
		}()
		there := map[message.Destination]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			q := message.NewQueue(name(t))
			if rapid.IntRange(0, 3).Draw(t, "step") == 0 {
				require.NoError(t, b.RemoveDestination(q))
				delete(there, q)
			} else {
				_, err := b.ensure(q)
				require.NoError(t, err)
				there[q] = true
			}
		}
		topic := message.NewTopic(name(t))
		for i := range b.routing.topics {
			v := &b.routing.topics[i]
			if !v.covers(topic) {
				continue
			}
			got, want := map[message.Destination]bool{}, map[message.Destination]bool{}
			for _, q := range b.registry.feeding(i, v, topic) {
				got[q.base().dest] = true
			}
			for q := range there {
				if intersects(v.queues(topic.Name).Name, q.Name) {
					want[q] = true
				}
			}
			require.Equal(t, want, got, "%+v %s", *v, topic)
		}
	})
}

// BenchmarkFanOut sends to a virtual topic with so many queues, among ten
// thousand others that it does not feed.
func BenchmarkFanOut(b *testing.B) {
	for _, queues := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(queues, " queues"), func(b *testing.B) {
			s := memory.New()
			broker, err := New(Options{Name: "test", ID: "ID:test", Store: s, DisableAdvisories: true, MemoryLimit: 1 << 40, Log: slog.New(slog.DiscardHandler)})
			require.NoError(b, err)
			defer func() { _ = broker.Close(context.Background()) }()
			for i := range 10_000 {
				_, _ = broker.ensure(message.NewQueue(fmt.Sprintf("Consumer.A.VirtualTopic.T%d", i)))
			}
			for i := range queues {
				_, _ = broker.ensure(message.NewQueue(fmt.Sprintf("Consumer.%d.VirtualTopic.ORDERS", i)))
			}
			c, err := broker.Connect(&message.ConnectionInfo{ID: "ID:c", ClientID: "c"}, newPeer())
			require.NoError(b, err)
			p := message.ProducerID{Connection: "ID:c", Session: -1, Value: 1}
			require.NoError(b, c.AddProducer(&message.ProducerInfo{ID: p, Destination: virtualOrders}))
			done := make(chan error, 1)
			b.ReportAllocs()
			n := int64(0)
			for b.Loop() {
				n++
				m := &message.Message{Persistent: true, Destination: virtualOrders, Producer: p, ID: message.MessageID{Producer: p, ProducerSequence: n}}
				c.Send(context.Background(), m, true, func(err error) { done <- err })
				<-done
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/float64(queues), "ns/copy")
		})
	}
}
