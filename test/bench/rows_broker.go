package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/client"
)

// Rows about the broker's process and disk rather than its speed.

// flushRow counts disk flushes a message with 32 synchronous producers, with
// the Go generator alone.
func flushRow() row {
	figures := []figure{{Key: "flushes", Title: "disk flushes a message, 32 producers", Unit: "", Lower: true, Target: limit(0.1)}}
	return row{Key: "flushes-32", Figures: figures, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		broker, err := b.start(c)
		if err != nil {
			return nil, err
		}
		defer broker.Kill()
		var flushes int64
		var failure error
		s := b.complete(scenario{Producers: 32, Persistent: true})
		s.URL, s.Duration = broker.URL(), min(s.Duration, 3*time.Second)
		s.Measuring = func() func() {
			counter, err := countFlushes(broker.Pid())
			if err != nil {
				failure = err
				return func() {}
			}
			time.Sleep(200 * time.Millisecond) // perf attaches; it counts a little less than the messages
			return func() { flushes, failure = counter.stop() }
		}
		o, err := goGenerator{}.run(ctx, s)
		if err == nil {
			err = failure
		}
		if err != nil || o.Messages == 0 {
			return nil, err
		}
		return []float64{float64(flushes) / float64(o.Messages)}, nil
	}}
}

// startRow measures an empty broker.
func startRow() row {
	figures := []figure{
		{Key: "start", Title: "start to first connection", Unit: "ms", Lower: true, Target: limit(200)},
		{Key: "idle", Title: "resident, idle", Unit: "MiB", Lower: true, Target: limit(50)},
	}
	return row{Key: "start", Figures: figures, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		broker, err := b.configure(c)
		if err != nil {
			return nil, err
		}
		defer broker.Kill()
		begun := time.Now()
		if err := broker.Start(); err != nil {
			return nil, err
		}
		conn, err := firstConnection(ctx, broker.URL(), broker.Running)
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, broker.Log())
		}
		took := time.Since(begun)
		if err := conn.Close(ctx); err != nil {
			return nil, err
		}
		time.Sleep(settle) // what start-up left behind is given back, or not
		usage, err := broker.Usage()
		return []float64{took.Seconds() * 1e3, mebibytes(usage.RSS)}, err
	}}
}

const settle = 3 * time.Second

// firstConnection connects as soon as the broker lets it.
func firstConnection(ctx context.Context, url string, alive func() bool) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := client.Dial(ctx, url, client.Options{})
		if err == nil || ctx.Err() != nil || !alive() {
			return conn, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// backlogRow measures a broker that holds many messages.
func backlogRow() row {
	figures := []figure{
		{Key: "loaded", Title: "resident, backlog of 1 KiB messages", Unit: "MiB", Lower: true, Target: limit(400)},
		{Key: "disk", Title: "bytes on disk a message of it", Unit: "B", Lower: true, Target: limit(1450)},
	}
	return row{Key: "backlog", Figures: figures, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		broker, err := b.start(c)
		if err != nil {
			return nil, err
		}
		defer broker.Kill()
		if err := preload(ctx, broker.URL(), "queue://BACKLOG", b.opts.backlog, kiB, c.batch()); err != nil {
			return nil, err
		}
		time.Sleep(settle)
		usage, err := broker.Usage()
		if err != nil {
			return nil, err
		}
		bytes, err := diskUse(broker.Directory())
		return []float64{mebibytes(usage.RSS), float64(bytes) / float64(b.opts.backlog)}, err
	}}
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// diskUse adds the blocks that the files of a directory occupy, in bytes.
func diskUse(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += stat.Blocks * 512
		}
		return nil
	})
	return sum, err
}
