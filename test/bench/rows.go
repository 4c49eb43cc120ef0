package main

import (
	"context"
	"fmt"
	"slices"
)

// figure is one number that a row measures.
type figure struct {
	Key    string // in result files; unique within the row
	Title  string
	Unit   string
	Lower  bool // less is better
	Target func(generator string) target
}

// target is what Conclave's figure is to reach; the zero target asks nothing.
type target struct {
	Ratio    float64 // to the better of ActiveMQ's columns
	Limit    float64 // of the figure itself, in its unit
	OfAppend float64 // share of the disk's preallocated append rate
}

func (t target) String() string {
	switch {
	case t.Ratio > 0:
		return fmt.Sprintf("≥ %g×", t.Ratio)
	case t.Limit > 0:
		return fmt.Sprintf("≤ %g", t.Limit)
	case t.OfAppend > 0:
		return fmt.Sprintf("≥ %g %% of append", 100*t.OfAppend)
	}
	return ""
}

// row is one line of the table: one measurement of one or more figures.
type row struct {
	Key     string
	Figures []figure
	Loaded  bool // measured once for each generator
	// Database: both brokers keep their messages in the run's PostgreSQL, each
	// in a database of its own; concurrentStoreAndDispatchQueues is KahaDB's,
	// so that there is one column of each.
	Database bool
	measure  func(ctx context.Context, b *bench, c cell) ([]float64, error)
}

// ratios asks for one ratio with the Java generator and another with Go's; 0
// asks nothing.
func ratios(java, goes float64) func(string) target {
	return func(generator string) target {
		if generator == "java" {
			return target{Ratio: java}
		}
		return target{Ratio: goes}
	}
}

func limit(n float64) func(string) target {
	return func(string) target { return target{Limit: n} }
}

func none(string) target { return target{} }

const kiB = 1 << 10

// rate is the figure of a row that measures only messages a second.
func rate(title string, t func(string) target) []figure {
	return []figure{{Key: "rate", Title: title, Unit: "msgs/s", Target: t}}
}

// rows are all there are, in the order of the table.
func rows() []row { return slices.Concat(mainRows(), networkRows(), databaseRows()) }

// rowSets are names for several rows.
var rowSets = map[string]func() []row{"all": rows, "main": mainRows, "network": networkRows, "database": databaseRows}

func networkRows() []row { return []row{bridgeRow(), groupsRow()} }

// mainRows are those of one broker on a directory.
func mainRows() []row {
	return []row{
		loadRow("sync-1", rate("persistent, synchronous, 1 producer", func(string) target { return target{OfAppend: 0.6} }),
			scenario{Producers: 1, Persistent: true}),
		loadRow("sync-8", rate("persistent, synchronous, 8 producers", ratios(2, 3)),
			scenario{Producers: 8, Persistent: true}),
		loadRow("sync-32", rate("persistent, synchronous, 32 producers", ratios(2, 3)),
			scenario{Producers: 32, Persistent: true}),
		flushRow(),
		loadRow("async", rate("persistent, asynchronous, 1 producer", ratios(2, 0)),
			scenario{Producers: 1, Persistent: true, NoAnswer: true}),
		loadRow("transacted", rate("persistent, transactions of 100, 8 producers", ratios(2, 0)),
			scenario{Producers: 8, Persistent: true, Batch: 100}),
		loadRow("persistent-8-8", []figure{
			{Key: "rate", Title: "persistent end to end 8→8", Unit: "msgs/s", Target: ratios(2, 0)},
			{Key: "p50", Title: "  … half arrive within", Unit: "ms", Lower: true, Target: none},
			{Key: "p99", Title: "  … 99 % arrive within", Unit: "ms", Lower: true, Target: none},
		}, scenario{Producers: 8, Consumers: 8, Persistent: true}),
		loadRow("nonpersistent-4-4", rate("non-persistent end to end 4→4", ratios(1.3, 3)),
			scenario{Producers: 4, Consumers: 4}),
		loadRow("topic-1-10", rate("topic, non-persistent, 1→10, deliveries", ratios(1.3, 3)),
			scenario{Producers: 1, Consumers: 10, Destination: "topic://BENCH"}),
		drainRow("drain-auto", "drain, 1 consumer, automatic acknowledgement", scenario{Consumers: 1}),
		drainRow("drain-transacted", "drain, 4 consumers, transactions of 100", scenario{Consumers: 4, ConsumerBatch: 100}),
		startRow(),
		backlogRow(),
	}
}

// loadRow drives a fresh broker with one scenario.
func loadRow(key string, figures []figure, s scenario) row {
	return row{Key: key, Figures: figures, Loaded: true, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		o, err := b.drive(ctx, c, s)
		if err != nil {
			return nil, err
		}
		return []float64{o.Rate, o.P50.Seconds() * 1e3, o.P99.Seconds() * 1e3}[:len(figures)], nil
	}}
}

func drainRow(key, title string, s scenario) row {
	return row{Key: key, Figures: rate(title, ratios(2, 0)), Loaded: true,
		measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
			broker, err := b.start(c)
			if err != nil {
				return nil, err
			}
			defer broker.Kill()
			s := b.complete(s)
			s.URL, s.Drain = broker.URL(), b.opts.drain
			if c.jdbc != nil {
				s.Drain = min(s.Drain, databaseDrain)
			}
			if err := preload(ctx, s.URL, s.Destination, s.Drain, s.Size, c.batch()); err != nil {
				return nil, err
			}
			o, err := c.generator.run(ctx, s)
			return []float64{o.Rate}, err
		}}
}
