package broker

import "slices"

// alarmHeap is a heap: none comes before the one at half its place.
type alarmHeap []alarm

func (l *alarmHeap) push(a alarm) {
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
func (l *alarmHeap) pop() alarm {
	h := *l
	first, last := h[0], len(h)-1
	h[0] = h[last]
	*l = h[:last]
	l.sink(0)
	return first
}

// sink moves the alarm at i down to where it belongs.
func (l alarmHeap) sink(i int) {
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

// drop forgets the alarms that pick wants.
func (l *alarmHeap) drop(pick func(alarm) bool) {
	*l = slices.DeleteFunc(*l, pick)
	for i := len(*l)/2 - 1; i >= 0; i-- {
		l.sink(i)
	}
}
