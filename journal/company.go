package journal

import (
	"runtime"
	"time"
)

// company lets the committer wait a moment before it writes. Producers that
// were confirmed together send their next messages almost together; a sync
// that begins with the first of those leaves the others to the next one, and
// half of the producers wait while the other half is written. The committer
// alone uses it.
type company struct {
	expected int           // units that will ask for a sync soon, as far as is known
	cost     time.Duration // of a write and its sync, averaged
	vain     int           // waits one after the other that were not worth it
	skip     int           // batches until the next wait
	single   int           // batches one after the other of one unit, with none waiting
}

const (
	// longestWait bounds a wait, which keeps a processor busy.
	longestWait = 150 * time.Microsecond
	// mostSkipped bounds the batches between two waits that are not worth it.
	mostSkipped = 64
	// leastSingle is how many single units make a producer alone.
	leastSingle = 32
)

// wrote notes a batch: how many of its units asked for a sync, how many more
// had come until it ended, and how long it took.
func (c *company) wrote(units, waiting int, took time.Duration) {
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
func (c *company) alone() bool { return c.single >= leastSingle }

// wait waits, at most half as long as a sync takes, until the expected units
// are there. Where fewer come than would have been written meanwhile, it waits
// more and more seldom.
func (c *company) wait(waiting func() int) {
	came := waiting()
	if came == 0 || came >= c.expected || runtime.GOMAXPROCS(0) == 1 {
		return
	}
	if c.skip > 0 {
		c.skip--
		return
	}
	first, began := came, time.Now()
	limit, waited := min(c.cost/2, longestWait), time.Duration(0)
	for came < c.expected && waited < limit {
		runtime.Gosched()
		came, waited = waiting(), time.Since(began)
	}
	if c.cost*time.Duration(came) >= (c.cost+waited)*time.Duration(first) {
		c.vain = 0
		return
	}
	c.vain++
	c.skip = min(1<<min(c.vain, 8), mostSkipped)
}
