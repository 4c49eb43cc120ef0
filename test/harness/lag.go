package harness

import (
	"sync"
	"time"
)

// Lag measures for how long this process did not get to run: time that nobody
// can be blamed for.
type Lag struct {
	quit chan struct{}
	done sync.WaitGroup
	sum  time.Duration // written before done
}

// WatchLag begins to measure; Stop ends it.
func WatchLag() *Lag {
	l := &Lag{quit: make(chan struct{})}
	l.done.Go(func() {
		const tick = 20 * time.Millisecond
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-l.quit:
				return
			case <-ticker.C:
			}
			now := time.Now()
			if late := now.Sub(last) - 2*tick; late > 0 {
				l.sum += late
			}
			last = now
		}
	})
	return l
}

// Stop ends the measurement and returns the sum.
func (l *Lag) Stop() time.Duration {
	close(l.quit)
	l.done.Wait()
	return l.sum
}
