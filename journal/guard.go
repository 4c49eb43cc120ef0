package journal

import (
	"fmt"
	"slices"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/lock"
)

// The guard undoes what a master that was deposed does to the names in the
// directory, ActiveMQ above all, which does not notice. It gives held files
// their names back, and sets aside what is begun in the gap of numbers, before
// an ActiveMQ that comes after us can read it. On a local file system it is
// woken by the change itself. Elsewhere, where the change may be another
// host's, it asks when the directory has last changed.

const (
	// guardInterval is how often the guard asks whether the directory has
	// changed, where it is not told.
	guardInterval = 250 * time.Millisecond
	// guardListing is how often it looks all the same, where there may be an
	// ActiveMQ: two changes may have one time.
	guardListing = 2 * time.Second
)

// guard is what tells of changes.
type guard struct {
	j      *Journal
	dater  vfs.Dater     // nil if the file system has none
	told   chan struct{} // there is something to look at; one at most waits
	stop   func()        // ends the telling; nil if nobody tells
	rival  bool          // an ActiveMQ may be out there
	last   int64         // when the directory had changed, as of the last look
	looked time.Time
}

// newGuard returns nil if there is nothing to guard by or from.
func newGuard(j *Journal, rival bool) *guard {
	g := &guard{j: j, told: make(chan struct{}, 1), rival: rival || len(j.holds.list()) > 0}
	g.dater, _ = j.o.FS.(vfs.Dater)
	if n, ok := j.o.FS.(vfs.Notifier); ok {
		if where, err := lock.Detect(j.o.Directory); err == nil && where.Local {
			if g.stop, err = n.Notify(j.o.Directory, g.note); err != nil {
				j.o.Log.Info("changes of the journal directory are looked for, not told of", "directory", j.o.Directory, "error", err)
			}
		}
	}
	if g.stop == nil && g.dater == nil && !g.rival {
		return nil
	}
	return g
}

// note is told of a name. What this broker does itself is no reason to look.
func (g *guard) note(name string) {
	if n, ok := fileNumber(name); name != "" && (!ok || n >= g.j.head.first || g.j.segments.has(n) && !g.j.holds.has(n)) {
		return
	}
	select {
	case g.told <- struct{}{}:
	default:
	}
}

// run guards until the journal is closed, and looks a last time then.
func (g *guard) run() {
	j := g.j
	defer j.joined.Done()
	if g.stop != nil {
		defer g.stop()
	}
	tick := time.NewTicker(guardInterval)
	defer tick.Stop()
	if g.stop != nil && !g.rival {
		tick.Stop()
	}
	for last := false; !last; {
		select {
		case <-g.told:
		case <-tick.C:
			if !g.due() {
				continue
			}
		case <-j.failed:
			return
		case <-j.stop:
			last = true
		}
		if err := j.lookAfter(); err != nil {
			j.o.Log.Warn("guarding journal files", "directory", j.o.Directory, "error", err)
		}
	}
}

// due reports whether the directory may have changed since it was looked at.
func (g *guard) due() bool {
	listing := g.rival && time.Since(g.looked) >= guardListing
	if g.dater == nil {
		return g.rival
	}
	changed, err := g.dater.Changed(g.j.o.Directory)
	if err != nil || changed == g.last && !listing {
		return false // whoever has lost its directory is told so by its lock
	}
	g.last, g.looked = changed, time.Now()
	return true
}

// lookAfter undoes what another process did to the names in the directory.
func (j *Journal) lookAfter() error {
	j.collectMu.Lock() // nothing is deleted here meanwhile
	defer j.collectMu.Unlock()
	names, err := j.o.FS.List(j.o.Directory)
	if err != nil {
		return fmt.Errorf("list journal directory: %w", err)
	}
	there := map[uint32]bool{}
	inv := &inventory{}
	ours := j.segments.numbers()
	for _, name := range names {
		if n, ok := fileNumber(name); ok {
			there[n] = true
			if _, known := slices.BinarySearch(ours, n); !known && n < j.head.first {
				inv.orphans = append(inv.orphans, n)
			}
		}
	}
	missing := slices.DeleteFunc(j.holds.list(), func(n uint32) bool { return there[n] })
	if len(missing)+len(inv.orphans) == 0 {
		return nil
	}
	if err := j.owned(); err != nil {
		return nil // whoever owns the directory does this
	}
	if _, err := j.holds.restore(missing); err != nil {
		return err
	}
	return setOrphansAside(&j.o, inv)
}
