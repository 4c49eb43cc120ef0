package broker

import (
	"math"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// alarm is a job in memory: 24 bytes.
type alarm struct {
	due  int64 // ms since 1970
	seq  store.Seq
	hash uint32 // of its id
	size uint32 // bytes that it counts for
}

func sizeOf(m *message.Message) uint32 { return uint32(min(m.Size(), math.MaxUint32)) }

// before orders alarms by time, and those of one time as they came.
func (a alarm) before(b alarm) bool { return a.due < b.due || a.due == b.due && a.seq < b.seq }

// alarms is a heap: none comes before the one at half its place.
type alarms []alarm

func (l *alarms) push(a alarm) {
	*l = append(*l, a)
	h := *l
	i := len(h) - 1
	for i > 0 && a.before(h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = a
}

// pop takes the first out. There must be one.
func (l *alarms) pop() alarm {
	h := *l
	first, last := h[0], len(h)-1
	h[0] = h[last]
	*l = h[:last]
	l.sink(0)
	return first
}

// sink moves the alarm at i down to where it belongs.
func (l alarms) sink(i int) {
	if i >= len(l) {
		return
	}
	a := l[i]
	for {
		child := 2*i + 1
		if child+1 < len(l) && l[child+1].before(l[child]) {
			child++
		}
		if child >= len(l) || !l[child].before(a) {
			break
		}
		l[i] = l[child]
		i = child
	}
	l[i] = a
}

// takeDue moves what is due at nowMS to dst, no more than n alarms and, beyond
// the first, bytes. What then takes little of its array gives the rest back.
func (l *alarms) takeDue(dst []alarm, nowMS int64, n int, bytes int64) []alarm {
	for len(*l) > 0 && len(dst) < n && (*l)[0].due <= nowMS {
		if bytes -= int64((*l)[0].size); bytes < 0 && len(dst) > 0 {
			break
		}
		dst = append(dst, l.pop())
	}
	l.shrink()
	return dst
}

// takeAll moves the alarms that pick wants to dst.
func (l *alarms) takeAll(dst []alarm, pick func(alarm) bool) []alarm {
	kept := (*l)[:0]
	for _, a := range *l {
		if pick(a) {
			dst = append(dst, a)
		} else {
			kept = append(kept, a)
		}
	}
	*l = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		kept.sink(i)
	}
	l.shrink()
	return dst
}

func (l *alarms) shrink() {
	if cap(*l) > 1024 && len(*l) < cap(*l)/4 {
		*l = append(make(alarms, 0, len(*l)*2), *l...)
	}
}
