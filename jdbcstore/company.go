package jdbcstore

import "time"

// company lets the committer wait a moment before it sends. Producers that
// were confirmed together send their next messages almost together; a
// transaction that begins with the first of those leaves the others to the
// next one, and half of the producers wait while the other half is written.
// The committer alone uses it.
type company struct {
	expected int           // units that will ask for a sync soon, as far as is known
	cost     time.Duration // of a transaction, averaged
	vain     int           // waits one after the other that were not worth it
	skip     int           // batches until the next wait
}

const (
	// longestWait bounds a wait.
	longestWait = time.Millisecond
	// mostSkipped bounds the batches between two waits that are not worth it.
	mostSkipped = 64
)

// wrote notes a batch: how many of its units asked for a sync, how many more
// had come until it ended, and how long it took.
func (c *company) wrote(units, waiting int, took time.Duration) {
	c.expected = units + waiting
	if c.cost += (took - c.cost) / 8; c.cost == 0 {
		c.cost = took
	}
}

// wait waits, at most half as long as a transaction takes, until the expected
// units are there; wake says that there may be more. Where fewer come than
// would have been written meanwhile, it waits more and more seldom.
func (c *company) wait(waiting func() int, wake <-chan struct{}) {
	came := waiting()
	if came == 0 || came >= c.expected {
		return
	}
	if c.skip > 0 {
		c.skip--
		return
	}
	first, began := came, time.Now()
	limit := time.NewTimer(min(c.cost/2, longestWait))
	defer limit.Stop()
	for expired := false; came < c.expected && !expired; came = waiting() {
		select {
		case <-wake:
		case <-limit.C:
			expired = true
		}
	}
	if c.cost*time.Duration(came) >= (c.cost+time.Since(began))*time.Duration(first) {
		c.vain = 0
		return
	}
	c.vain++
	c.skip = min(1<<min(c.vain, 8), mostSkipped)
}
