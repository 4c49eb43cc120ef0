package openwire

import (
	"fmt"
	"sync"
	"time"
)

// monitor watches a session for a peer that is silent or stuck, by timers of
// its own. (ActiveMQ: AbstractInactivityMonitor)
//
// A read check that finds nothing received since the one before ends the
// session, unless a command is being handled: then it is us who are slow. A
// write check that finds nothing sent queues a keep-alive. A write that is the
// same at two stuck checks ends the session.
type monitor struct {
	session *session

	mu      sync.Mutex
	stopped bool // guarded by mu
	started bool // guarded by mu
	timers  []*time.Timer

	handshake  *time.Timer
	lastReads  uint64 // guarded by mu
	lastWrites uint64 // guarded by mu: at the write check before
	kept       bool   // guarded by mu: that check queued a keep-alive
	stuckWrite uint64 // guarded by mu: at the stuck check before
	stuckSeen  int    // guarded by mu: checks that saw that write going on
}

// never is a count of reads that no session has: the first check passes.
const never = ^uint64(0)

func newMonitor(s *session) *monitor { return &monitor{session: s, lastReads: never} }

// awaitHandshake ends the session unless start is called within a time; 0 is
// no bound.
func (m *monitor) awaitHandshake(within time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if within <= 0 || m.stopped || m.started {
		return
	}
	m.handshake = time.AfterFunc(within, func() {
		m.session.end(fmt.Errorf("%w (%s)", errHandshake, within))
	})
}

// start begins the checks: of reads every period after an initial delay, of
// writes three times as often, of stuck writes every stuck. 0 leaves a check
// out. Only the first call counts.
func (m *monitor) start(period, initialDelay, stuck time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.handshake != nil {
		m.handshake.Stop()
	}
	if m.started || m.stopped {
		return
	}
	m.started = true
	if period > 0 {
		m.everyLocked(initialDelay, period, func() { m.checkRead(period) })
		m.everyLocked(initialDelay, writePeriod(period), m.checkWrite)
	}
	if stuck > 0 {
		m.everyLocked(stuck/2, stuck/2, func() { m.checkStuck(stuck) })
	}
}

// writePeriod is how often a peer is shown that we live. (ActiveMQ:
// InactivityMonitor.writeCheckValueFromReadCheck)
func writePeriod(read time.Duration) time.Duration {
	if read > 3*time.Millisecond {
		return read / 3
	}
	return read
}

// everyLocked calls check after delay and then every period, until stop.
func (m *monitor) everyLocked(delay, period time.Duration, check func()) {
	var timer *time.Timer
	timer = time.AfterFunc(delay, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.stopped {
			return
		}
		check()
		timer.Reset(period)
	})
	m.timers = append(m.timers, timer)
}

// later calls f after delay, unless the session has ended.
func (m *monitor) later(delay time.Duration, f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.timers = append(m.timers, time.AfterFunc(delay, f))
	}
}

// stop ends every check.
func (m *monitor) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	if m.handshake != nil {
		m.handshake.Stop()
	}
	for _, timer := range m.timers {
		timer.Stop()
	}
}

func (m *monitor) checkRead(period time.Duration) {
	reads := m.session.reads.Load()
	silent := reads == m.lastReads && !m.session.busy.Load()
	m.lastReads = reads
	if silent {
		m.session.end(fmt.Errorf("%w (>%s)", errInactive, period))
	}
}

// checkWrite queues a keep-alive where nothing else was written since the check
// before.
func (m *monitor) checkWrite() {
	writes := m.session.writer.writes.Load()
	idle := writes == m.lastWrites || m.kept && writes == m.lastWrites+2
	m.lastWrites, m.kept = writes, idle && writes&1 == 0
	if m.kept {
		m.session.out.trim()
		m.session.keepAlive()
	}
}

// stuckChecks is how often a write must be seen going on, at intervals of half
// the limit, so that it took the whole limit at least.
const stuckChecks = 3

func (m *monitor) checkStuck(limit time.Duration) {
	writes := m.session.writer.writes.Load()
	if writes&1 == 0 || writes != m.stuckWrite {
		m.stuckSeen = 0
	}
	if m.stuckWrite = writes; writes&1 == 1 {
		m.stuckSeen++
	}
	if m.stuckSeen >= stuckChecks {
		m.session.end(fmt.Errorf("%w for %s", errStuck, limit))
	}
}
