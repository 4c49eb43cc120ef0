package broker

import (
	"container/heap"
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

// alarms is a heap.
type alarms []alarm

// Len, Less, Swap, Push and Pop are heap.Interface's.
func (l alarms) Len() int           { return len(l) }
func (l alarms) Less(i, j int) bool { return l[i].before(l[j]) }
func (l alarms) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *alarms) Push(x any)        { *l = append(*l, x.(alarm)) }
func (l *alarms) Pop() any          { a := (*l)[len(*l)-1]; *l = (*l)[:len(*l)-1]; return a }

func (l *alarms) push(a alarm) { heap.Push(l, a) }

// takeDue moves what is due at nowMS to dst, no more than n alarms and, beyond
// the first, bytes. What then takes little of its array gives the rest back.
func (l *alarms) takeDue(dst []alarm, nowMS int64, n int, bytes int64) []alarm {
	for len(*l) > 0 && len(dst) < n && (*l)[0].due <= nowMS {
		if bytes -= int64((*l)[0].size); bytes < 0 && len(dst) > 0 {
			break
		}
		dst = append(dst, heap.Pop(l).(alarm))
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
	heap.Init(l)
	l.shrink()
	return dst
}

func (l *alarms) shrink() {
	if cap(*l) > 1024 && len(*l) < cap(*l)/4 {
		*l = append(make(alarms, 0, len(*l)*2), *l...)
	}
}
