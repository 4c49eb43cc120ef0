package broker

import (
	"sync/atomic"
	"time"
)

// leash asks the lease, but not for each message: that costs a system call,
// since the clock that counts a machine's sleep is read in the kernel. What it
// trusts is short beside the time that a delivery spends in a Peer's queue,
// during which nobody asks either. A process that was stopped asks again: the
// clock here has gone on. Across a machine's sleep it may not have; a message
// that was about to be delivered then is, as it would be had the sleep begun
// after the question.
type leash struct {
	lease Lease         // nil: always valid
	trust time.Duration // 0: ask each time
	born  time.Time
	held  atomic.Int64 // ns after born: when the lease was valid last; 0 ask
}

func (l *leash) holds() bool {
	if l.lease == nil {
		return true
	}
	if l.trust <= 0 {
		return l.lease.Valid()
	}
	now := int64(time.Since(l.born))
	if held := l.held.Load(); held != 0 && now-held < int64(l.trust) {
		return true
	}
	if !l.lease.Valid() {
		l.held.Store(0)
		return false
	}
	l.held.Store(now)
	return true
}
