package client

import "time"

// failoverOptions are those of "failover:(…)?…". (ActiveMQ: FailoverTransport)
type failoverOptions struct {
	initialReconnectDelay time.Duration
	maxReconnectDelay     time.Duration
	reconnectDelay        time.Duration // the first delay of a start, 0: initialReconnectDelay
	exponentialBackOff    bool
	backOffMultiplier     float64
	maxAttempts           int // rounds, -1 for ever, 0 no reconnect
	startupMaxAttempts    int // -1: as maxAttempts
	warnAfter             int // rounds between warnings, 0 none
	randomize             bool

	backup         bool
	backupPoolSize int
	priorityBackup bool
	priorityURIs   string

	timeout            time.Duration // of sends while no broker serves, 0 none
	trackMessages      bool
	trackProducers     bool
	maxCacheSize       int64 // bytes
	updateURIs         bool
	updateURIsURL      string
	rebalanceURIs      bool
	reconnectSupported bool
}

func defaultFailover() failoverOptions {
	return failoverOptions{
		initialReconnectDelay: 10 * time.Millisecond,
		maxReconnectDelay:     30 * time.Second,
		exponentialBackOff:    true,
		backOffMultiplier:     2,
		maxAttempts:           -1,
		startupMaxAttempts:    -1,
		warnAfter:             10,
		randomize:             true,
		backupPoolSize:        1,
		trackProducers:        true,
		maxCacheSize:          128 << 10,
		updateURIs:            true,
		rebalanceURIs:         true,
		reconnectSupported:    true,
	}
}

// after gives the delay that follows a delay.
func (fo *failoverOptions) after(delay time.Duration) time.Duration {
	if !fo.exponentialBackOff {
		return delay
	}
	return min(time.Duration(min(float64(delay)*fo.backOffMultiplier, float64(maxDelay))), fo.maxReconnectDelay)
}

// first gives the delay of the first round at the start (lost is false), or
// after a lost connection.
func (fo *failoverOptions) first(lost bool) time.Duration {
	if !lost && fo.reconnectDelay > 0 && fo.exponentialBackOff {
		return fo.reconnectDelay
	}
	return fo.initialReconnectDelay
}

// attempts is how many rounds may be tried, at least one; -1 without end.
func (fo *failoverOptions) attempts(lost bool) int {
	n := fo.maxAttempts
	if !lost && fo.startupMaxAttempts != -1 {
		n = fo.startupMaxAttempts
	}
	if n < 0 {
		return -1
	}
	return max(n, 1)
}

// maxBackups bounds backupPoolSize.
const maxBackups = 16
