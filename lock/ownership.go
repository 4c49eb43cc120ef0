package lock

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Ownership is what a lease stands for. Its methods are called by the keeper
// alone, one at a time, and may block for as long as the storage does.
type Ownership interface {
	// Prove returns nil if the lock was held without a break since the last
	// proof, an error wrapping ErrLost if it was not, ErrSuspended if it was not
	// but nobody else has had it as far as can be seen, and any other error if
	// it cannot tell. It writes only while live says that the outcome still
	// matters: not after a loss, not after its window has passed.
	Prove(live func() bool) error
	// Release gives the lock up. It is called once. Only a clean release, by
	// an owner who is sure to be one, may write.
	Release(clean bool) error
}

// Attentive is an Ownership that can notice between two proofs that one is due.
type Attentive interface {
	// Attend returns when it has noticed something, and soon after ctx ends.
	Attend(ctx context.Context)
}

// LeaseOptions describe the lease of a locker in another package.
type LeaseOptions struct {
	Epoch  uint64
	Waited bool // see Lease.Waited
	// Proven is the reading of Clock at which the last proof began.
	Proven time.Duration
	// Period is the time between two proofs, Window how long each holds, Grace
	// how long the lease may be invalid before it is lost.
	Period, Window, Grace time.Duration
	Clock                 func() time.Duration // nil is BootTime
	Log                   *slog.Logger
}

// NewLease starts the keeper and the watchdog of an ownership.
func NewLease(owner Ownership, o LeaseOptions) (*Lease, error) {
	if o.Period <= 0 || o.Window < 2*o.Period || o.Window > maxWindow || o.Grace < watchTicks*time.Millisecond {
		return nil, fmt.Errorf("lease of %v, proven every %v, with a grace period of %v, cannot be kept", o.Window, o.Period, o.Grace)
	}
	if o.Clock == nil {
		o.Clock = BootTime
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := newLease(o.Epoch, owner, o.Proven, timing{o.Period, o.Window, o.Grace}, o.Clock, o.Log)
	l.waited = o.Waited
	return l, nil
}

// NewHolder describes this process as the owner of a new epoch, under an
// identity that no other ownership has.
func NewHolder(broker, host string, pid int, window time.Duration, uris []string) Holder {
	return Holder{
		ID: newHolderID(), Broker: broker, Host: host, PID: pid, Kernel: kernel(),
		Since: time.Now().UTC().Round(time.Millisecond), WindowMillis: (window + time.Millisecond - 1).Milliseconds(), URIs: uris,
	}
}
