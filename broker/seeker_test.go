package broker

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// counting is a store that counts the messages that it reads.
type counting struct {
	*disk
	read atomic.Int64
}

func (s *counting) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := s.disk.Page(dst, dest, after, limit, maxBytes)
	s.read.Add(int64(len(entries)))
	return entries, err
}

func selecting(s string) func(*message.ConsumerInfo) {
	return func(i *message.ConsumerInfo) { i.Selector = s }
}

func ofType(s string) func(*message.Message) {
	return func(m *message.Message) { m.Type = s }
}

// deep is a queue of which one in a thousand is of type "r", the others "g".
func deep(t *testing.T, n int) (*fixture, *counting, *client, message.ProducerID) {
	s := &counting{disk: newDisk(t)}
	f := startOn(t, s, func(o *Options) { o.ParseSelector = parseColours })
	c := f.connect()
	p := c.producer(1, orders)
	for i := range n / 1000 {
		c.sendN(p, orders, 999, ofType("g"))
		c.sendN(p, orders, 1, ofType("r"))
		require.Equal(t, int64(i+1)*1000, f.stats(orders).Size)
	}
	return f, s, c, p
}

// TestSelectiveConsumersReadOnce: what a selective consumer has looked at and
// did not want is not read again for it, whatever comes and goes.
func TestSelectiveConsumersReadOnce(t *testing.T) {
	const n = 20_000
	f, s, c, p := deep(t, n)
	c.consumer(1, orders, 1000, selecting("r"))
	got := c.take(t, n/1000)
	for i, d := range got {
		require.EqualValues(t, (i+1)*1000, d.Message.ID.ProducerSequence)
	}
	require.LessOrEqual(t, s.read.Load(), int64(n), "read for the first consumer")

	before := s.read.Load()
	for range 200 {
		c.sendN(p, orders, 20, ofType("g"))
	}
	c.sendN(p, orders, 1, ofType("r"))
	c.take(t, 1)
	require.LessOrEqual(t, s.read.Load()-before, int64(4001), "only what is new")

	before = s.read.Load()
	c.consumer(2, orders, 1000, selecting("r"))
	c.consumer(3, orders, 1000, selecting("x"))
	all := c.consumer(4, orders, 10)
	first := c.take(t, 10)
	require.Equal(t, count(1, 10), sequencesOf(first))
	q := f.registry.find(orders).(*queue)
	eventually(t, "all have looked at everything that they may", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return !q.window.paging && !q.mayPageLocked()
	})
	require.LessOrEqual(t, s.read.Load()-before, int64(3*(n+4000)), "once for each")

	before = s.read.Load()
	for range 30 {
		require.NoError(t, c.ack(ackOf(message.StandardAck, first...)))
		first = c.take(t, 10)
	}
	require.Equal(t, count(301, 10), sequencesOf(first))
	require.NoError(t, c.RemoveConsumer(all, message.LastDeliveredUnset))
	require.LessOrEqual(t, s.read.Load()-before, int64(2*claimQuota+3*scanPage), "a few pages ahead")
	require.LessOrEqual(t, f.stats(orders).Memory, int64(4*DefaultPolicy().MaxPageSize)*1100)
}

// TestSelectiveConsumersDoNotStarve: one whose messages fill the window and who
// does not acknowledge keeps no other from its own, nor a pull.
func TestSelectiveConsumersDoNotStarve(t *testing.T) {
	_, _, c, p := deep(t, 10_000)
	c.consumer(1, orders, 5, selecting("g"))
	require.Equal(t, count(1, 5), sequencesOf(c.take(t, 5)))
	rare := c.consumer(2, orders, 0, selecting("r"))
	for i := range int64(10) {
		require.NoError(t, c.Pull(&message.Pull{Consumer: rare, TimeoutMS: -1}))
		require.Equal(t, (i+1)*1000, c.take(t, 1)[0].Message.ID.ProducerSequence)
	}
	require.NoError(t, c.Pull(&message.Pull{Consumer: rare, TimeoutMS: -1}))
	require.Nil(t, c.take(t, 1)[0].Message, "there is no more")
	c.sendN(p, orders, 1, ofType("r"))
	require.NoError(t, c.Pull(&message.Pull{Consumer: rare, TimeoutMS: 0}))
	require.EqualValues(t, 10_001, c.take(t, 1)[0].Message.ID.ProducerSequence)
}

