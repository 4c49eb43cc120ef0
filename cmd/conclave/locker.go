package main

import (
	"log/slog"
	"time"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/lock"
)

// newLocker makes the lock of the store; nil if the store is not shared.
func newLocker(b *config.Broker, log *slog.Logger) (lock.Locker, error) {
	if !b.Persistent {
		return nil, nil
	}
	if j := b.Database(); j != nil {
		return newDatabaseLocker(b, j, log)
	}
	k := kahaDB(b)
	return lock.NewFile(lock.FileOptions{
		Directory:                k.Directory,
		LockAcquireSleepInterval: k.LockAcquireSleepInterval(),
		Successor:                isSuccessor(),
		FailIfLocked:             k.FailIfLocked(),
		KeepAlivePeriod:          keepAlive(k.LockKeepAlivePeriod),
		Floor:                    func() uint64 { return journal.LastEpoch(k.Directory) },
		BrokerName:               b.BrokerName,
		URIs:                     clientURIs(b.TransportConnectors),
		Log:                      log,
	})
}

// kahaDB is the store's configuration, with defaults if it is not given.
func kahaDB(b *config.Broker) *config.KahaDB {
	if k := b.PersistenceAdapter.KahaDB; k != nil {
		return k
	}
	return config.NewKahaDB(b.StoreDirectory())
}

// keepAlive is how often the lock is proven; see config.KahaDB.
func keepAlive(configured time.Duration) time.Duration {
	if configured == 0 {
		return lock.DefaultKeepAlivePeriod
	}
	return min(configured, lock.DefaultKeepAlivePeriod)
}
