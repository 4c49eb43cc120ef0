package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/jdbcstore"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/lock/pglock"
	"github.com/conclavemq/conclave/store"
)

// databaseLocker is the lock of a store in PostgreSQL.
type databaseLocker interface {
	lock.Locker
	// Fence keeps a deposed master of the last lease from committing.
	Fence() pglock.Fence
	Designate(epoch uint64, node string) (time.Duration, error)
	// TakeTime is how long a slave may take to notice that the lock is free.
	TakeTime() time.Duration
}

// newDatabaseLocker makes the lock that the configuration names.
func newDatabaseLocker(b *config.Broker, j *config.JDBC, log *slog.Logger) (databaseLocker, error) {
	const path = "broker.persistenceAdapter.jdbcPersistenceAdapter"
	messages, err := pglock.ParseSource(j.DataSource)
	if err != nil {
		return nil, fmt.Errorf("%s.dataSource: %w", path, err)
	}
	source, err := pglock.ParseSource(j.LockSource())
	if err != nil {
		return nil, fmt.Errorf("%s.lockDataSource: %w", path, err)
	}
	o := pglock.Options{
		Source:          source,
		Tables:          electionTables(j),
		CreateTables:    j.CreateTablesOnStartup,
		Successor:       isSuccessor(),
		FailIfLocked:    j.FailIfLocked(),
		SleepInterval:   j.Interval(),
		KeepAlivePeriod: keepAlive(j.LockKeepAlivePeriod),
		BrokerName:      b.BrokerName,
		URIs:            clientURIs(b.TransportConnectors),
		Log:             log,
	}
	if j.LockDataSource != "" {
		o.Store = messages
	}
	if l := j.Locker.Lease; l != nil {
		return pglock.NewLeaseRow(pglock.LeaseOptions{Options: o, Duration: l.LockAcquireSleepInterval, HolderID: l.LeaseHolderID})
	}
	return pglock.NewAdvisory(o)
}

func electionTables(j *config.JDBC) pglock.Tables {
	return pglock.Tables{Prefix: j.Statements.TablePrefix, LockTable: j.Statements.LockTableName}
}

// openDatabase opens the store of a lease.
func (b *bootstrap) openDatabase(ctx context.Context, j *config.JDBC, lease store.Lease) (store.Store, error) {
	b.log.Info("Using Persistence Adapter: JDBCPersistenceAdapter(" + databaseName(j) + ")")
	fence := b.database.Fence()
	s := &j.Statements
	return jdbcstore.Open(ctx, jdbcstore.Options{
		DataSource:     j.DataSource,
		Lease:          lease,
		Fence:          []string{fence.Lock(), fence.Check()},
		Tables:         storeTables(s),
		NoCreateTables: !j.CreateTablesOnStartup,
		MaxConnections: j.MaxConnections,
		CleanupPeriod:  cleanupPeriod(j.CleanupPeriod),
		FailIfNoSpace:  b.config.SystemUsage.SendFailIfNoSpace,
		Log:            b.log,
	})
}

func storeTables(s *config.Statements) jdbcstore.Tables {
	return jdbcstore.Tables{
		Prefix: s.TablePrefix, Messages: s.MessageTableName, Acks: s.DurableSubAcksTableName,
		BinaryType: s.BinaryDataType, ContainerType: s.ContainerNameDataType, MessageIDType: s.MsgIDDataType,
		SequenceType: s.SequenceDataType, LongType: s.LongDataType, StringType: s.StringIDDataType,
	}
}

// cleanupPeriod 0 is never, as in ActiveMQ.
func cleanupPeriod(configured time.Duration) time.Duration {
	if configured == 0 {
		return -1
	}
	return configured
}

// databaseName identifies a store in a database, without secrets; "" if it has
// none, or its address cannot be understood.
func databaseName(j *config.JDBC) string {
	if j == nil {
		return ""
	}
	source, err := pglock.ParseSource(j.DataSource)
	if err != nil {
		return ""
	}
	if prefix := j.Statements.TablePrefix; prefix != "" {
		return source.String() + " (tables " + prefix + "*)"
	}
	return source.String()
}

// storeName says where the messages are, for people.
func storeName(b *config.Broker) string {
	if j := b.Database(); j != nil {
		return databaseName(j)
	}
	return b.StoreDirectory()
}

// newWatcher reads who owns the database of a configuration.
func newWatcher(j *config.JDBC) (*pglock.Watcher, error) {
	source, err := pglock.ParseSource(j.LockSource())
	if err != nil {
		return nil, err
	}
	tables := electionTables(j)
	if err := tables.Check(); err != nil {
		return nil, err
	}
	return pglock.NewWatcher(source, tables), nil
}

// electionTime bounds the look at the database for one answer to status.
const electionTime = 700 * time.Millisecond

// electionView lets a process say who owns its database, whatever it is itself:
// the command that asks may not have the password.
func electionView(j *config.JDBC) func(*control.Account) {
	return func(a *control.Account) {
		status, err := readDatabase(j, electionTime)
		if err != nil {
			a.Problem = err.Error()
			return
		}
		a.Lock = &status
	}
}

// databaseNode adds to the options of a node what belongs to a database.
func databaseNode(o *node.Options, locker databaseLocker, w *pglock.Watcher) {
	o.Designate = locker.Designate
	o.TakeTime = locker.TakeTime()
	o.Holder = func() (lock.Status, error) {
		ctx, cancel := context.WithTimeout(context.Background(), storageTime)
		defer cancel()
		return w.Holder(ctx)
	}
}

// readDatabase asks the database of a configuration who owns it.
func readDatabase(j *config.JDBC, limit time.Duration) (lock.Status, error) {
	w, err := newWatcher(j)
	if err != nil {
		return lock.Status{}, err
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	status, err := w.Holder(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w within %v: %w", lock.ErrHung, limit, err)
	}
	return status, err
}

// databaseTime is longer than storageTime: several hosts may be tried.
const databaseTime = 5 * time.Second
