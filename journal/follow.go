package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
)

// Bounds and defaults of a Follower.
const (
	DefaultMinPoll = 10 * time.Millisecond
	DefaultMaxPoll = 100 * time.Millisecond
	// listEvery is how often a follower lists the directory: a new master's
	// files and deleted ones are noticed so late.
	listEvery = 500 * time.Millisecond
	// maxRetry is the longest pause after an error.
	maxRetry = 5 * time.Second
	// anewPause is the pause before the journal is read from its beginning
	// again.
	anewPause = time.Second
)

// FollowOptions configure a Follower. The zero value of a field is its
// default.
type FollowOptions struct {
	// Directory holds the files. It need not be there yet.
	Directory string
	// MinPoll is how often the journal is looked at while it grows, 10 ms;
	// MaxPoll while it does not, 100 ms.
	MinPoll, MaxPoll time.Duration
	// FS is vfs.Quiet by default. It is only read from.
	FS vfs.FS
	// Log is slog.Default by default.
	Log *slog.Logger
}

// Follower reads a journal that another process writes, and keeps its index
// in memory. It changes nothing in the directory, and takes nothing for damage
// that may still be on its way: what is no valid batch at the end of the newest
// file is looked at again later. Given to [Open] in [Options], it saves the
// reading of what it has read.
//
// Run has one goroutine, the caller's. mu is held while files are read, so
// that whoever takes the follower over waits for the batch that is being read.
type Follower struct {
	o        FollowOptions
	began    time.Time
	stopping atomic.Bool // set by Open, and when Run shall end

	mu      sync.Mutex
	t       *trail // mu; nil when it has been taken over
	anew    int    // mu; how often it began again
	reached bool   // mu; the end has been reached once
	failing bool   // mu; the last pass failed
}

// Follow makes a follower that does nothing until Run.
func Follow(o FollowOptions) (*Follower, error) {
	if o.Directory == "" {
		return nil, fmt.Errorf("follow journal: %w: no directory", errOptions)
	}
	setDefault(&o.MinPoll, DefaultMinPoll)
	setDefault(&o.MaxPoll, DefaultMaxPoll)
	if o.FS == nil {
		o.FS = vfs.Quiet{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	f := &Follower{o: o, began: time.Now()}
	f.t = newTrail(f)
	return f, nil
}

// Run follows the journal until ctx ends or Open takes the follower over.
// Errors are logged and tried again.
func (f *Follower) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { f.stopping.Store(true) })()
	delay := f.o.MinPoll
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if f.stopping.Load() {
			return
		}
		moved, err := f.pass()
		switch {
		case errors.Is(err, errLost):
			delay = anewPause
		case err != nil:
			delay = min(2*delay, maxRetry)
		case moved:
			delay = f.o.MinPoll
		default:
			delay = min(2*delay, f.o.MaxPoll)
		}
		timer.Reset(delay)
	}
}

// pass reads what there is to read, and reports whether that was anything.
func (f *Follower) pass() (moved bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.t == nil || f.stopping.Load() {
		return false, nil
	}
	moved, err = f.t.pass()
	switch {
	case errors.Is(err, errLost):
		f.anew++
		f.o.Log.Info("the journal is read from its beginning again", "directory", f.o.Directory, "reason", err)
		f.t = newTrail(f)
	case err != nil:
		if !f.failing {
			f.o.Log.Warn("following the journal; trying again", "directory", f.o.Directory, "error", err)
		}
	case f.t.caughtUp && !f.reached:
		f.reached = true
		f.o.Log.Info("the journal is followed", "directory", f.o.Directory, "files", len(f.t.read), "records", f.t.r.records,
			"messages", f.t.r.x.slab.live, "took", time.Since(f.began).Round(time.Millisecond))
	}
	f.failing = err != nil
	return moved, err
}

// FollowState says how far a follower is.
type FollowState struct {
	CaughtUp bool   // it had reached the end when it looked last
	Files    int    // that it has read from
	Records  int    // that it has read
	Messages int    // stored
	File     uint32 // that it reads, 0 before the first
	Offset   int64  // in that
	Anew     int    // how often it had to begin again
}

// State may be asked for from any goroutine; it waits for a file that is
// being read.
func (f *Follower) State() FollowState {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := FollowState{Anew: f.anew}
	if t := f.t; t != nil {
		s.CaughtUp, s.Files, s.Records, s.Messages, s.File = t.caughtUp, len(t.read), t.r.records, t.r.x.slab.live, t.position
		if d := t.read[t.position]; d != nil {
			s.Offset = d.end
		}
	}
	return s
}

// take ends the follower and returns what it has; nil the second time.
func (f *Follower) take() *trail {
	f.stopping.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.t
	f.t = nil
	return t
}
