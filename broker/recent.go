package broker

import "sync"

// maxRecent bounds what is remembered of messages that are not persistent.
const maxRecent = 1 << 16

// recent is a set of the last that were added, each with the hops of its
// message.
type recent struct {
	mu    sync.Mutex
	known map[digest]int // mu; hops
	ring  []digest       // mu
	next  int            // mu
}

// add reports whether x is new.
func (r *recent) add(x digest) bool {
	_, known := r.note(x, 0)
	return !known
}

// note adds x, unless it is known: then it returns with how many hops, and
// remembers the fewer.
func (r *recent) note(x digest, hops int) (before int, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, known = r.known[x]; known {
		r.known[x] = min(before, hops)
		return before, true
	}
	if r.known == nil {
		r.known = map[digest]int{}
	}
	r.known[x] = hops
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, x)
		return 0, false
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = x
	r.next = (r.next + 1) % maxRecent
	return 0, false
}

func (r *recent) has(x digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.known[x]
	return known
}

// forget takes x out; its place in the ring stays.
func (r *recent) forget(x digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, x)
}
