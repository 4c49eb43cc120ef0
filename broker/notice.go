package broker

import "github.com/conclavemq/conclave/message"

// What happens to consumers and is told to those who have asked for it. These
// are called under no lock of a destination's or a consumer's, so that they
// may publish.

// becameSlow says that s has turned slow at p, once for each of its
// destinations: it has come to have more waiting than it takes. (ActiveMQ:
// BaseDestination.slowConsumer)
func (b *Broker) becameSlow(s subscription, p *place) {
	b.patrols.slow(s, p)
	p.stats.slow.Add(1)
	b.events.happened("Detected slow consumer", p.dest)
	if p.policy.AdvisoryForSlowConsumers {
		b.advise.slowConsumer(p, s.details())
	}
}

// discarded says that m will not be delivered to s, which is too slow.
// (ActiveMQ: BaseDestination.messageDiscarded)
func (b *Broker) discarded(s subscription, p *place, m *message.Message) {
	n := p.stats.discarded.Add(1)
	b.events.befell("Message discarded", p, m)
	if s, ok := s.(*subscriber); ok && s.guides() {
		s.peer.Fail(failure(ErrTooSlow, "A bridge did not keep up with the advisories that it needs"))
	}
	if p.policy.AdvisoryForDiscardingMessages {
		b.advise.discarded(p, m, s.details().ID, n)
	}
}
