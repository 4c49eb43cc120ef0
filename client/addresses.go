package client

import (
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
)

// addresses is what a connection knows of brokers: those of its URL and those
// that a source has found, and before them those that a broker or a document
// has told of. (ActiveMQ: FailoverTransport.uris and updated)
type addresses struct {
	randomize bool
	byRank    bool       // priorityBackup
	priority  []endpoint // never changes; empty: the first of given

	mu      sync.Mutex
	given   []endpoint // guarded by mu
	updated []endpoint // guarded by mu
	lost    endpoint   // guarded by mu; whose connection was lost last: it comes last
	wanted  *endpoint  // guarded by mu; a broker's reconnectTo: it comes first, once
}

func newAddresses(t *target) *addresses {
	a := &addresses{given: slices.Clone(t.endpoints), priority: t.priority}
	if t.failover != nil {
		a.randomize, a.byRank = t.failover.randomize, t.failover.priorityBackup
	}
	return a
}

// same reports whether two URIs name one broker. Names are not looked up: that
// would block.
func same(a, b endpoint) bool { return canonical(a.address) == canonical(b.address) }

func canonical(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if host = strings.ToLower(host); host == "localhost" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func holds(list []endpoint, e endpoint) bool {
	return slices.ContainsFunc(list, func(other endpoint) bool { return same(other, e) })
}

// list gives the brokers in the order to try them: what a broker asked for,
// those of priority, the others, and at the end the one that was lost.
func (a *addresses) list() []endpoint {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []endpoint
	for _, e := range slices.Concat(a.updated, a.given) {
		if !holds(list, e) {
			list = append(list, e)
		}
	}
	if a.randomize {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	slices.SortStableFunc(list, func(x, y endpoint) int { return a.rankLocked(x) - a.rankLocked(y) })
	if a.wanted != nil {
		list = slices.DeleteFunc(list, func(e endpoint) bool { return same(e, *a.wanted) })
		list = slices.Insert(list, 0, *a.wanted)
	}
	return list
}

func (a *addresses) rankLocked(e endpoint) int {
	switch {
	case a.lost.address != "" && same(e, a.lost):
		return 2
	case a.priorityLocked(e):
		return 0
	}
	return 1
}

// isPriority reports whether priorityBackup prefers e. (ActiveMQ:
// FailoverTransport.isPriority)
func (a *addresses) isPriority(e endpoint) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.priorityLocked(e)
}

func (a *addresses) priorityLocked(e endpoint) bool {
	switch {
	case !a.byRank:
		return false
	case len(a.priority) > 0:
		return holds(a.priority, e)
	}
	return len(a.given) > 0 && same(a.given[0], e)
}

// priorities lists those that isPriority is true of, in their order.
func (a *addresses) priorities() []endpoint {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !a.byRank:
		return nil
	case len(a.priority) > 0:
		return slices.Clone(a.priority)
	}
	return slices.Clone(a.given[:min(1, len(a.given))])
}

// update replaces what was told and reports whether that changed it. An empty
// list changes nothing.
func (a *addresses) update(told []endpoint) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(told) == 0 {
		return false
	}
	changed := len(told) != len(a.updated)
	for _, e := range told {
		changed = changed || !holds(a.updated, e)
		if a.lost.address != "" && same(e, a.lost) {
			a.lost = endpoint{}
		}
	}
	a.updated = told
	return changed
}

// add takes a broker that a source has found.
func (a *addresses) add(e endpoint) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if holds(a.given, e) || len(a.given) >= maxComponents {
		return false
	}
	a.given = append(a.given, e)
	return true
}

// remove forgets a broker that a source has lost.
func (a *addresses) remove(e endpoint) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given = slices.DeleteFunc(a.given, func(other endpoint) bool { return same(other, e) })
}

// failed notes the broker whose connection was lost.
func (a *addresses) failed(e endpoint) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = e
}

// want has the next attempt begin with e.
func (a *addresses) want(e endpoint) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = &e
}

// isWanted reports whether a broker has asked for another one.
func (a *addresses) isWanted() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted != nil
}

// settled forgets what was wanted, once it was tried.
func (a *addresses) settled() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = nil
}
