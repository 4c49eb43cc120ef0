package chaos

import (
	"sync"
	"time"
)

// gaps measures how long no send was acknowledged. Every producer uses it.
type gaps struct {
	mu      sync.Mutex
	last    time.Time     // guarded by mu; of the latest acknowledged send
	longest time.Duration // guarded by mu; since begin
}

// begin forgets the gaps so far.
func (g *gaps) begin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.longest = 0
}

func (g *gaps) served(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.last.IsZero() {
		g.longest = max(g.longest, now.Sub(g.last))
	}
	g.last = now
}

// since reports whether a send was acknowledged after t, and the longest gap
// since begin.
func (g *gaps) since(t time.Time) (bool, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last.After(t), g.longest
}
