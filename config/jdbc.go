package config

import (
	"strings"
	"time"
)

// JDBC is the <jdbcPersistenceAdapter> element: ActiveMQ's tables in a
// PostgreSQL database. (ActiveMQ: JDBCPersistenceAdapter)
type JDBC struct {
	// DataSource is postgres://user@host:5432/database, or libpq's keywords. It
	// may hold a password, and is never logged.
	DataSource string `config:"dataSource"`
	// LockDataSource is where the lock is, if it is to be reached otherwise. It
	// has to be the same database, which is proven at a start. ActiveMQ takes
	// another too, and then nothing keeps a deposed master from writing.
	LockDataSource        string        `config:"lockDataSource"`
	CreateTablesOnStartup bool          `config:"createTablesOnStartup"`
	CleanupPeriod         time.Duration `config:"cleanupPeriod"`
	// MaxConnections bounds the sessions of the store. The lock has two of its
	// own, and status one for a moment. Not in ActiveMQ.
	MaxConnections int `config:"maxConnections"`
	// LockKeepAlivePeriod is how often the lock is proven: every second at
	// least. ActiveMQ's default is 30 s.
	LockKeepAlivePeriod time.Duration `config:"lockKeepAlivePeriod"`
	// LockAcquireSleepInterval is an old place of the locker's.
	LockAcquireSleepInterval time.Duration `config:"lockAcquireSleepInterval"`
	Locker                   JDBCLocker    `config:"locker"`
	Statements               Statements    `config:"statements"`
}

func (j *JDBC) setDefaults() {
	j.CreateTablesOnStartup = true
	j.CleanupPeriod = 5 * time.Minute
	j.MaxConnections = 8
	j.LockKeepAlivePeriod = 30 * time.Second
}

// NewJDBC returns the defaults for a database.
func NewJDBC(dataSource string) *JDBC {
	j := &JDBC{}
	j.setDefaults()
	j.DataSource = dataSource
	return j
}

// FailIfLocked says not to wait for the lock, or for the database.
func (j *JDBC) FailIfLocked() bool {
	switch l := &j.Locker; {
	case l.Database != nil:
		return l.Database.FailIfLocked
	case l.Lease != nil:
		return l.Lease.FailIfLocked
	}
	return false
}

// Interval is the longest pause of a slave between two attempts to reach the
// database; 0 is the locker's own.
func (j *JDBC) Interval() time.Duration {
	if l := j.Locker.Database; l != nil && l.LockAcquireSleepInterval != 0 {
		return l.LockAcquireSleepInterval
	}
	return j.LockAcquireSleepInterval
}

// LockSource is the address that the lock is reached by.
func (j *JDBC) LockSource() string {
	if j.LockDataSource != "" {
		return j.LockDataSource
	}
	return j.DataSource
}

const (
	reasonSilence   = "a connection whose other end is silent is given up after six seconds"
	reasonStatement = "the statements are this broker's own, on ActiveMQ's tables"
	reasonSequence  = "the last sequence of every producer is kept in the database"
)

func (JDBC) others() others {
	return others{
		"adapter":                      tuned("", "the database is always PostgreSQL"),
		"auditRecoveryDepth":           tuned("1024", reasonSequence),
		"brokerName":                   absent("it belongs to the broker element"),
		"brokerService":                absent(reasonPlugins),
		"changeAutoCommitAllowed":      tuned("true", "there is no driver that would have to be told"),
		"dataDirectory":                tuned("", "everything is kept in the database"),
		"dataDirectoryFile":            tuned("", "everything is kept in the database"),
		"databaseLocker":               absent("it is an old name; write locker"),
		"directory":                    tuned("", "everything is kept in the database"),
		"enableAudit":                  tuned("false", reasonSequence),
		"lockable":                     absent(reasonPlugins),
		"maxAuditDepth":                tuned("1000", reasonSequence),
		"maxProducersToAudit":          tuned("1024", reasonSequence),
		"maxRows":                      tuned("32767", "pages are bounded by what consumers can take"),
		"networkTimeout":               tuned("-1", reasonSilence),
		"queryTimeout":                 tuned("-1", reasonSilence),
		"scheduledThreadPoolExecutor":  absent(reasonThreads),
		"stopOnError":                  tuned("false", "a lock that cannot be proven is always given up"),
		"transactionIsolation":         refused("1", "every transaction is READ COMMITTED, which in PostgreSQL is READ UNCOMMITTED too"),
		"usageManager":                 absent("it is the broker's"),
		"useDatabaseLock":              refused("true", "without the lock a second broker would deliver the same messages"),
		"useExternalMessageReferences": refused("false", "messages are in the table itself, as ActiveMQ keeps them by default"),
		"useLock":                      refused("true", "without the lock a second broker would deliver the same messages"),
		"wireFormat":                   absent("messages are stored in OpenWire version 11, which every ActiveMQ reads"),
	}
}

func (b *binder) checkJDBC(broker *Broker, j *JDBC) {
	const path = "broker.persistenceAdapter.jdbcPersistenceAdapter"
	if broker.PersistenceAdapter.KahaDB != nil {
		b.bad("broker.persistenceAdapter", "has two stores: choose kahaDB or jdbcPersistenceAdapter")
	}
	if u := &broker.SystemUsage.StoreUsage; u.PercentLimit > 0 && u.Total == 0 {
		b.bad("broker.systemUsage.storeUsage.percentLimit", "is a percentage of a disk that cannot be seen, the database's: write total or limit")
	}
	if strings.TrimSpace(j.DataSource) == "" {
		b.bad(path+".dataSource", "is missing: write postgres://user@host:5432/database")
	}
	b.within(path+".maxConnections", int64(j.MaxConnections), 2, 1000)
	b.notNegative(path+".lockKeepAlivePeriod", j.LockKeepAlivePeriod)
	b.notNegative(path+".lockAcquireSleepInterval", j.LockAcquireSleepInterval)
	l := &j.Locker
	if l.Database != nil && l.Lease != nil {
		b.bad(path+".locker", "has two lockers: choose database-locker or lease-database-locker")
	}
	if l.Database != nil {
		b.notNegative(path+".locker.database-locker.lockAcquireSleepInterval", l.Database.LockAcquireSleepInterval)
	}
	if l.Lease != nil {
		b.within(path+".locker.lease-database-locker.lockAcquireSleepInterval",
			l.Lease.LockAcquireSleepInterval.Milliseconds(), minLease, maxLease)
	}
}

// Bounds of a lease, in milliseconds.
const (
	minLease = 1000
	maxLease = 3_600_000
)
