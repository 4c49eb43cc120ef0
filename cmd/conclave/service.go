package main

import (
	"context"
	"time"

	"github.com/conclavemq/conclave/journal"
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
	for _, a := range m.advertisers {
		a.Silence()
	}
	m.network.Silence()
	for _, l := range m.listeners {
		l.Silence()
	}
}

// Stop implements node.Service: ports, then what clients are about to finish,
// then what was appended, then the files.
func (m *master) Stop(ctx context.Context) error {
	m.log.Info("Conclave is shutting down", "broker", m.name, "id", string(m.id))
	m.snapshot(ctx)
	m.drain(ctx, stopDrain)
	err := m.closeBelow(ctx)
	m.log.Info("Conclave is shutdown", "broker", m.name, "id", string(m.id), "uptime", time.Since(m.began).Round(time.Millisecond))
	return err
}

// snapshotTime bounds the snapshot of a clean stop.
const snapshotTime = 2 * time.Second

// snapshot writes a snapshot of the index for the next cold start, while
// clients are still served: what comes after it is little.
func (m *master) snapshot(ctx context.Context) {
	j, ok := m.store.(*journal.Journal)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	if err := j.Snapshot(ctx); err != nil {
		m.log.Info("no snapshot of the index is written; the one before is kept", "reason", err)
	}
}

func epochOf(lease store.Lease) uint64 {
	if lease == nil {
		return 0
	}
	return lease.Epoch()
}
