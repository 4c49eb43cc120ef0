package committer

import (
	"runtime"
	"time"
)

// Company lets the committer wait a moment before it writes. Producers that
// were confirmed together send their next messages almost together; a batch
// that begins with the first of those leaves the others to the next one, and
// half of the producers wait while the other half is written. Whoever has the
// role uses it. Longest, Spin and Never are set before.
type Company struct {
	// Longest bounds a wait.
	Longest time.Duration
	// Spin has a wait keep a processor busy, where waking up would take too
	// large a part of it.
	Spin bool
	// Crowded says that nobody is ever alone: there are no leaders.
	Crowded bool

	expected int           // units that will ask for a sync soon, as far as is known
	cost     time.Duration // of a batch, averaged
	vain     int           // waits one after the other that were not worth it
	skip     int           // batches until the next wait
	single   int           // batches one after the other of one unit, with none waiting
}

const (
	// mostSkipped bounds the batches between two waits that are not worth it.
	mostSkipped = 64
	// leastSingle is how many single units make a producer alone.
	leastSingle = 32
)

// Wrote notes a batch: how many of its units asked for a sync, how many more
// had come until it ended, and how long it took.
func (c *Company) Wrote(units, waiting int, took time.Duration) {
	c.expected = units + waiting
	if c.single++; c.expected > 1 {
		c.single = 0
	}
	if c.cost += (took - c.cost) / 8; c.cost == 0 {
		c.cost = took
	}
}

// alone reports that one unit at a time has asked for a sync for long enough.
// Several producers come one at a time now and then, and a leader in between
// has to wake the committer for all the others.
func (c *Company) alone() bool { return !c.Crowded && c.single >= leastSingle }

// Gather has the committer wait, at most half as long as a batch takes, until
// the expected units are there. Where fewer come than would have been written
// meanwhile, it waits more and more seldom.
func (r *Role) Gather() {
	c := &r.Company
	came := r.Asking()
	if came == 0 || came >= c.expected || c.Spin && runtime.GOMAXPROCS(0) == 1 {
		return
	}
	if c.skip > 0 {
		c.skip--
		return
	}
	first, began := came, time.Now()
	limit := min(c.cost/2, c.Longest)
	if c.Spin {
		came = r.spin(began, limit)
	} else {
		came = r.watch(limit)
	}
	c.judge(first, came, time.Since(began))
}

// judge notes whether a wait was worth it.
func (c *Company) judge(first, came int, waited time.Duration) {
	if c.cost*time.Duration(came) >= (c.cost+waited)*time.Duration(first) {
		c.vain = 0
		return
	}
	c.vain++
	c.skip = min(1<<min(c.vain, 8), mostSkipped)
}

func (r *Role) spin(began time.Time, limit time.Duration) (came int) {
	for {
		runtime.Gosched()
		if came = r.Asking(); came >= r.Company.expected || time.Since(began) >= limit {
			return came
		}
	}
}

func (r *Role) watch(limit time.Duration) (came int) {
	r.setWatched(true)
	defer r.setWatched(false)
	over := time.NewTimer(limit)
	defer over.Stop()
	for {
		if came = r.Asking(); came >= r.Company.expected {
			return came
		}
		select {
		case <-r.wake:
		case <-over.C:
			return r.Asking()
		}
	}
}

func (r *Role) setWatched(on bool) {
	r.queue.Lock()
	r.watched = on
	r.queue.Unlock()
}
