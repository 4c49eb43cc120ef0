package broker

import (
	"math"
	"sync/atomic"
)

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

// spare is how much there is below the high-water mark.
func (u *usage) spare() int64 {
	spare := int64(math.MaxInt64 / 2)
	for ; u != nil; u = u.parent {
		if u.limit > 0 {
			spare = min(spare, int64(highWater*float64(u.limit))-u.used.Load())
		}
	}
	return spare
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
