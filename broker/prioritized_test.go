package broker

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// markStore counts additions, and those that are marked as prioritized.
type markStore struct {
	store.Store
	mu           sync.Mutex
	adds, marked map[message.Destination]int // guarded by mu
}

func (s *markStore) Append(u *store.Unit) {
	s.mu.Lock()
	for i := range u.Ops {
		if op := &u.Ops[i]; op.Action == store.Add {
			s.adds[op.Destination]++
			if op.Prioritized {
				s.marked[op.Destination]++
			}
		}
	}
	s.mu.Unlock()
	s.Store.Append(u)
}

// However a message comes to a prioritized destination, the store is told.
func TestStoreIsToldOfPriorities(t *testing.T) {
	s := &markStore{Store: newDisk(t), adds: map[message.Destination]int{}, marked: map[message.Destination]int{}}
	queue, topic := message.NewQueue("PRIORITY"), message.NewTopic("PRIORITY")
	f := startOn(t, s, func(o *Options) {
		o.Policy = func(d message.Destination) Policy {
			p := DefaultPolicy()
			p.PrioritizedMessages = d.Name == "PRIORITY"
			return p
		}
	})
	c := f.connect()
	c.consumer(1, topic, 100, func(i *message.ConsumerInfo) { i.SubscriptionName = "durable" })
	for i, dest := range []message.Destination{queue, topic, orders} {
		p := c.producer(int64(i+1), dest)
		require.NoError(t, c.send(c.make(p, dest)))
		tx := c.begin(int64(i + 1))
		require.NoError(t, c.send(c.make(p, dest, func(m *message.Message) { m.Transaction = tx })))
		require.NoError(t, c.commit(tx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, map[message.Destination]int{queue: 2, topic: 2, orders: 2}, s.adds)
	require.Equal(t, map[message.Destination]int{queue: 2, topic: 2}, s.marked)
}
