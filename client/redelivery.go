package client

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// RedeliveryPolicy says how often, and after which delays, a consumer repeats
// what was rolled back, recovered, or failed in a listener, before it goes to
// the dead-letter queue. The zero value is ActiveMQ's default. (ActiveMQ:
// RedeliveryPolicy, jms.redeliveryPolicy.*)
type RedeliveryPolicy struct {
	Maximum       int32         // repeats before the dead-letter queue; 0: 6, -1: without end, Never: none
	InitialDelay  time.Duration // before the first repeat; 0: 1 s, negative: none
	Delay         time.Duration // before the others; 0: InitialDelay, negative: none
	MaximumDelay  time.Duration // that back-off may reach, 0: no bound
	BackOff       bool          // each delay is a multiple of the one before
	Multiplier    float64       // of BackOff; 0: 5
	Collision     bool          // delays vary at random
	CollisionBy   float64       // by this part of them at most; 0: 0.15
	NoPreDispatch bool          // give out what comes from the broker with too many deliveries behind it
}

// Never, as RedeliveryPolicy.Maximum, repeats nothing: what is rolled back goes
// to the dead-letter queue.
const Never int32 = -2

// filled is the policy with its defaults; Never has become 0 and no delay too.
func (p RedeliveryPolicy) filled() RedeliveryPolicy {
	switch p.Maximum {
	case 0:
		p.Maximum = 6
	case Never:
		p.Maximum = 0
	}
	p.InitialDelay = delayOr(p.InitialDelay, time.Second)
	p.Delay = delayOr(p.Delay, p.InitialDelay)
	if p.Multiplier == 0 {
		p.Multiplier = 5
	}
	if p.CollisionBy == 0 {
		p.CollisionBy = 0.15
	}
	return p
}

func delayOr(d, byDefault time.Duration) time.Duration {
	switch {
	case d == 0:
		return byDefault
	case d < 0:
		return 0
	}
	return d
}

// after gives the delay that follows previous, of a policy that is filled; repeat says that the message
// was repeated before. random is within [0,1). (ActiveMQ:
// RedeliveryPolicy.getNextRedeliveryDelay)
func (p *RedeliveryPolicy) after(previous time.Duration, repeat bool, random float64) time.Duration {
	if !repeat {
		return p.InitialDelay
	}
	next := p.Delay
	if previous > 0 && p.BackOff && p.Multiplier > 1 {
		next = time.Duration(min(float64(previous)*p.Multiplier, float64(maxDelay)))
		if p.MaximumDelay > 0 && next > p.MaximumDelay {
			next = max(p.MaximumDelay, p.Delay)
		}
	}
	if p.Collision {
		next += time.Duration(float64(next) * p.CollisionBy * (2*random - 1))
	}
	return next
}

// maxDelay keeps multiplication within time.Duration.
const maxDelay = 30 * 24 * time.Hour

// exceeded reports whether a count of repeats is more than the policy allows.
func (p *RedeliveryPolicy) exceeded(count int32) bool { return p.Maximum >= 0 && count > p.Maximum }

// String is what a dead letter's cause says of a policy, as in ActiveMQ.
func (p *RedeliveryPolicy) String() string {
	return fmt.Sprintf("RedeliveryPolicy {collisionAvoidanceFactor = %v, maximumRedeliveries = %d, maximumRedeliveryDelay = %d, "+
		"initialRedeliveryDelay = %d, useCollisionAvoidance = %t, useExponentialBackOff = %t, backOffMultiplier = %v, "+
		"redeliveryDelay = %d, preDispatchCheck = %t}", p.CollisionBy, p.Maximum, maximumMS(p.MaximumDelay),
		p.InitialDelay.Milliseconds(), p.Collision, p.BackOff, p.Multiplier, p.Delay.Milliseconds(), !p.NoPreDispatch)
}

func maximumMS(d time.Duration) int64 {
	if d <= 0 {
		return -1
	}
	return d.Milliseconds()
}

// next is after with a random number of its own.
func (p *RedeliveryPolicy) next(previous time.Duration, repeat bool) time.Duration {
	return p.after(previous, repeat, rand.Float64())
}
