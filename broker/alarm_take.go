package broker

import (
	"maps"
	"slices"

	"github.com/conclavemq/conclave/store"
)

// take takes the alarms of list, which are here, out. It costs as much as they
// are, on average, if they are few.
func (l *alarms) take(list ...alarm) {
	if l.dead == nil {
		l.dead = map[store.Seq]struct{}{}
	}
	for _, a := range list {
		l.dead[a.seq] = struct{}{}
	}
	if len(l.dead) > l.bound() {
		l.bury()
	}
}

// putBack adds an alarm that was here.
func (l *alarms) putBack(a alarm) {
	if _, dead := l.dead[a.seq]; dead {
		delete(l.dead, a.seq)
		return
	}
	l.push(a)
}

// bury writes down anew what is alive.
func (l *alarms) bury() {
	dead, runs := l.dead, l.runs
	l.dead, l.runs, l.tail = nil, nil, runWriter{}
	for _, r := range runs {
		kept := runWriter{run: &alarmRun{}}
		for more := r.n > 0; more; more = r.next() {
			if _, gone := dead[r.head.seq]; !gone {
				kept.add(r.head)
			}
		}
		l.keep(kept)
	}
	l.near.drop(func(a alarm) bool { _, gone := dead[a.seq]; return gone })
}

// chosen returns the alarms that pick wants, in order.
func (l *alarms) chosen(pick func(alarm) bool) (list []alarm) {
	add := func(a alarm) {
		if _, dead := l.dead[a.seq]; !dead && pick(a) {
			list = append(list, a)
		}
	}
	for _, a := range l.near {
		add(a)
	}
	for _, r := range l.runs {
		c := *r
		for more := c.n > 0; more; more = c.next() {
			add(c.head)
		}
	}
	slices.SortFunc(list, alarm.compare)
	return list
}

// view is a copy to read, with first and pop, while l goes on. It shares what
// the runs are written in.
func (l *alarms) view() *alarms {
	v := &alarms{near: slices.Clone(l.near), dead: maps.Clone(l.dead)}
	for _, r := range l.runs {
		c := *r
		c.chunks = slices.Clone(r.chunks)
		v.runs = append(v.runs, &c)
	}
	return v
}
