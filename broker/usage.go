package broker

import "sync/atomic"

// usage counts the bytes of messages held in memory: one for the broker, one
// below it for each destination. (ActiveMQ: MemoryUsage)
type usage struct {
	limit  int64 // 0 none; fixed
	parent *usage
	flow   *flow
	used   atomic.Int64
}

func (u *usage) add(n int64) {
	for ; u != nil; u = u.parent {
		u.used.Add(n)
	}
}

// release gives n bytes back and wakes who waits for them.
func (u *usage) release(n int64) {
	f := u.flow
	for ; u != nil; u = u.parent {
		u.used.Add(-n)
	}
	f.freed()
}

// full reports whether u or what it is part of is at its limit.
func (u *usage) full() bool {
	for ; u != nil; u = u.parent {
		if u.limit > 0 && u.used.Load() >= u.limit {
			return true
		}
	}
	return false
}

// highWater is the part of memory beyond which stored messages are no longer
// held in it. (ActiveMQ: cursorMemoryHighWaterMark)
const highWater = 0.7

// tight reports whether u or what it is part of is above the high-water mark.
func (u *usage) tight() bool {
	for ; u != nil; u = u.parent {
		if u.limit > 0 && float64(u.used.Load()) >= highWater*float64(u.limit) {
			return true
		}
	}
	return false
}

// fullest returns the level whose limit is reached, or u.
func (u *usage) fullest() *usage {
	for v := u; v != nil; v = v.parent {
		if v.limit > 0 && v.used.Load() >= v.limit {
			return v
		}
	}
	return u
}
