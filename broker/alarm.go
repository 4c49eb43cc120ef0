package broker

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// alarm is a job in memory: 24 bytes while it is near, about 7 in a run.
type alarm struct {
	due  int64 // ms since 1970
	seq  store.Seq
	size uint32 // bytes that it counts for
	hash uint16 // of its id
}

func sizeOf(m *message.Message) uint32 { return uint32(min(m.Size(), math.MaxUint32)) }

// before orders alarms by time, and those of one time as they came.
func (a alarm) before(b alarm) bool { return a.due < b.due || a.due == b.due && a.seq < b.seq }

func (a alarm) compare(b alarm) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.seq, b.seq))
}

// alarms are jobs by time: the next ones and what has just come in a heap, the
// rest in runs. What is taken out of their middle is dead at first: it is left
// where it is until its turn comes, or until there is much of it.
type alarms struct {
	near  alarmHeap
	runs  []*alarmRun
	tail  runWriter              // of one of runs, or of none
	dead  map[store.Seq]struct{} // no more than bound
	limit int                    // see bound
}

// nearAlarms is when the later half of what is near becomes a run, and when the
// dead are buried.
const nearAlarms = 8192

func (l *alarms) bound() int { return cmp.Or(l.limit, nearAlarms) }

// push adds an alarm. What comes in the order of its time, as all does that has
// the same delay, is written to the end of a run, without being sorted.
func (l *alarms) push(a alarm) {
	if t := &l.tail; t.run != nil && !a.before(t.last) {
		if t.run.n >= longestRun {
			*t = runWriter{run: &alarmRun{}}
			l.runs = append(l.runs, t.run)
		}
		t.add(a)
		return
	}
	l.near.push(a)
	if len(l.near) >= l.bound() {
		l.fold()
	}
}

// fold makes a run of the later half of what is near.
func (l *alarms) fold() {
	slices.SortFunc(l.near, alarm.compare)
	half := len(l.near) / 2
	w := runWriter{run: &alarmRun{}}
	for _, a := range l.near[half:] {
		w.add(a)
	}
	l.near = l.near[:half]
	if i := slices.Index(l.runs, l.tail.run); i >= 0 {
		t := l.tail
		l.dropRun(i)
		l.keep(t) // it has grown
	}
	l.tail = l.keep(w)
}

// keep adds a run, and merges it with those of about its length and below, so
// that there are few and each alarm is moved a few times at most. It returns the writer of
// what has become of it.
func (l *alarms) keep(w runWriter) runWriter {
	if w.run.n == 0 {
		return runWriter{}
	}
	for i := len(l.runs) - 1; i >= 0; i-- {
		if other := l.runs[i]; bits.Len(uint(other.n)) <= bits.Len(uint(w.run.n)) && other.n+w.run.n <= longestRun {
			l.dropRun(i)
			w = merge(other, w.run)
		}
	}
	l.runs = append(l.runs, w.run)
	return w
}

func (l *alarms) dropRun(i int) {
	if l.runs[i] == l.tail.run {
		l.tail = runWriter{}
	}
	l.runs = slices.Delete(l.runs, i, i+1)
}

// earliest is the run whose head is the next alarm, or nil if one in near is.
func (l *alarms) earliest() *alarmRun {
	var best *alarmRun
	for _, r := range l.runs {
		if best == nil || r.head.before(best.head) {
			best = r
		}
	}
	if best != nil && len(l.near) > 0 && l.near[0].before(best.head) {
		return nil
	}
	return best
}

// first is the next alarm; false if there is none.
func (l *alarms) first() (alarm, bool) {
	for {
		a, ok := l.head()
		if _, dead := l.dead[a.seq]; !ok || !dead {
			return a, ok
		}
		delete(l.dead, a.seq)
		l.cut()
	}
}

// head is first, dead or not.
func (l *alarms) head() (alarm, bool) {
	if r := l.earliest(); r != nil {
		return r.head, true
	}
	if len(l.near) == 0 {
		return alarm{}, false
	}
	return l.near[0], true
}

// cut takes the head out.
func (l *alarms) cut() {
	r := l.earliest()
	if r == nil {
		l.near.pop()
	} else if !r.next() {
		l.dropRun(slices.Index(l.runs, r))
	}
}

// pop takes the first out. There must be one.
func (l *alarms) pop() alarm {
	first, _ := l.first()
	l.cut()
	return first
}

// takeDue moves what is due at nowMS to dst, no more than n alarms and, beyond
// the first, bytes.
func (l *alarms) takeDue(dst []alarm, nowMS int64, n int, bytes int64) []alarm {
	for len(dst) < n {
		a, ok := l.first()
		if !ok || a.due > nowMS {
			break
		}
		if bytes -= int64(a.size); bytes < 0 && len(dst) > 0 {
			break
		}
		dst = append(dst, l.pop())
	}
	return dst
}
