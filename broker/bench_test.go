package broker

import (
	"context"
	"log/slog"
	"testing"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store/memory"
)

// echo acknowledges what it is given, on a goroutine of its own.
type echo struct {
	*peer
	ch chan message.Delivery
}

func (e *echo) Deliver(d message.Delivery) { e.ch <- d }

func benchmarkQueue(b *testing.B, persistent, concurrent bool) {
	s := memory.New()
	br, err := New(Options{Name: "bench", ID: "ID:bench", Store: s, Log: slog.New(slog.DiscardHandler), ConcurrentStoreAndDispatchQueues: concurrent})
	if err != nil {
		b.Fatal(err)
	}
	dest := message.NewQueue("BENCH")
	e := &echo{newPeer(), make(chan message.Delivery, 2000)}
	consumer := benchConnect(b, br, "c", e)
	producer := benchConnect(b, br, "p", newPeer())
	id := message.ConsumerID{Connection: "c", Session: 1, Value: 1}
	if err := consumer.AddConsumer(&message.ConsumerInfo{ID: id, Destination: dest, PrefetchSize: 1000}); err != nil {
		b.Fatal(err)
	}
	pid := message.ProducerID{Connection: "p", Session: 1, Value: 1}
	if err := producer.AddProducer(&message.ProducerInfo{ID: pid, Destination: dest}); err != nil {
		b.Fatal(err)
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for range b.N {
			d := <-e.ch
			consumer.Acknowledge(&message.Ack{Type: message.StandardAck, Count: 1, Consumer: id, Destination: dest, Last: d.Message.ID}, false, func(err error) {
				if err != nil {
					panic(err)
				}
			})
		}
	}()
	body := make([]byte, 1024)
	b.ReportAllocs()
	b.ResetTimer()
	ok := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for i := range b.N {
		producer.Send(context.Background(), &message.Message{
			Persistent: persistent, Destination: dest, Producer: pid,
			ID: message.MessageID{Producer: pid, ProducerSequence: int64(i + 1)}, Content: body,
		}, false, ok)
	}
	<-finished
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
	_ = br.Close(context.Background())
	_ = s.Close()
}

func benchConnect(b *testing.B, br *Broker, id string, p Peer) *Connection {
	c, err := br.Connect(&message.ConnectionInfo{ID: message.ConnectionID(id), ClientID: id}, p)
	if err != nil {
		b.Fatal(err)
	}
	if err := c.AddSession(&message.SessionInfo{ID: message.SessionID{Connection: message.ConnectionID(id), Value: 1}}); err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkTopic sends to ten subscribers that acknowledge as the Java client
// does, a hundred messages at a time.
func BenchmarkTopic(b *testing.B) {
	s := memory.New()
	br, err := New(Options{Name: "bench", ID: "ID:bench", Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	dest := message.NewTopic("BENCH")
	producer := benchConnect(b, br, "p", newPeer())
	pid := message.ProducerID{Connection: "p", Session: 1, Value: 1}
	if err := producer.AddProducer(&message.ProducerInfo{ID: pid, Destination: dest}); err != nil {
		b.Fatal(err)
	}
	var consumers []*Connection
	var ids []message.ConsumerID
	for i := range 10 {
		name := string(rune('a' + i))
		id := message.ConsumerID{Connection: message.ConnectionID(name), Session: 1, Value: 1}
		c := benchConnect(b, br, name, deaf{})
		if err := c.AddConsumer(&message.ConsumerInfo{ID: id, Destination: dest, PrefetchSize: 32766}); err != nil {
			b.Fatal(err)
		}
		consumers, ids = append(consumers, c), append(ids, id)
	}
	body := make([]byte, 1024)
	ok := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var first message.MessageID
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := &message.Message{Destination: dest, Producer: pid, ID: message.MessageID{Producer: pid, ProducerSequence: int64(i + 1)}, Content: body}
		producer.Send(context.Background(), m, false, ok)
		if i%100 == 0 {
			first = m.ID
		}
		if i%100 < 99 {
			continue
		}
		for k, c := range consumers {
			c.Acknowledge(&message.Ack{Type: message.StandardAck, Count: 100, Consumer: ids[k], Destination: dest, First: first, Last: m.ID}, false, ok)
		}
	}
	_ = br.Close(context.Background())
	_ = s.Close()
}

// deaf is a peer that forgets what it is given.
type deaf struct{}

func (deaf) Deliver(message.Delivery)                                {}
func (deaf) ProducerAck(message.ProducerID, int32)                   {}
func (deaf) Prefetch(message.ConsumerID, message.Destination, int32) {}
func (deaf) CloseConsumer(message.ConsumerID)                        {}
func (deaf) Fail(error)                                              {}

func BenchmarkQueue(b *testing.B) {
	b.Run("persistent", func(b *testing.B) { benchmarkQueue(b, true, false) })
	b.Run("concurrent", func(b *testing.B) { benchmarkQueue(b, true, true) })
	b.Run("transient", func(b *testing.B) { benchmarkQueue(b, false, false) })
}

// BenchmarkBacklog sends to a queue that nobody reads, and the same messages
// with a delay.
func BenchmarkBacklog(b *testing.B) {
	for name, scheduler := range map[string]bool{"queue": false, "jobs": true} {
		b.Run(name, func(b *testing.B) {
			s := memory.New()
			br, err := New(Options{Name: "bench", ID: "ID:bench", Store: s, Log: slog.New(slog.DiscardHandler), SchedulerOptions: SchedulerOptions{SchedulerSupport: scheduler}})
			if err != nil {
				b.Fatal(err)
			}
			dest := message.NewQueue("BENCH")
			producer := benchConnect(b, br, "p", newPeer())
			pid := message.ProducerID{Connection: "p", Session: 1, Value: 1}
			if err := producer.AddProducer(&message.ProducerInfo{ID: pid, Destination: dest}); err != nil {
				b.Fatal(err)
			}
			properties, err := message.AppendProperties(nil, message.Properties{{Name: scheduledDelay, Value: int64(100_000_000)}})
			if err != nil {
				b.Fatal(err)
			}
			body := make([]byte, 1024)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				producer.Send(context.Background(), &message.Message{
					Persistent: true, Destination: dest, Producer: pid, Properties: properties,
					ID: message.MessageID{Producer: pid, ProducerSequence: int64(i + 1)}, Content: body,
				}, false, func(err error) {
					if err != nil {
						panic(err)
					}
				})
			}
			b.StopTimer()
			_ = br.Close(context.Background())
			_ = s.Close()
		})
	}
}
