package broker

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestSeveralWaysKeepTheOrderOfATopic has several bridges bring the same
// messages of a topic at a time.
func TestSeveralWaysKeepTheOrderOfATopic(t *testing.T) {
	const ways, total = 4, 5000
	for _, persistent := range []bool{true, false} {
		f := start(t)
		topic := message.NewTopic("T")
		listener := f.connect()
		listener.consumer(1, topic, total)
		sender := f.connect()
		producer := sender.producer(1, topic)
		var messages []*message.Message
		for range total {
			messages = append(messages, sender.make(producer, topic, func(m *message.Message) { m.Persistent = persistent }))
		}
		var work sync.WaitGroup
		begin := make(chan struct{})
		for i := range ways {
			far := f.connect()
			far.FromBroker(nodeName(i))
			p := far.producer(1, topic)
			work.Go(func() {
				<-begin
				var answers sync.WaitGroup
				for n, m := range messages {
					x := m.Copy()
					x.Producer = p
					x.BrokerPath = []message.BrokerID{"origin", message.BrokerID(nodeName(i))}
					answers.Add(1)
					far.Send(context.Background(), x, true, func(err error) {
						defer answers.Done()
						require.NoError(t, err)
					})
					if n%7 == i {
						runtime.Gosched()
					}
				}
				answers.Wait()
			})
		}
		close(begin)
		work.Wait()
		for i, sequence := range sequencesOf(listener.peer.take(t, total)) {
			require.EqualValues(t, i+1, sequence, "persistent: %t", persistent)
		}
		require.Zero(t, listener.peer.count())
	}
}
