package broker

import (
	"math"
	"sync/atomic"
)

// usage counts the bytes of messages held in memory: one for the broker, one
// below it for each destination. (ActiveMQ: MemoryUsage)
type usage struct {
	limit  int64 // 0 none; fixed
	high   int   // of a destination's: percentage of each limit above which what waits is not held; fixed
	parent *usage
	flow   *flow
	used   atomic.Int64
}

// split makes the portions that queues and topics have of a broker's memory,
// or has both be all of it.
func (b *Broker) split() {
	b.queued, b.heard = &b.usage, &b.usage
	if o := &b.options.SpaceOptions; o.ProducerPortion > 0 && o.ConsumerPortion > 0 {
		b.queued = &usage{limit: portion(b.usage.limit, o.ProducerPortion), parent: &b.usage, flow: &b.flow}
		b.heard = &usage{limit: portion(b.usage.limit, o.ConsumerPortion), parent: &b.usage, flow: &b.flow}
	}
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

// A destination without a limit of its own may fill no more than fairShare
// times what is left of the broker's memory: one whose messages nobody reads
// gets two thirds, two of them two fifths each, and there is always some left
// for the others.
const fairShare = 2

// blocks reports whether producers of u have to wait.
func (u *usage) blocks() bool {
	if u.full() {
		return true
	}
	p := u.parent
	return u.limit == 0 && p != nil && p.limit > 0 && u.used.Load() >= fairShare*(p.limit-p.used.Load())
}

// mark is the part of v's limit above which what waits in u is no longer held
// in memory. (ActiveMQ: cursorMemoryHighWaterMark)
func (u *usage) mark(v *usage) int64 { return portion(v.limit, u.high) }

// above reports whether v, which u is part of, is above its mark, or is with n
// bytes more.
func (u *usage) above(v *usage, n int64) bool {
	return v.limit > 0 && v.used.Load()+n >= u.mark(v)
}

// crowded reports whether u is above a mark, or above its fair share of what
// there is below the broker's.
func (u *usage) crowded() bool {
	for v := u; v != nil; v = v.parent {
		if u.above(v, 0) {
			return true
		}
	}
	p := u.parent
	return u.limit == 0 && p != nil && p.limit > 0 && u.used.Load() >= fairShare*(u.mark(p)-p.used.Load())
}

// spare is how much there is below the marks.
func (u *usage) spare() int64 {
	spare := int64(math.MaxInt64 / 2)
	for v := u; v != nil; v = v.parent {
		if v.limit > 0 {
			spare = min(spare, u.mark(v)-v.used.Load())
		}
	}
	return spare
}

// left is how much there is below the limits.
func (u *usage) left() int64 {
	left := int64(math.MaxInt64 / 2)
	for v := u; v != nil; v = v.parent {
		if v.limit > 0 {
			left = min(left, v.limit-v.used.Load())
		}
	}
	return left
}

// fullest returns the level whose limit is reached, or the last that has one.
func (u *usage) fullest() *usage {
	last := u
	for v := u; v != nil; v = v.parent {
		if v.limit > 0 {
			if last = v; v.used.Load() >= v.limit {
				return v
			}
		}
	}
	return last
}
