package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/conclavemq/conclave/store"
)

// URIs implements node.Service.
func (m *master) URIs() []string {
	uris := make([]string, len(m.listeners))
	for i, l := range m.listeners {
		uris[i] = l.PublishedURI()
	}
	return uris
}

// Failed implements node.Service.
func (m *master) Failed() <-chan struct{} { return m.store.Failed() }

// Silence implements node.Service.
func (m *master) Silence() {
	for _, l := range m.listeners {
		l.Silence()
	}
}

// Stop implements node.Service: ports, then connections, then what was
// appended, then the files.
func (m *master) Stop(ctx context.Context) error {
	m.log.Info("Conclave is shutting down", "broker", m.name, "id", string(m.id))
	var stopping sync.WaitGroup
	for _, l := range m.listeners {
		stopping.Go(func() { l.Stop(ctx) })
	}
	stopping.Wait()
	var errs []error
	if err := m.broker.Close(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stop broker: %w", err))
	}
	if err := m.store.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close store: %w", err))
	}
	m.log.Info("Conclave is shutdown", "broker", m.name, "id", string(m.id), "uptime", time.Since(m.began).Round(time.Millisecond))
	return errors.Join(errs...)
}

func epochOf(lease store.Lease) uint64 {
	if lease == nil {
		return 0
	}
	return lease.Epoch()
}