// TestPassedIsExpiredAndPurged: what no consumer wants does not stay for ever.
func TestPassedIsPurged(t *testing.T) {
	f, _, c, _ := deep(t, 10_000)
	c.consumer(1, orders, 1000, selecting("r"))
	c.take(t, 10)
	n, err := f.Purge(t.Context(), orders)
	require.NoError(t, err)
	require.Equal(t, 9990, n)
	require.EqualValues(t, 10, f.stats(orders).Size)
}

// TestPassedAgainstModel: runs are a set.
func TestPassedAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var p passed
		model := map[store.Seq]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"page": func(rt *rapid.T) {
				after := store.Seq(rapid.IntRange(0, 40).Draw(rt, "after"))
				var c passing
				last := after
				for range rapid.IntRange(1, 8).Draw(rt, "n") {
					last++
					if delete(model, last); rapid.Bool().Draw(rt, "passed") {
						model[last] = true
						c.pass(last)
					} else {
						c.skip()
					}
				}
				p.replace(after, last, c.runs, c.joins)
			},
			"add": func(rt *rapid.T) {
				seq := store.Seq(rapid.IntRange(1, 50).Draw(rt, "seq"))
				p.add(seq)
				model[seq] = true
			},
			"drop": func(rt *rapid.T) {
				seq := store.Seq(rapid.IntRange(1, 50).Draw(rt, "seq"))
				p.drop(seq)
				delete(model, seq)
			},
			"": func(rt *rapid.T) {
				for seq := range store.Seq(60) {
					require.Equal(rt, model[seq], p.has(seq), "%d in %v", seq, p)
					first, ok := p.beyond(seq)
					want := store.Seq(0)
					for s := seq + 1; s < 60 && want == 0; s++ {
						if model[s] {
							want = s
						}
					}
					require.Equal(rt, want != 0, ok)
					require.Equal(rt, want, first)
				}
				for i := 1; i < len(p); i++ {
					require.Less(rt, p[i-1].last, p[i].first)
				}
			},
		})
	})
}

func (d *disk) PagePriority(dst []store.Entry, dest message.Destination, key string, priority uint8, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	entries, err := d.Store.PagePriority(dst, dest, key, priority, after, limit, maxBytes)
	return d.flag(entries, dest), err
}

// TestPassedIsNotOfAGroup: what the one who has a group does not want waits
// for others until that one is gone, also on a deep queue.
func TestPassedIsNotOfAGroup(t *testing.T) {
	f := start(t, small, func(o *Options) { o.ParseSelector = parseColours })
	c := f.connect()
	p := c.producer(1, orders)
	owner := c.consumer(1, orders, 10, selecting("a"))
	grouped := func(m *message.Message) { m.GroupID = "g" }
	c.sendN(p, orders, 1, ofType("a"), grouped)
	first := c.take(t, 1)
	require.Equal(t, owner, first[0].Consumer)
	c.consumer(2, orders, 100, selecting("b"))
	c.sendN(p, orders, 3, ofType("b"), grouped)
	c.sendN(p, orders, 200, ofType("x"))
	c.sendN(p, orders, 1, ofType("b"))
	require.EqualValues(t, 205, c.take(t, 1)[0].Message.ID.ProducerSequence)
	require.NoError(t, c.ack(ackOf(message.StandardAck, first...)))
	require.NoError(t, c.RemoveConsumer(owner, message.LastDeliveredUnset))
	require.Equal(t, count(2, 3), sequencesOf(c.take(t, 3)))
}
