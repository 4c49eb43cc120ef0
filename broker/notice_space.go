package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// What happens to space and is told to those who have asked for it.

// full says that a producer has found no space at p, waits or is refused.
// (ActiveMQ: BaseDestination.isFull, fastProducer)
func (b *Broker) full(p *place, producer message.ProducerID) {
	p.stats.full.Add(1)
}

// unblocked says that a send to p has waited.
func (b *Broker) unblocked(p *place, waited time.Duration) {
	p.stats.blockedFor.Add(int64(waited))
}
