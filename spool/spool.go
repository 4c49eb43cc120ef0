package spool

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// Options says where a Spool is and how large it may become.
type Options struct {
	// Directory is made when it is first needed. It should be local.
	Directory string
	Log       *slog.Logger // nil: slog.Default()
}

// Spool is the file and who has which of its blocks.
type Spool struct {
	file   file
	codecs sync.Pool // of *openwire.Store

	limit   atomic.Int64 // bytes, 0 none
	blocks  atomic.Int64 // that belong to lists
	buffers atomic.Int64 // lists that write by the block, at most maxBuffers
	stuck   atomic.Int64 // when the last write failed, ns since 1970; 0: it did not
}

// blockSize is the unit in which lists get space, and the most that one writes
// at once. It is what a list costs on disk as soon as it writes.
const blockSize = 64 << 10

// maxBuffers is how many lists may keep a block's worth of records in memory
// before they write; others write each record at once.
const maxBuffers = 256

// New returns a spool that has no file yet.
func New(o Options) *Spool {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Spool{file: file{directory: o.Directory, log: o.Log}}
	s.codecs.New = func() any { return openwire.NewStore(openwire.StoreVersion) }
	return s
}

// SetLimit bounds the bytes on disk; 0 does not.
func (s *Spool) SetLimit(bytes int64) { s.limit.Store(bytes) }

// Limit is that bound.
func (s *Spool) Limit() int64 { return s.limit.Load() }

// Used is the bytes that lists take on disk.
func (s *Spool) Used() int64 { return s.blocks.Load() * blockSize }

// patience is how long after a failed write Full says so without a retry.
const patience = time.Second

// Full reports that nobody should append: the limit is reached, or a write
// has failed lately.
func (s *Spool) Full() bool {
	if at := s.stuck.Load(); at != 0 && time.Since(time.Unix(0, at)) < patience {
		return true
	}
	limit := s.limit.Load()
	return limit > 0 && s.Used() >= limit
}

// NewList begins an empty list.
func (s *Spool) NewList() *List { return &List{s: s} }

// Close gives the file back. Lists are of no use afterwards.
func (s *Spool) Close() error { return s.file.close() }

// failed notes a failed write.
func (s *Spool) failed(err error) {
	now := time.Now()
	if last := s.stuck.Swap(now.UnixNano()); last == 0 {
		s.file.log.Error("cannot write to the temporary store; producers of messages that are not persistent will wait",
			"directory", s.file.directory, "error", err)
	}
}
