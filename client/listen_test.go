package client

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// A link is lost while a listener deals with a message. It is not given to the
// listener again, and does not get into an acknowledgement on the next link,
// where the broker would refuse it with all others.
func TestAListenersMessageOutlivesItsLink(t *testing.T) {
	for name, mode := range map[string]AckMode{"automatic": AutoAcknowledge, "duplicates": DupsOKAcknowledge, "individual": IndividualAcknowledge} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGroup("a:1", "b:2")
				conn, events := g.connect(t, twoBrokers, Options{})
				in := consumer(t, session(t, conn, mode), ConsumerOptions{})
				ctx, cancel := context.WithCancel(t.Context())
				got, first, next := make(chan int64, 10), make(chan struct{}), make(chan struct{})
				ended := make(chan error, 1)
				go func() {
					ended <- in.Listen(ctx, func(_ context.Context, d message.Delivery) error {
						got <- d.Message.ID.ProducerSequence
						if len(got) == 1 {
							close(first)
							<-next
						}
						return nil
					})
				}()
				g.peer("a:1").deliver(in.ID(), numbered(1, 1)...)
				<-first
				g.kill("a:1")
				require.Eventually(t, func() bool { return slices.Contains(events.all(), "resumed tcp://b:2") }, time.Minute, time.Millisecond)
				g.peer("b:2").deliver(in.ID(), numbered(1, 3)...)
				synctest.Wait() // the consumer has them
				close(next)
				acked := int32(0)
				for acked < 3 {
					if a, is := (<-g.peer("b:2").heard).cmd.(*message.Ack); is {
						require.Equal(t, a.Last.ProducerSequence-a.First.ProducerSequence+1, int64(a.Count), "%v", a)
						acked += a.Count
					}
				}
				synctest.Wait()
				require.EqualValues(t, 3, acked)
				close(got)
				for _, want := range []int64{1, 2, 3} {
					require.Equal(t, want, <-got)
				}
				require.Empty(t, got)
				cancel()
				require.ErrorIs(t, <-ended, context.Canceled)
				g.finish(conn)
			})
		})
	}
}
