package broker

import (
	"errors"
	"time"

	"github.com/conclavemq/conclave/message"
)

// rest is since when a destination has not been used. It belongs to
// purgeInactive.
type rest struct {
	since time.Time // zero: it is in use
	marks int64     // what had happened to it by then
}

// furnish creates the destinations that there are from the start.
func (b *Broker) furnish() {
	for _, dest := range b.options.Destinations {
		for _, part := range b.named(dest).Parts() {
			if _, err := b.ensure(part); err != nil {
				b.log.Error("cannot create a destination at the start", "destination", part.String(), "error", err)
			}
		}
	}
}

// purgeInactive removes destinations that nobody uses. (ActiveMQ:
// RegionBroker.purgeInactiveDestinations)
func (b *Broker) purgeInactive() {
	ticker := time.NewTicker(b.options.PurgePeriod)
	defer ticker.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
			if b.mayServe() {
				b.purge()
			}
		}
	}
}

// purge looks once, and returns how many destinations it has removed.
func (b *Broker) purge() (n int) {
	now := b.now()
	for _, t := range b.registry.all() {
		p := t.base()
		if !b.purgeable(p) || !p.rested(now) {
			continue
		}
		if !b.retire(t, anything, nil) {
			continue
		}
		b.log.Info(p.dest.Name+" Inactive for longer than "+p.policy.InactiveTimeoutBeforeGC.String()+" - removing ...", "destination", p.dest.String())
		if n++; n == b.options.PurgeAtOnce {
			break
		}
	}
	return n
}

func (b *Broker) purgeable(p *place) bool {
	if !p.policy.GCInactiveDestinations || p.policy.InactiveTimeoutBeforeGC <= 0 {
		return false
	}
	return !p.dest.Kind.IsTemporary() || b.options.AllowTempAutoCreationOnSend
}

// rested notes whether p is in use, and reports whether it has not been for
// long enough.
func (p *place) rested(now time.Time) bool {
	s := &p.stats
	idle := s.size.Load() == 0 && s.producers.Load() <= 0 && (s.consumers.Load() == 0 || p.policy.GCWithNetworkConsumers)
	marks := p.visits.Load() + s.enqueued.Load() + s.dequeued.Load()
	switch {
	case !idle:
		p.rest = rest{}
	case p.rest.since.IsZero() || p.rest.marks != marks:
		p.rest = rest{now, marks}
	}
	return idle && now.Sub(p.rest.since) >= p.policy.InactiveTimeoutBeforeGC
}

// roomLocked refuses a destination that would be one too many. recovered ones
// are only counted against what the broker can hold.
func (g *registry) roomLocked(b *Broker, dest message.Destination, recovered bool) error {
	tooMany := errors.Join(ErrLimit, ErrTooManyDestinations)
	if len(g.targets) >= maxDestinations {
		return failure(tooMany, "The maxmimum number of destinations allowed (%d) has already been reached.", maxDestinations)
	}
	if recovered || b.options.Policy == nil || dest.IsAdvisory() {
		return nil
	}
	p := b.options.Policy(dest)
	if p.MaxDestinations < 0 {
		return nil
	}
	pattern := p.Pattern
	if pattern.IsZero() {
		pattern = message.Destination{Kind: dest.Kind, Name: ">"}
	}
	switch {
	case g.countedLocked(pattern) < p.MaxDestinations:
		return nil
	case p.Pattern.IsZero():
		return failure(tooMany, "The maxmimum number of destinations allowed (%d) has already been reached.", p.MaxDestinations)
	}
	return failure(tooMany, "The maxmimum number of destinations allowed (%d) for the policy %s has already been reached.", p.MaxDestinations, pattern)
}

// countedLocked is how many destinations a policy's pattern covers. From the
// first time on they are counted as they come and go.
func (g *registry) countedLocked(pattern message.Destination) int {
	n, ok := g.tallies[pattern]
	if !ok {
		for dest := range g.targets {
			if !dest.IsAdvisory() && matches(pattern, dest) {
				n++
			}
		}
		g.tallies[pattern] = n
	}
	return n
}

func (g *registry) tallyLocked(dest message.Destination, n int) {
	for pattern := range g.tallies {
		if !dest.IsAdvisory() && matches(pattern, dest) {
			g.tallies[pattern] += n
		}
	}
}
