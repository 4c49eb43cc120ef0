package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/lock/storage"
	"github.com/conclavemq/conclave/store"
)

// errUnsafe reports storage that a start refuses.
var errUnsafe = errors.New("storage is unsafe")

// suitability judges the storage of a store at a start, in two parts: before
// the lock is asked for only by reading, for a slave changes nothing; and when
// it is held, by trying it a second time. check-storage tries the rest.
type suitability struct {
	directory  string
	fileLength int64
	allowed    map[string]bool // checks whose findings do not end the start
	log        *slog.Logger
}

// newSuitability is nil for a store that is not on disk.
func newSuitability(b *config.Broker, log *slog.Logger) (*suitability, error) {
	if !b.Persistent || b.Database() != nil {
		return nil, nil
	}
	allowed, err := storage.ParseNames(b.AllowUnsafeStorage)
	if err != nil {
		return nil, fmt.Errorf("broker.allowUnsafeStorage: %w", err)
	}
	k := kahaDB(b)
	return &suitability{k.Directory, k.JournalMaxFileLength, allowed, log}, nil
}

// hangWarning is when the log says that the storage does not answer.
const hangWarning = 3 * time.Second

// inspect reads. Storage that does not answer is waited for, as the lock would
// be; the log says so. It returns nil when ctx ends.
func (s *suitability) inspect(ctx context.Context) error {
	if s == nil {
		return nil
	}
	began := time.Now()
	done := make(chan []storage.Result, 1)
	go func() { done <- storage.Inspect(s.directory, s.fileLength) }()
	warning := time.NewTimer(hangWarning)
	defer warning.Stop()
	for {
		select {
		case results := <-done:
			s.log.Debug("storage is inspected", "took", time.Since(began))
			return s.judge(results)
		case <-warning.C:
			s.log.Warn("the storage does not answer; waiting for it", "directory", s.directory)
		case <-ctx.Done():
			return nil
		}
	}
}

// judge logs what was found and refuses what is unsafe and not allowed.
func (s *suitability) judge(results []storage.Result) error {
	var refused []error
	for _, r := range results {
		attributes := []any{"check", r.Check, "reason", r.Reason}
		if r.Remedy != "" {
			attributes = append(attributes, "remedy", r.Remedy)
		}
		switch {
		case r.Verdict == storage.Unsafe && s.allowed[r.Check]:
			s.log.Warn("storage is unsafe, and that is allowed by allowUnsafeStorage", attributes...)
		case r.Verdict == storage.Unsafe:
			refused = append(refused, fmt.Errorf("%w: %s: %s. Remedy: %s; or start with --allowUnsafeStorage=%s at the risk of losing messages",
				errUnsafe, r.Check, r.Reason, r.Remedy, r.Check))
		case r.Verdict == storage.Warn && r.Check == storage.CheckMount:
			s.log.Info("storage", attributes...) // a kind of file system is a choice
		case r.Verdict == storage.Warn:
			s.log.Warn("storage", attributes...)
		default:
			s.log.Debug("storage", attributes...)
		}
	}
	return errors.Join(refused...)
}

// tryLock tries what the lock of this master is worth. It reads and writes
// nothing; see storage.TestLock.
func (s *suitability) tryLock(ctx context.Context, lease store.Lease) error {
	own, ok := lease.(*lock.Lease)
	if s == nil || !ok {
		return nil
	}
	r, err := storage.TestLock(filepath.Join(s.directory, lock.FileName))
	if err != nil {
		s.log.Warn("cannot test the lock", "error", err)
		return nil
	}
	if r.Verdict == storage.Unsafe {
		// Perhaps this is only what follows from having lost the lock.
		if err := own.Check(ctx); err != nil {
			return err
		}
	}
	return s.judge([]storage.Result{r})
}
