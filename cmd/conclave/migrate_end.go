package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/migrate"
)

// storeEnd is one of the two stores of a migration: its lock and, once it is
// open, what it holds.
type storeEnd struct {
	flag string
	boot *bootstrap
	// source is set for the store that is read: its directory has to be there.
	source bool
	locker lock.Locker
	lease  *lock.Lease
	side   migrate.Side
}

// parseEnd reads kahadb:DIR or postgres:URL. b has what both ends share.
func parseEnd(text, flag string, b *config.Broker, log *slog.Logger) (*storeEnd, error) {
	own := *b
	own.Persistent = true
	own.BrokerName = "migrate"
	own.TransportConnectors = nil
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return nil, fmt.Errorf("%s is missing: write kahadb:DIR or postgres:URL", flag)
	case kind == "kahadb" && rest != "":
		dir, err := filepath.Abs(rest)
		if err != nil {
			return nil, err
		}
		k := config.NewKahaDB(dir)
		k.Locker.SharedFile = &config.SharedFileLocker{LockAcquireSleepInterval: config.DefaultLockAcquireSleepInterval, FailIfLocked: true}
		own.PersistenceAdapter = config.PersistenceAdapter{KahaDB: k}
	case kind == "postgres", kind == "postgresql":
		j := *b.PersistenceAdapter.JDBC
		if j.DataSource = rest; strings.HasPrefix(rest, "//") {
			j.DataSource = text
		}
		j.LockDataSource = ""
		if l := j.Locker.Lease; l != nil {
			lease := *l
			lease.FailIfLocked = true
			j.Locker.Lease = &lease
		} else {
			j.Locker.Database = &config.DatabaseLocker{FailIfLocked: true}
		}
		own.PersistenceAdapter = config.PersistenceAdapter{JDBC: &j}
	default:
		return nil, fmt.Errorf("%s: %q is neither kahadb:DIR nor postgres:URL", flag, kind)
	}
	locker, err := newLocker(&own, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	e := &storeEnd{flag: flag, boot: &bootstrap{config: &own, log: log}, locker: locker, source: flag == "--from"}
	e.boot.database, _ = locker.(databaseLocker)
	return e, nil
}

// name identifies the store, without secrets.
func (e *storeEnd) name() string { return storeName(e.boot.config) }

// acquire takes the lock, or says who has it.
func (e *storeEnd) acquire(ctx context.Context) error {
	if dir := e.boot.config.StoreDirectory(); e.source && dir != "" {
		if _, err := os.Stat(dir); err != nil {
			return &codedError{exitUsage, fmt.Errorf("%s: %w", e.flag, err)}
		}
	}
	lease, err := e.locker.Acquire(ctx)
	if errors.Is(err, lock.ErrHeld) {
		return fmt.Errorf("%s: %s is in use; stop its brokers first, slaves too: %w", e.flag, e.name(), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.flag, err)
	}
	e.lease = lease
	return nil
}

// open opens the store under the lock.
func (e *storeEnd) open(ctx context.Context) error {
	s, err := e.boot.openStore(ctx, e.lease)
	if err != nil {
		return fmt.Errorf("%s: %w", e.flag, err)
	}
	e.side = migrate.Side{Store: s, State: s.Recovered()}
	return nil
}

// reopen is what another process would do, with an epoch of its own.
func (e *storeEnd) reopen(ctx context.Context) error {
	if err := e.close(); err != nil {
		return err
	}
	if err := e.lease.Release(); err != nil {
		return fmt.Errorf("%s: %w", e.flag, err)
	}
	e.lease = nil
	if err := e.acquire(ctx); err != nil {
		return err
	}
	return e.open(ctx)
}

func (e *storeEnd) close() error {
	s := e.side.Store
	if s == nil {
		return nil
	}
	e.side = migrate.Side{}
	if err := s.Close(); err != nil {
		return fmt.Errorf("%s: %w", e.flag, err)
	}
	return nil
}

// release gives the lock back, also when the store could not be closed: the
// process ends.
func (e *storeEnd) release() {
	_ = e.close()
	if e.lease != nil {
		_ = e.lease.Release()
	}
}
