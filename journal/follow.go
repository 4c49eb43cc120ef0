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

	state   atomic.Pointer[FollowState]
	mu      sync.Mutex
	t       *trail    // mu; nil when it has been taken over
	anew    int       // mu; how often it began again
	why     error     // mu; the last time
	end     time.Time // mu; when it was at the end last
	reached bool      // mu; the end has been reached once
	failing bool      // mu; the last pass failed
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
	f.t = f.newTrail()
	f.publish()
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
		f.why = err
		f.o.Log.Info("the journal is read from its beginning again", "directory", f.o.Directory, "reason", err)
		f.t = f.newTrail()
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
	if err == nil && f.t.caughtUp {
		f.end = time.Now()
	}
	f.publish()
	return moved, err
}

// newTrail begins with the snapshot, the first time.
func (f *Follower) newTrail() *trail {
	t := newTrail(Options{Directory: f.o.Directory, FS: f.o.FS, Log: f.o.Log}, &f.stopping)
	t.thawing, t.tell = f.anew == 0, f.publish
	return t
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
	Reason   string // why it did the last time
	// BehindBytes is what it knows of and has not read, at most: files have
	// their space before they are written. 0 at the end.
	BehindBytes int64
	// End is when it was at the end last; zero if it has never been.
	End time.Time
	// Snapshot is when the snapshot was written that it began with; zero
	// without one.
	Snapshot time.Time
	// Taken says that Open has taken it over.
	Taken bool
}

// State says how far the follower is. Any goroutine may ask; it waits for
// nothing.
func (f *Follower) State() FollowState { return *f.state.Load() }

// publish makes what State returns. mu is held, but for the first time.
func (f *Follower) publish() {
	s := FollowState{Anew: f.anew, End: f.end}
	if f.why != nil {
		s.Reason = f.why.Error()
	}
	if t := f.t; t != nil {
		s.CaughtUp, s.Files, s.Records, s.Messages, s.File = t.caughtUp, len(t.read), t.r.records, t.r.x.slab.live, t.position
		s.Snapshot = t.snapshot
		if !t.caughtUp {
			s.BehindBytes = max(0, t.ahead)
		}
		if d := t.read[t.position]; d != nil {
			s.Offset = d.end
		}
	}
	f.state.Store(&s)
}

// take ends the follower and returns what it has; nil the second time.
func (f *Follower) take() *trail {
	f.stopping.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.t
	f.t = nil
	last := f.State()
	last.Taken = true
	f.state.Store(&last)
	return t
}
