package load

import (
	"sync/atomic"
	"time"
)

// Meter counts what a number of workers do.
type Meter struct {
	workers []worker
	timing  atomic.Bool // latencies are recorded
}

// worker is one goroutine's part.
type worker struct {
	count     atomic.Int64
	latencies Histogram // belongs to the worker
	_         [64]byte  // keeps another worker's count off this cache line
}

// NewMeter returns a meter for n workers.
func NewMeter(n int) *Meter { return &Meter{workers: make([]worker, n)} }

// Total is how many messages all workers have counted so far.
func (m *Meter) Total() int64 {
	var sum int64
	for i := range m.workers {
		sum += m.workers[i].count.Load()
	}
	return sum
}

// Count is how many messages one worker has counted so far.
func (m *Meter) Count(worker int) int64 { return m.workers[worker].count.Load() }

// Record starts or stops the recording of latencies. It begins stopped.
func (m *Meter) Record(on bool) { m.timing.Store(on) }

// Latencies merges what all workers have recorded. It is called after they
// have ended.
func (m *Meter) Latencies() *Histogram {
	var all Histogram
	for i := range m.workers {
		all.Merge(&m.workers[i].latencies)
	}
	return &all
}

// recording says whether to time the next message.
func (m *Meter) recording() bool { return m.timing.Load() }

func (m *Meter) add(worker int) { m.workers[worker].count.Add(1) }

func (m *Meter) observe(worker int, d time.Duration) { m.workers[worker].latencies.Add(d) }
