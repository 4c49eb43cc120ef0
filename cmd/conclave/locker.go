package main

import (
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/transport"
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

// clientURIs are where this broker will listen, as far as that is known
// before the ports are open.
func clientURIs(connectors []config.TransportConnector) []string {
	var uris []string
	for _, c := range connectors {
		u, err := transport.ParseURI(c.URI)
		if err != nil || !c.AutoStart || u.Port == 0 {
			continue
		}
		host := u.Host
		if host == "" || host == "0.0.0.0" || host == "::" {
			if name, err := os.Hostname(); err == nil {
				host = name
			}
		}
		uris = append(uris, u.Scheme+"://"+net.JoinHostPort(host, strconv.Itoa(u.Port)))
	}
	return uris
}
