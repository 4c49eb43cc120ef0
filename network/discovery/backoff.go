package discovery

import (
	"math"
	"time"
)

// backOff is how long a service that failed is left alone.
type backOff struct {
	initial     time.Duration
	max         time.Duration
	multiplier  int
	exponential bool
	attempts    int           // failures in a row after which it is given up; 0 is never
	minConnect  time.Duration // a failure sooner after the appearance is one to connect
}

func (b *backOff) options() map[string]set {
	return map[string]set{
		"initialReconnectDelay": duration(&b.initial),
		"maxReconnectDelay":     duration(&b.max),
		"backOffMultiplier":     number(&b.multiplier, 1, 1000),
		"useExponentialBackOff": boolean(&b.exponential),
		"maxReconnectAttempts":  number(&b.attempts, -1, math.MaxInt32),
	}
}

// exhausted reports whether a service that failed so often in a row is given
// up.
func (b *backOff) exhausted(failures int) bool { return b.attempts > 0 && failures >= b.attempts }

// next is the delay that follows one; 0 is before the first.
func (b *backOff) next(last time.Duration) time.Duration {
	if !b.exponential || last == 0 {
		return b.initial
	}
	return min(last*time.Duration(b.multiplier), max(b.max, b.initial))
}
