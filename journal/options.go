package journal

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/store"
)

// DiskSync says when written data is forced to stable storage. (ActiveMQ:
// journalDiskSyncStrategy)
type DiskSync uint8

// The strategies.
const (
	Always   DiskSync = iota // before the Done of every unit that asks for it
	Periodic                 // every DiskSyncInterval
	Never                    // when the operating system pleases
)

// Bounds and defaults of Options.
const (
	DefaultMaxFileLength     = 32 << 20
	DefaultMaxWriteBatchSize = 4 << 20
	DefaultMaxPending        = 64 << 20
	minFileLength            = 16 << 10
	maxFileLength            = 1 << 30
	minWriteBatchSize        = 4 << 10
	maxRecord                = 1 << 29 // bytes of one unit's records
)

// Options configure a Journal. The zero value of a field is its default.
type Options struct {
	// Directory holds the files; it is made if it is not there.
	Directory string
	// Lease says whether this process owns the directory; nil is always.
	Lease store.Lease
	// MaxFileLength is where a file ends, in bytes; one unit may exceed it.
	// 32 MiB. (journalMaxFileLength)
	MaxFileLength int64
	// MaxWriteBatchSize bounds the bytes of one write, if no single unit is
	// larger. 4 MiB. (journalMaxWriteBatchSize)
	MaxWriteBatchSize int
	// DiskSync is Always by default. (journalDiskSyncStrategy)
	DiskSync DiskSync
	// DiskSyncInterval is used by Periodic. 1 s. (journalDiskSyncInterval)
	DiskSyncInterval time.Duration
	// CleanupInterval is how often unused files are deleted, 30 s; negative
	// is never. (cleanupInterval)
	CleanupInterval time.Duration
	// NoCompaction leaves files as they are until nothing needs them.
	// (enableAckCompaction=false)
	NoCompaction bool
	// CompactAfter is how many cleanups in a row have to leave too much for
	// files to be rewritten. 1. (compactAcksAfterNoGC)
	CompactAfter int
	// CompactRate is how many bytes a second rewriting reads, 32 MiB, or four
	// times as many as it writes; negative is as many as it can. (compactAcksIgnoresStoreGrowth=true)
	CompactRate int64
	// NoChecksum leaves the checksum out of what is written.
	// (checksumJournalFiles=false)
	NoChecksum bool
	// NoPreallocation lets files grow as they are written.
	// (preallocationScope=NONE)
	NoPreallocation bool
	// MaxPending is how many bytes may wait unwritten before Admit holds
	// producers back. 64 MiB.
	MaxPending int64
	// SnapshotEvery is how many bytes are written to the journal, at least,
	// between two snapshots of the index that are written in the background.
	// 128 MiB; negative is never.
	SnapshotEvery int64
	snapshotPoll  time.Duration
	// FailIfNoSpace has Admit return store.ErrNoSpace where it would wait for
	// space.
	FailIfNoSpace bool
	// Follower has read the directory while another process was its master:
	// Open goes on where it stopped, unless that is doubtful. It may be nil.
	Follower *Follower
	// FS is the operating system's by default.
	FS vfs.FS
	// Log is slog.Default by default.
	Log *slog.Logger
	// OnFatal is called once, from a goroutine of the journal, when the
	// journal has failed for good; it may be nil.
	OnFatal func(error)
}

func (o *Options) complete() error {
	if o.Directory == "" {
		return fmt.Errorf("journal: %w: no directory", errOptions)
	}
	setDefault(&o.MaxFileLength, DefaultMaxFileLength)
	setDefault(&o.MaxWriteBatchSize, DefaultMaxWriteBatchSize)
	setDefault(&o.DiskSyncInterval, time.Second)
	setDefault(&o.CleanupInterval, 30*time.Second)
	setDefault(&o.MaxPending, DefaultMaxPending)
	o.CompactAfter = max(o.CompactAfter, 1)
	setDefault(&o.CompactRate, DefaultCompactRate)
	setDefault(&o.SnapshotEvery, DefaultSnapshotEvery)
	setDefault(&o.snapshotPoll, snapshotPoll)
	if o.MaxFileLength < minFileLength || o.MaxFileLength > maxFileLength {
		return fmt.Errorf("journal: %w: file length %d is not within %d and %d", errOptions, o.MaxFileLength, minFileLength, maxFileLength)
	}
	if o.MaxWriteBatchSize < minWriteBatchSize || o.MaxWriteBatchSize > maxRecord {
		return fmt.Errorf("journal: %w: write batch size %d is not within %d and %d", errOptions, o.MaxWriteBatchSize, minWriteBatchSize, maxRecord)
	}
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
