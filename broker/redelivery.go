package broker

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Redelivery has messages that a consumer has given up delivered again after a
// while, to any consumer. (ActiveMQ: RedeliveryPlugin)
type Redelivery struct {
	// Policy returns the policy of a destination; nil is none.
	Policy func(message.Destination) *RedeliveryPolicy
	// DropIfMaxRetriesExceeded is the opposite of sendToDlqIfMaxRetriesExceeded:
	// a message that has been delivered as often as its policy allows is gone.
	DropIfMaxRetriesExceeded bool
	// DropWithoutPolicy is the opposite of fallbackToDeadLetter.
	DropWithoutPolicy bool
}

// RedeliveryPolicy says how often and when. (ActiveMQ: RedeliveryPolicy)
type RedeliveryPolicy struct {
	MaximumRedeliveries    int // -1: for ever
	InitialRedeliveryDelay time.Duration
	RedeliveryDelay        time.Duration
	UseExponentialBackOff  bool
	BackOffMultiplier      float64
	MaximumRedeliveryDelay time.Duration // negative: none
	// CollisionAvoidance is the part by which a delay is varied at most, 0.15
	// by default in ActiveMQ; 0 is not at all.
	CollisionAvoidance float64
}

// propertyRedeliveryDelay is how long a message has waited, in ms.
const propertyRedeliveryDelay = "redeliveryDelay"

// duplicateFromStore begins the cause of what ActiveMQ's store has twice; it is
// never delivered again.
const duplicateFromStore = "duplicate from store for "

// delay is how long redelivery number n, from 0 on, waits.
func (p *RedeliveryPolicy) delay(n int32) time.Duration {
	d := p.InitialRedeliveryDelay
	for i := int32(0); i < min(n, maxBackOffs); i++ {
		d = p.next(d)
	}
	return d
}

// maxBackOffs is after how many steps a delay does not grow any more: it has
// come to the end of time long before.
const maxBackOffs = 1000

func (p *RedeliveryPolicy) next(last time.Duration) time.Duration {
	d := p.RedeliveryDelay
	if last > 0 && p.UseExponentialBackOff && p.BackOffMultiplier > 1 {
		d = scaled(last, p.BackOffMultiplier)
		if p.MaximumRedeliveryDelay >= 0 && d > p.MaximumRedeliveryDelay {
			d = max(p.MaximumRedeliveryDelay, p.RedeliveryDelay)
		}
	}
	if p.CollisionAvoidance > 0 {
		d += scaled(d, p.CollisionAvoidance*(2*rand.Float64()-1))
	}
	return d
}

// scaled multiplies, within 100 years.
func scaled(d time.Duration, by float64) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	return time.Duration(min(float64(d)*by, float64(most)))
}

// again says what is to become of a message that a consumer has given up: a
// job that delivers it again, nothing, or, if neither, a dead letter.
func (b *Broker) again(r *ref, cause string) (job *message.Message, drop bool) {
	o := b.options.Redelivery
	if o == nil || !b.schedule.enabled || strings.Contains(cause, duplicateFromStore) {
		return nil, false
	}
	dest := r.home.base().dest
	p := o.Policy(dest)
	switch {
	case p == nil:
		return nil, o.DropWithoutPolicy
	case p.MaximumRedeliveries != -1 && int(r.redeliveries) >= p.MaximumRedeliveries:
		return nil, o.DropIfMaxRetriesExceeded
	}
	job, err := b.schedule.redelivery(r.m, r.redeliveries, p.delay(r.redeliveries))
	if err != nil {
		b.log.Warn("message cannot be delivered again", "destination", dest.String(), "message", r.m.ID.String(), "error", err)
	}
	return job, false
}

// redelivery makes the job of a message that has been redelivered n times.
func (s *schedule) redelivery(m *message.Message, n int32, delay time.Duration) (*message.Message, error) {
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return nil, err
	}
	ms := delay.Milliseconds()
	c := m.Copy()
	c.Transaction = message.TransactionID{}
	c.RedeliveryCounter = n + 1
	properties = properties.Remove(scheduledJobID).Remove(scheduledPeriod).Remove(scheduledRepeat).Remove(scheduledCron).Set(propertyRedeliveryDelay, ms).Set(scheduledDelay, ms)
	j := newJob(c, properties, plan{delay: ms})
	j.redone = true
	s.rename(j)
	return s.stamped(j)
}
