package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
	"github.com/conclavemq/conclave/message"
)

// goGenerator runs package client/load in this process, each producer and
// consumer on a connection of its own.
type goGenerator struct{}

// maxAhead is how far producers may run ahead of consumers: end to end is
// measured as what a broker passes on, not as how it fares while it fills up.
const maxAhead = 10_000

// team is a running group of producers or consumers.
type team struct {
	meter *load.Meter
	done  chan error
}

func (goGenerator) run(ctx context.Context, s scenario) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	consumers, err := startConsumers(ctx, s)
	if err != nil {
		return outcome{}, err
	}
	if s.Drain > 0 {
		o, err := drain(ctx, s, consumers)
		cancel()
		return o, errors.Join(err, consumers.wait())
	}
	producers := startProducers(ctx, s, consumers)
	counted := producers
	if s.Consumers > 0 {
		counted = consumers
	}
	o, err := observe(ctx, s, counted, producers)
	cancel()
	if err := errors.Join(err, producers.wait(), consumers.wait()); err != nil {
		return outcome{}, err
	}
	all := counted.meter.Latencies()
	o.P50, o.P99 = all.Quantile(0.50), all.Quantile(0.99)
	return o, nil
}

// observe counts what a team does after the warm-up.
func observe(ctx context.Context, s scenario, counted, producers *team) (outcome, error) {
	if err := producers.sleep(ctx, s.Warmup); err != nil {
		return outcome{}, err
	}
	if s.Measuring != nil {
		defer s.Measuring()()
	}
	counted.meter.Record(true)
	from, start := counted.meter.Total(), time.Now()
	err := producers.sleep(ctx, s.Duration)
	n, took := counted.meter.Total()-from, time.Since(start)
	counted.meter.Record(false)
	return outcome{Messages: n, Rate: float64(n) / took.Seconds()}, err
}

// drain times the consumption of the middle of what is there: not the first
// tenth, while consumers begin, and not the last twentieth, when some have
// nothing left.
func drain(ctx context.Context, s scenario, consumers *team) (outcome, error) {
	from, to := s.Drain/10, s.Drain-s.Drain/20
	var begun time.Time
	var first int64
	for {
		n := consumers.meter.Total()
		if begun.IsZero() && n >= from {
			begun, first = time.Now(), n
		}
		if n >= to {
			took := time.Since(begun)
			return outcome{Messages: n - first, Rate: float64(n-first) / took.Seconds()}, nil
		}
		if err := consumers.sleep(ctx, time.Millisecond); err != nil {
			return outcome{}, fmt.Errorf("after %d of %d messages: %w", n, s.Drain, err)
		}
	}
}

func startProducers(ctx context.Context, s scenario, consumers *team) *team {
	p := load.Producers{
		Target:      load.Target{URL: s.URL, Separate: true, Parallel: s.Producers},
		Destination: message.ParseDestination(s.Destination, message.Queue),
		Options:     client.ProducerOptions{NonPersistent: !s.Persistent},
		Batch:       s.Batch,
		NoAnswer:    s.NoAnswer,
		Message:     load.Stamped(s.Producers, s.Size),
	}
	t := &team{meter: load.NewMeter(s.Producers), done: make(chan error, 1)}
	if s.Consumers > 0 {
		p.Pace = load.Ahead(t.meter, consumers.meter, s.copies(), maxAhead)
	}
	go func() { t.done <- p.Run(ctx, t.meter) }()
	return t
}

// startConsumers returns when all are open.
func startConsumers(ctx context.Context, s scenario) (*team, error) {
	if s.Consumers == 0 {
		t := &team{meter: load.NewMeter(0), done: make(chan error, 1)}
		t.done <- nil
		return t, nil
	}
	mode := client.AutoAcknowledge
	if s.ConsumerBatch > 0 {
		mode = client.Transacted
	}
	open := make(chan struct{})
	c := load.Consumers{
		Target:      load.Target{URL: s.URL, Separate: true, Parallel: s.Consumers},
		Destination: message.ParseDestination(s.Destination, message.Queue),
		Mode:        mode,
		Batch:       s.ConsumerBatch,
		Stamped:     s.Drain == 0,
		Ready:       func() { close(open) },
	}
	t := &team{meter: load.NewMeter(s.Consumers), done: make(chan error, 1)}
	go func() { t.done <- c.Run(ctx, t.meter) }()
	select {
	case <-open:
		return t, nil
	case err := <-t.done:
		return nil, fmt.Errorf("consumers: %w", err)
	}
}

// errEnded reports a team that ended before it was told to.
var errEnded = errors.New("the load ended early")

// sleep waits while the team works.
func (t *team) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case err := <-t.done:
		t.done <- err
		return errors.Join(errEnded, err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *team) wait() error { return <-t.done }

// preload puts n persistent messages of size bytes into a queue, in
// transactions of batch messages if that is not 0.
func preload(ctx context.Context, url, destination string, n int64, size, batch int) error {
	const parallel = 4
	p := load.Producers{
		Target:      load.Target{URL: url, Separate: true, Parallel: parallel},
		Destination: message.ParseDestination(destination, message.Queue),
		Count:       n / parallel,
		NoAnswer:    batch == 0,
		Batch:       batch,
		Message:     load.Stamped(parallel, size),
	}
	m := load.NewMeter(parallel)
	if err := p.Run(ctx, m); err != nil {
		return fmt.Errorf("preload: %w", err)
	}
	return ctx.Err()
}
