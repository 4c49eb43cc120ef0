package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// bench is one run of the command.
type bench struct {
	opts      *options
	binary    string // of conclave
	dir       string // for the brokers' directories
	results   *results
	gens      map[string]generator
	say       func(format string, args ...any)
	server    *postgres.Server // nil until a row asks for it
	databases int              // made so far
}

// cell is one measurement: a row in a column, in one round.
type cell struct {
	column    column
	generator generator
	dir       string
	jdbc      *harness.JDBC // nil: a directory
}

// batch is how a backlog is sent: a transaction makes each record of a journal
// longer, but saves a database a commit a message.
func (c cell) batch() int {
	if c.jdbc == nil {
		return 0
	}
	return 100
}

// all measures round by round, in each every row, for each row every generator
// and for each of these every column, so that what is compared is measured
// within the same minute. Every other round goes through the columns backwards:
// who comes first finds the disk busy with what the row before has left.
func (b *bench) all(ctx context.Context, chosen []row) error {
	for round := 1; round <= b.opts.rounds; round++ {
		disk, err := measureDisk(b.dir, b.opts.disk)
		if err != nil {
			return err
		}
		b.results.Disk = append(b.results.Disk, disk)
		b.say("round %d: disk: append 4 KiB %.0f/s, preallocated 1 KiB %.0f/s", round, disk.Append, disk.Preallocated)
		for _, r := range chosen {
			names := b.opts.generators
			if !r.Loaded {
				names = []string{"go"}
			}
			for _, name := range names {
				columns := slices.Clone(b.opts.columns)
				if round%2 == 0 {
					slices.Reverse(columns)
				}
				for _, col := range columns {
					if r.Database && (!col.Concurrent || col.Earlier) {
						continue
					}
					if err := b.one(ctx, round, r, name, col); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// one measures one cell. That a broker fails is a result; only the end of ctx
// ends the run.
func (b *bench) one(ctx context.Context, round int, r row, generator string, col column) error {
	dir, err := os.MkdirTemp(b.dir, r.Key+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := cell{column: col, generator: b.gens[generator], dir: dir}
	if r.Database {
		if c.jdbc, err = b.database(); err != nil {
			return err
		}
		defer b.drop(c.jdbc)
	}
	limited, cancel := context.WithTimeout(ctx, b.opts.patience)
	values, err := r.measure(limited, b, c)
	cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		b.say("round %d: %-18s %-4s %-18s FAILED: %v", round, r.Key, generator, col.title(), err)
		b.results.fail(r.Key, generator, col, err)
		return nil
	}
	for i, f := range r.Figures {
		if f.Key == work.Key && generator != "go" {
			continue
		}
		b.results.add(r.Key, f.Key, generator, col, values[i])
		b.say("round %d: %-18s %-4s %-18s %10s %s", round, r.Key, generator, col.title(), number(values[i]), f.Unit)
	}
	return nil
}

// configure makes a broker that is not started.
func (b *bench) configure(c cell) (*harness.Broker, error) {
	binary := b.binary
	if c.column.Earlier {
		binary = b.opts.against
	}
	return c.column.broker(binary, c.dir, c.jdbc)
}

// start makes a broker and waits until it serves.
func (b *bench) start(c cell) (*harness.Broker, error) {
	broker, err := b.configure(c)
	if err != nil {
		return nil, err
	}
	if err := broker.StartServing(time.Minute); err != nil {
		_ = broker.Kill()
		return nil, err
	}
	return broker, nil
}

// drive runs one scenario against a fresh broker.
func (b *bench) drive(ctx context.Context, c cell, s scenario) (outcome, error) {
	broker, err := b.start(c)
	if err != nil {
		return outcome{}, err
	}
	defer broker.Kill()
	s = b.complete(s)
	s.URL = broker.URL()
	var cpu time.Duration
	s.Measuring = func() func() {
		work := worked(broker)
		return func() { cpu = work() }
	}
	o, err := c.generator.run(ctx, s)
	o.CPU = cpu
	if err != nil {
		err = fmt.Errorf("%w; log: %s", err, tail(broker.Log(), 1000))
	}
	return o, err
}

// complete fills in what all scenarios share.
func (b *bench) complete(s scenario) scenario {
	s.Size = kiB
	s.Warmup, s.Duration = b.opts.warmup, b.opts.duration
	if s.Destination == "" {
		s.Destination = "queue://BENCH"
	}
	return s
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// scratch makes the directory below which the brokers live.
func scratch(parent string) (string, error) {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}
