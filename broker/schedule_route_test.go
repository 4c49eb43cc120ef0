package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// A message for a virtual topic goes to the queues that there are when it is
// due.
func TestScheduleToAVirtualTopic(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		topic := message.NewTopic("VirtualTopic.news")
		p := c.producer(1, topic)
		require.NoError(t, c.send(c.make(p, topic, delayed(t, 1000))))
		a := message.NewQueue("Consumer.a.VirtualTopic.news")
		c.consumer(1, a, 10)
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, a, c.take(t, 1)[0].Message.Destination)
		require.Empty(t, f.stored(jobQueue))
	})
}
