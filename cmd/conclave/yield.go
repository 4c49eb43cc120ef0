package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/conclavemq/conclave/cmd/conclave/node"
)

const (
	// stopDrain bounds each wait for what clients are about to finish. Others
	// are served meanwhile, or have nothing open, so that it may be longer than
	// the gap.
	stopDrain = 300 * time.Millisecond
	// turnTime bounds the wait for a new journal file, which only saves time.
	turnTime  = time.Second
	drainTick = time.Millisecond
	// trickleTime without a change means that applications wait for more.
	trickleTime = 3 * time.Millisecond
)

// Yield implements node.Service. Producers go on while consumers acknowledge
// what they were given; then transactions come to their end; then everything
// stops.
func (m *master) Yield(ctx context.Context, drain time.Duration) (node.Residue, error) {
	if files, ok := m.store.(interface{ Turn(context.Context) }); ok {
		turning, cancel := context.WithTimeout(ctx, turnTime)
		files.Turn(turning) // while everybody is still served
		cancel()
	}
	residue := m.drain(ctx, drain)
	return residue, m.closeBelow(ctx)
}

// Dismiss implements node.Service.
func (m *master) Dismiss() {
	var dismissing sync.WaitGroup
	for _, l := range m.listeners {
		dismissing.Go(l.Dismiss)
	}
	dismissing.Wait()
}

// drain closes the ports and ends all work of clients.
func (m *master) drain(ctx context.Context, limit time.Duration) node.Residue {
	for _, a := range m.advertisers {
		a.Close()
	}
	for _, l := range m.listeners {
		l.StopAccepting()
	}
	m.broker.Pause()
	m.awaitAcknowledgements(ctx, limit)
	m.network.Stop()
	for _, l := range m.listeners {
		l.Unwind()
	}
	m.awaitBatches(ctx, limit)
	residue := node.Residue{Silence: time.Now(), Transactions: m.transactions()}
	single, batches := m.broker.Unacknowledged()
	residue.Unacknowledged = single + batches
	var parking sync.WaitGroup
	for _, l := range m.listeners {
		parking.Go(func() { l.Park(ctx) })
	}
	parking.Wait()
	residue.Answered = time.Now()
	return residue
}

func (m *master) awaitAcknowledgements(ctx context.Context, limit time.Duration) {
	began := time.Now()
	for open := -1; open != 0 && time.Since(began) < limit && ctx.Err() == nil; {
		looked := time.Now()
		if open, _ = m.broker.Unacknowledged(); open > 0 {
			pause(max(drainTick, 4*time.Since(looked))) // with many queues a look takes time
		}
	}
}

// awaitBatches waits until no transaction is open and nothing of a batch is
// unacknowledged.
func (m *master) awaitBatches(ctx context.Context, limit time.Duration) {
	began := time.Now()
	for open, changed := -1, began; open != 0 && time.Since(began) < limit && ctx.Err() == nil; {
		looked := time.Now()
		if now := m.inBatches(); now != open {
			open, changed = now, looked
		} else if time.Since(changed) > trickleTime {
			m.broker.Trickle()
		}
		if open > 0 {
			pause(max(drainTick, 4*time.Since(looked)))
		}
	}
}

// inBatches counts open transactions and what is unacknowledged of batches.
func (m *master) inBatches() int {
	_, batches := m.broker.Unacknowledged()
	return m.transactions() + batches
}

func (m *master) transactions() (n int) {
	for _, l := range m.listeners {
		n += l.Transactions()
	}
	return n
}

func pause(d time.Duration) { <-time.After(d) }

// closeBelow closes what lies below the connections.
func (m *master) closeBelow(ctx context.Context) error {
	m.list()
	var errs []error
	if err := m.broker.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stop broker: %w", err))
	}
	if err := m.store.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close store: %w", err))
	}
	return errors.Join(errs...)
}
