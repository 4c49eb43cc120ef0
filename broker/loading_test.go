package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

// TestJobReadBeforeItArrives: the reader of an earlier master's jobs finds one
// that is stored and not announced yet. It fires once, and counts once.
func TestJobReadBeforeItArrives(t *testing.T) {
	k := &clock{}
	f := start(t, scheduling, k.set)
	c := f.connect()
	require.NoError(t, c.send(c.make(c.producer(1, orders), orders, delayed(t, 3_600_000))))
	f.Broker.stopping.Store(true)
	f.close()
	l := newLate(f.store.(*disk).reopen())
	l.armed.Store(true)
	f = startOn(t, l, scheduling, k.set)
	l.wait(t)
	c = f.connect()
	c.consumer(1, orders, 10)
	hold := make(chan struct{})
	l.disk.held = hold
	c.Send(t.Context(), c.make(c.producer(2, orders), orders, delayed(t, 1)), true, func(error) {})
	eventually(t, "it is stored", func() bool { return len(f.stored(jobQueue)) == 2 })
	k.ms.Add(1000)
	close(l.deliver)
	<-f.schedule.loaded
	eventually(t, "it is fired", func() bool {
		f.schedule.mu.Lock()
		defer f.schedule.mu.Unlock()
		return len(f.schedule.alarms.chosen(func(alarm) bool { return true })) == 1
	})
	close(hold)
	require.Equal(t, []message.ProducerID{{Connection: c.session.Connection, Session: 1, Value: 2}}, producersOf(c.take(t, 1)))
	eventually(t, "one is left", func() bool { n, _ := f.Jobs(); return n == 1 })
	require.Len(t, f.stored(jobQueue), 1)
	require.Zero(t, c.count())
}

func producersOf(d []message.Delivery) (list []message.ProducerID) {
	for i := range d {
		list = append(list, d[i].Message.ID.Producer)
	}
	return list
}
