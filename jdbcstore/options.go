package jdbcstore

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/conclavemq/conclave/store"
)

// Defaults and bounds of Options.
const (
	DefaultMaxConnections = 8
	DefaultMaxPending     = 64 << 20
	DefaultMaxBatch       = 4 << 20
	DefaultCopyRows       = 1000
	DefaultCleanupPeriod  = 5 * time.Minute
	minConnections        = 2
	maxConnections        = 1000
	maxBatch              = 256 << 20
)

// Options configure a Store. The zero value of a field is its default.
type Options struct {
	// DataSource is where the database is: a URL or keywords and values, with
	// all that libpq knows (TLS, pgpass, service files, several hosts).
	DataSource string
	// Config is used instead of DataSource if it is not nil. Open changes a
	// copy of it.
	Config *pgxpool.Config
	// Lease says whether this process owns the schema; nil is always.
	Lease store.Lease
	// Fence are statements without parameters that every writing transaction
	// begins with. They fail with a division by zero (SQLSTATE 22012) when
	// another process has taken an epoch since; see lock/pglock.Fence.
	Fence []string
	// Tables are the names and types of the tables.
	Tables Tables
	// NoCreateTables has Open refuse a schema that is not complete, where it
	// would make what is missing. (createTablesOnStartup=false)
	NoCreateTables bool
	// MaxConnections bounds the sessions of a Store, from 2. 8.
	MaxConnections int
	// MaxPending is how many bytes of units may wait unwritten before Admit
	// holds producers back. 64 MiB.
	MaxPending int64
	// MaxBatch bounds the bytes of one transaction, if no single unit is
	// larger. 4 MiB.
	MaxBatch int
	// CopyRows is how many messages a batch has to add at once for COPY to
	// bring them in place of arrays; negative is never. 1,000.
	CopyRows int
	// FailIfNoSpace has Admit return store.ErrNoSpace where it would wait for
	// space.
	FailIfNoSpace bool
	// CleanupPeriod is how often what nobody needs any more is deleted, 5
	// min; negative is never. (cleanupPeriod)
	CleanupPeriod time.Duration
	// Log is slog.Default by default.
	Log *slog.Logger
	// OnFatal is called once, from a goroutine of the store, when the store
	// has failed for good; it may be nil.
	OnFatal func(error)
}

// Conditions of a schema or database that a Store cannot work with.
var (
	// ErrSchemaMissing: tables or columns are not there and could not, or
	// should not, be made. Schema has the statements that make them.
	ErrSchemaMissing = errors.New("database schema is not complete")
	// ErrSchemaVersion: a newer Conclave has changed the schema.
	ErrSchemaVersion = errors.New("database schema is of a version that this program does not know")
	// ErrSchemaRights: the role may not do what a broker does.
	ErrSchemaRights = errors.New("the role has too few rights on the database schema")
	// ErrEncoding: the database has an encoding that cannot hold every text.
	ErrEncoding = errors.New("encoding of the database cannot hold every text")
	errOptions  = errors.New("wrong option")
	errText     = errors.New("text that the database cannot hold")
	errServer   = errors.New("database server cannot be used")
	errPooled   = fmt.Errorf("%w: a pooler in front of it gives each transaction another session; connect to the database itself, or to a pool in session mode", errServer)
	errXID      = errors.New("malformed transaction")
)

func (o *Options) complete() error {
	if o.DataSource == "" && o.Config == nil {
		return fmt.Errorf("jdbcstore: %w: no data source", errOptions)
	}
	setDefault(&o.MaxConnections, DefaultMaxConnections)
	setDefault(&o.MaxPending, DefaultMaxPending)
	setDefault(&o.MaxBatch, DefaultMaxBatch)
	setDefault(&o.CopyRows, DefaultCopyRows)
	setDefault(&o.CleanupPeriod, DefaultCleanupPeriod)
	if o.CopyRows < 0 {
		o.CopyRows = math.MaxInt
	}
	if o.MaxConnections < minConnections || o.MaxConnections > maxConnections {
		return fmt.Errorf("jdbcstore: %w: %d connections is not within %d and %d", errOptions, o.MaxConnections, minConnections, maxConnections)
	}
	if o.MaxBatch < 0 || o.MaxBatch > maxBatch {
		return fmt.Errorf("jdbcstore: %w: batch of %d bytes is not within 0 and %d", errOptions, o.MaxBatch, maxBatch)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o.Tables.complete()
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
