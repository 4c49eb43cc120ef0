package broker

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// recounts is a store that remembers the counters it is told to keep.
type recounts struct {
	*disk
	mu   sync.Mutex
	kept []int32 // mu
}

func (s *recounts) Append(u *store.Unit) {
	s.mu.Lock()
	for i := range u.Ops {
		if u.Ops[i].Action == store.Recount {
			s.kept = append(s.kept, u.Ops[i].Redeliveries)
		}
	}
	s.mu.Unlock()
	s.disk.Append(u)
}

// TestRecount: each return of a message is recorded with persistJMSRedelivered
// alone, and another master goes on counting.
func TestRecount(t *testing.T) {
	for _, persist := range []bool{false, true} {
		options := func(o *Options) {
			o.Policy = func(message.Destination) Policy {
				p := DefaultPolicy()
				p.PersistJMSRedelivered = persist
				return p
			}
		}
		s := &recounts{disk: newDisk(t)}
		f := startOn(t, s, options)
		c := f.connect()
		p := c.producer(1, orders)
		require.NoError(t, c.send(c.make(p, orders)))
		require.NoError(t, c.send(c.make(p, orders, transient)))
		for n := range int64(3) {
			id := c.consumer(n, orders, 1)
			d := c.take(t, 1)
			require.EqualValues(t, n, d[0].RedeliveryCounter)
			if n == 1 {
				require.NoError(t, c.ack(ackOf(message.RedeliveredAck, d...)))
			}
			require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnknown))
		}
		c.Connection.Close()
		require.NoError(t, s.disk.Close())
		if !persist {
			require.Empty(t, s.kept)
			continue
		}
		require.Equal(t, []int32{1, 2, 2, 3}, s.kept)
		f.close()
		f = startOn(t, s.disk.reopen(), options)
		c = f.connect()
		c.consumer(1, orders, 1)
		require.EqualValues(t, 3, c.take(t, 1)[0].RedeliveryCounter)
	}
}

// withdrawals is a store that counts the exposures that are withdrawn.
type withdrawals struct {
	*disk
	n atomic.Int32
}

func (s *withdrawals) Append(u *store.Unit) {
	for i := range u.Ops {
		if u.Ops[i].Action == store.Expose && u.Ops[i].Segment == 0 {
			s.n.Add(1)
		}
	}
	s.disk.Append(u)
}

// TestRecountAndCleanStop: after a clean stop, what no consumer has had is not
// flagged beside what was given back, if that is counted. (ActiveMQ:
// RedeliveryRestartTest)
func TestRecountAndCleanStop(t *testing.T) {
	for _, persist := range []bool{false, true} {
		s := &withdrawals{disk: newDisk(t)}
		f := startOn(t, s, func(o *Options) {
			o.Policy = func(message.Destination) Policy {
				p := DefaultPolicy()
				p.PersistJMSRedelivered = persist
				return p
			}
		})
		c := f.connect()
		c.sendN(c.producer(1, orders), orders, 10)
		id := c.consumer(1, orders, 5)
		c.take(t, 5)
		require.NoError(t, c.RemoveConsumer(id, message.LastDeliveredUnknown))
		require.Zero(t, s.n.Load())
		f.close()
		require.Equal(t, persist, s.n.Load() > 0)
	}
}

// TestPassedExpires: what selective consumers have passed over expires, too.
func TestPassedExpires(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	f := start(t, func(o *Options) {
		o.ParseSelector = parseColours
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		o.Policy = func(message.Destination) Policy {
			p := DefaultPolicy()
			p.MaxPageSize, p.MaxExpirePageSize = leastWindow, 100
			p.DeadLetter = DeadLetter{}
			return p
		}
	})
	c := f.connect()
	c.consumer(1, orders, 100, selecting("r"))
	p := c.producer(1, orders)
	c.sendN(p, orders, 500, ofType("g"), func(m *message.Message) { m.Expiration = now.Add(time.Hour).UnixMilli() })
	c.sendN(p, orders, 1, ofType("r"))
	c.take(t, 1)
	mu.Lock()
	now = now.Add(2 * time.Hour)
	mu.Unlock()
	eventually(t, "all have expired", func() bool {
		f.sweep()
		return f.stats(orders).Size == 1
	})
}
