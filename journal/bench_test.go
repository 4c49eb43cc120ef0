package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

func kilobyte(dest message.Destination, producer, sequence int64) *message.Message {
	id := message.MessageID{
		Producer:         message.ProducerID{Connection: "ID:bench.example.org-40000-1600000000000-1:1", Session: 1, Value: producer},
		ProducerSequence: sequence, BrokerSequence: sequence,
	}
	return &message.Message{Body: message.Text, Persistent: true, Priority: 4, ID: id, Producer: id.Producer,
		Destination: dest, Timestamp: 1600000000000, BrokerInTime: 1600000000001, Content: bytes.Repeat([]byte{'x'}, 1024)}
}

// BenchmarkRawAppend is the yardstick: one goroutine appends 1,400 bytes to a
// file that is filled already, and syncs.
func BenchmarkRawAppend(b *testing.B) {
	f, err := vfs.OS{}.Create(filepath.Join(b.TempDir(), "raw"))
	require.NoError(b, err)
	defer f.Close()
	for o := int64(0); o < DefaultMaxFileLength; o += fillChunk {
		_, err = f.WriteAt(zeros[:], o)
		require.NoError(b, err)
	}
	require.NoError(b, f.Sync())
	data := bytes.Repeat([]byte{'x'}, 1400)
	for i := 0; b.Loop(); i++ {
		if _, err := f.WriteAt(data, int64(i)*1400%(DefaultMaxFileLength-1400)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend has n goroutines that each wait for their message to be
// durable before they send the next.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("producers=%d", n), func(b *testing.B) {
			j := mustOpen(b, Options{Directory: b.TempDir(), Log: quiet})
			defer j.Close()
			queue := message.NewQueue("BENCH")
			syncs := j.writer.syncs
			b.ReportAllocs()
			b.ResetTimer()
			var wait sync.WaitGroup
			for p := range n {
				wait.Go(func() {
					done := make(chan error, 1)
					for i := p; i < b.N; i += n {
						m := kilobyte(queue, int64(p), int64(i))
						j.Append(store.Single(store.Op{Action: store.Add, Destination: queue, Message: m}, true, func(err error) { done <- err }))
						if err := <-done; err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.StopTimer()
			b.ReportMetric(float64(j.writer.syncs-syncs)/float64(b.N), "syncs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkAppendAsync is one goroutine that waits for nothing but Admit.
func BenchmarkAppendAsync(b *testing.B) {
	j := mustOpen(b, Options{Directory: b.TempDir(), Log: quiet})
	defer j.Close()
	queue := message.NewQueue("BENCH")
	m := kilobyte(queue, 1, 0)
	b.ReportAllocs()
	var wait sync.WaitGroup
	i := int64(0)
	for b.Loop() {
		if err := j.Admit(b.Context()); err != nil {
			b.Fatal(err)
		}
		c := m.Copy()
		c.ID.ProducerSequence = i
		i++
		wait.Add(1)
		j.Append(store.Single(store.Op{Action: store.Add, Destination: queue, Message: c}, false, func(error) { wait.Done() }))
	}
	wait.Wait()
}

// BenchmarkReplay opens a journal of messages; CONCLAVE_BENCH_MESSAGES says
// how many, 100,000 by default. It prints what the index takes for each.
func BenchmarkReplay(b *testing.B) {
	messages := int64(100_000)
	if s := os.Getenv("CONCLAVE_BENCH_MESSAGES"); s != "" {
		_, err := fmt.Sscan(s, &messages)
		require.NoError(b, err)
	}
	dir := b.TempDir()
	backlog(b, dir, messages)
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		before := heap()
		b.StartTimer()
		j := mustOpen(b, Options{Directory: dir, Log: quiet})
		b.StopTimer()
		require.Equal(b, messages, j.Recovered().Destinations[0].Messages)
		b.ReportMetric(float64(int64(heap()-before))/float64(messages), "heap-bytes/msg")
		b.ReportMetric(float64(j.Size())/float64(messages), "disk-bytes/msg")
		require.NoError(b, j.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(messages)*float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// backlog leaves a journal of messages on one queue.
func backlog(b *testing.B, dir string, messages int64) {
	j := mustOpen(b, Options{Directory: dir, Log: quiet, DiskSync: Never})
	queue := message.NewQueue("BENCH")
	for i := range messages {
		require.NoError(b, j.Admit(b.Context()))
		j.Append(store.Single(store.Op{Action: store.Add, Destination: queue, Message: kilobyte(queue, i%8, i)}, false, nil))
	}
	require.NoError(b, j.Close())
}

// BenchmarkPage reads a backlog from front to back, 200 messages at a time.
func BenchmarkPage(b *testing.B) {
	dir := b.TempDir()
	backlog(b, dir, 50_000)
	j := mustOpen(b, Options{Directory: dir, Log: quiet})
	defer j.Close()
	queue := message.NewQueue("BENCH")
	var page []store.Entry
	after := store.Seq(0)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if page, err = j.Page(page[:0], queue, after, 200, 1<<30); err != nil {
			b.Fatal(err)
		}
		n += len(page)
		after = 0
		if len(page) == 200 {
			after = page[199].Seq
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msgs/s")
}
