package client

import (
	"context"
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
				conn, _ := g.connect(t, twoBrokers, Options{})
				in := consumer(t, session(t, conn, mode), ConsumerOptions{})
				ctx, cancel := context.WithCancel(t.Context())
				var got []int64
				ended := make(chan error, 1)
				go func() {
					ended <- in.Listen(ctx, func(_ context.Context, d message.Delivery) error {
						if got = append(got, d.Message.ID.ProducerSequence); len(got) == 1 {
							g.kill("a:1")
							time.Sleep(time.Second)
							g.peer("b:2").deliver(in.ID(), numbered(1, 3)...)
							time.Sleep(time.Second)
						}
						return nil
					})
				}()
				g.peer("a:1").deliver(in.ID(), numbered(1, 1)...)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				require.Equal(t, []int64{1, 2, 3}, got)
				acked := int32(0)
				for len(g.peer("b:2").heard) > 0 {
					if a, is := (<-g.peer("b:2").heard).cmd.(*message.Ack); is {
						require.Equal(t, a.Last.ProducerSequence-a.First.ProducerSequence+1, int64(a.Count), "%v", a)
						acked += a.Count
					}
				}
				require.EqualValues(t, 3, acked)
				cancel()
				require.ErrorIs(t, <-ended, context.Canceled)
				g.finish(conn)
			})
		})
	}
}
