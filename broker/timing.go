package broker

import "sync/atomic"

// timing measures how large messages are and how long they wait, where the
// statistics plugin asks for it. (ActiveMQ: DestinationStatistics)
type timing struct {
	arrivals, bytes atomic.Int64
	leaves, waited  atomic.Int64 // waited is in ms
	shortest        atomic.Int64 // ms plus 1; 0 none yet
	longest         atomic.Int64 // ms
}

func (t *timing) arrive(size int64) {
	t.arrivals.Add(1)
	t.bytes.Add(size)
}

// leave counts a delivery after ms of waiting.
func (t *timing) leave(ms int64) {
	ms = max(ms, 0)
	t.leaves.Add(1)
	t.waited.Add(ms)
	for old := t.longest.Load(); ms > old && !t.longest.CompareAndSwap(old, ms); {
		old = t.longest.Load()
	}
	for old := t.shortest.Load(); (old == 0 || ms+1 < old) && !t.shortest.CompareAndSwap(old, ms+1); {
		old = t.shortest.Load()
	}
}

// times are sums that can be added up.
type times struct {
	arrivals, bytes, leaves, waited, shortest, longest int64

	cached int64 // messages of a queue that wait in memory
}

func (t *timing) load() times {
	if t == nil {
		return times{}
	}
	return times{
		arrivals: t.arrivals.Load(), bytes: t.bytes.Load(), leaves: t.leaves.Load(),
		waited: t.waited.Load(), shortest: t.shortest.Load(), longest: t.longest.Load(),
	}
}

// measure returns what was measured at t.
func measure(t target) times {
	m := t.base().timing.load()
	if q, ok := t.(*queue); ok {
		q.mu.Lock()
		m.cached = int64(q.window.n)
		q.mu.Unlock()
	}
	return m
}

func (t *times) add(o times) {
	t.arrivals += o.arrivals
	t.bytes += o.bytes
	t.leaves += o.leaves
	t.waited += o.waited
	t.cached += o.cached
	t.longest = max(t.longest, o.longest)
	if t.shortest == 0 || o.shortest > 0 && o.shortest < t.shortest {
		t.shortest = o.shortest
	}
}

// averageSize is in bytes.
func (t *times) averageSize() int64 {
	if t.arrivals == 0 {
		return 0
	}
	return t.bytes / t.arrivals
}

// waits are the average, longest and shortest, in ms.
func (t *times) waits() (average, longest, shortest float64) {
	if t.leaves == 0 {
		return 0, 0, 0
	}
	return float64(t.waited) / float64(t.leaves), float64(t.longest), float64(max(0, t.shortest-1))
}
