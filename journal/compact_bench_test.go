package journal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// BenchmarkCompact rewrites files of the default length of which a tenth is
// live, as fast as it goes.
func BenchmarkCompact(b *testing.B) {
	j := mustOpen(b, Options{Directory: b.TempDir(), Log: quiet, CleanupInterval: -1, CompactRate: -1, DiskSync: Never})
	defer j.Close()
	var ops []store.Op
	for i := int64(1); j.writer.current.number < 5; i++ {
		u := store.Single(addition(i), false, nil)
		require.NoError(b, await(j, u))
		ops = append(ops, u.Ops[0])
	}
	for i, op := range ops {
		if i%10 != 0 {
			require.NoError(b, await(j, store.Single(taking(op), false, nil)))
		}
	}
	b.ResetTimer()
	began := time.Now()
	require.NoError(b, j.Compact())
	took := time.Since(began)
	c := j.Compaction()
	b.ReportMetric(float64(c.Read)/1e6/took.Seconds(), "readMB/s")
	b.ReportMetric(float64(took.Milliseconds())/float64(max(c.Files, 1)), "ms/file")
	b.ReportMetric(float64(c.Written)/float64(max(c.Read, 1)), "written/read")
	b.ReportMetric(float64(c.Files), "files")
}

// BenchmarkAppendWhileCompacting is BenchmarkAppend with 32 producers, without
// and with files being rewritten all the time at the default rate.
func BenchmarkAppendWhileCompacting(b *testing.B) {
	for _, rate := range []int64{0, DefaultCompactRate, -1} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			j := mustOpen(b, Options{Directory: b.TempDir(), Log: quiet, CleanupInterval: -1, CompactRate: rate})
			defer j.Close()
			for i := int64(1); j.writer.current.number < 3; i++ {
				require.NoError(b, await(j, store.Single(addition(i), false, nil)))
			}
			var stop atomic.Bool
			var running sync.WaitGroup
			if rate != 0 {
				running.Go(func() { rewriteAgain(j, &stop) })
			}
			queue := message.NewQueue("BENCH")
			b.ResetTimer()
			var next atomic.Int64
			var producers sync.WaitGroup
			for p := range 32 {
				producers.Go(func() {
					for next.Add(1) <= int64(b.N) {
						m := kilobyte(queue, int64(p+10), next.Load())
						if err := await(j, store.Single(store.Op{Action: store.Add, Destination: queue, Message: m}, true, nil)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			producers.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			stop.Store(true)
			running.Wait()
			b.ReportMetric(float64(j.Compaction().Read)/1e6/b.Elapsed().Seconds(), "compactedMB/s")
		})
	}
}

// rewriteAgain rewrites the first file, which is needed whole, until it is
// told to stop: the copying is done, and nothing is gained.
func rewriteAgain(j *Journal, stop *atomic.Bool) {
	for !stop.Load() {
		j.compactor.mu.Lock()
		_ = j.compactFile(1, 0)
		j.compactor.mu.Unlock()
	}
}
