package committer

import (
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/store"
)

// Role is what makes a goroutine the committer, with the units that wait for
// it. The role is taken before the queue's lock, and by nobody who waits but the
// committer's own goroutine. Methods named ...Locked want the queue's lock held.
type Role struct {
	Company Company // of whoever has the role

	queue   sync.Locker   // the store's, which orders what is appended
	mu      sync.Mutex    // held by whoever has the role
	wake    chan struct{} // capacity 1: the committer has something to do
	left    atomic.Bool   // what is pending was left to a leader; set with queue
	asking  atomic.Int64  // units of pending that ask for a sync; changed with queue
	pending []*store.Unit // queue; in log order
	idle    bool          // queue; nobody commits: who appends wakes the committer, or leads
	alone   bool          // queue; one unit at a time asks for a sync, as far as is known
	watched bool          // queue; the committer waits for company, and is told of each unit
	spare   []*store.Unit // of whoever has the role; the next pending
}

// NewRole gives a role that nobody has. queue is the lock under which units are
// appended.
func NewRole(queue sync.Locker, company Company) *Role {
	return &Role{queue: queue, Company: company, wake: make(chan struct{}, 1)}
}

// AppendLocked puts u behind what is pending. It reports whether the committer
// is to be woken, by Wake and without the lock: not where it commits already,
// and not where u is left to its caller, who leads.
func (r *Role) AppendLocked(u *store.Unit) (wake bool) {
	r.pending = append(r.pending, u)
	if u.Sync {
		r.asking.Add(1)
	}
	if r.idle && u.Led && r.alone {
		r.left.Store(true)
		return false
	}
	wake = r.idle || r.watched
	r.idle = false
	return wake
}

// Wake has the committer's own goroutine look for something to do.
func (r *Role) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Woken is for that goroutine, without the role: there may be something to do.
func (r *Role) Woken() <-chan struct{} { return r.wake }

// Enter takes the role; it waits for a leader.
func (r *Role) Enter() { r.mu.Lock() }

// Asking is how many units wait that ask for a sync.
func (r *Role) Asking() int { return int(r.asking.Load()) }

// TakeLocked gives what is pending to whoever has the role. Where there is
// nothing it lets go of the role.
func (r *Role) TakeLocked() []*store.Unit {
	r.left.Store(false)
	if len(r.pending) == 0 {
		r.restLocked()
		return nil
	}
	var units []*store.Unit
	units, r.pending, r.spare = r.pending, r.spare, nil
	r.asking.Store(0)
	r.idle = false
	return units
}

// Return takes back the slice that TakeLocked gave, by whoever has the role.
func (r *Role) Return(units []*store.Unit) {
	clear(units)
	r.spare = units[:0]
}

// Lead takes the role for a caller that has appended, if something was left to
// a leader and nobody has the role. The caller then takes what is pending, and
// if that is not nothing, Rests when it has carried it out.
func (r *Role) Lead() bool { return r.left.Load() && r.mu.TryLock() }

// Rest lets go of a leader's role. What has come meanwhile is the committer's.
func (r *Role) Rest() {
	r.queue.Lock()
	r.restLocked()
	wake := !r.idle
	r.queue.Unlock()
	if wake {
		r.Wake()
	}
}

// restLocked lets go of the role. Whoever appends from then on finds it free,
// and so does who was told that.
func (r *Role) restLocked() {
	r.idle = len(r.pending) == 0
	r.alone = r.Company.alone()
	r.mu.Unlock()
}

// Leadable reports whether a unit that is appended next may be led.
func (r *Role) Leadable() bool {
	r.queue.Lock()
	defer r.queue.Unlock()
	return r.idle && r.alone
}

// Isolate has whoever appends next be alone, as if units had come one at a time
// for long enough; it waits for the role. Tests use it.
func (r *Role) Isolate() {
	r.mu.Lock()
	r.Company.single = leastSingle
	r.Rest()
}
