package broker

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

// counters are a destination's statistics.
type counters struct {
	enqueued, dequeued, dispatched, expired  atomic.Int64
	inflight, size, consumers, producers     atomic.Int64
	blocked, discarded, deadLettered, copies atomic.Int64
	full, blockedFor                         atomic.Int64 // times without space; ns
	slow                                     atomic.Int64
}

// DestinationStats is a snapshot of one destination. (ActiveMQ:
// DestinationStatistics)
type DestinationStats struct {
	Destination  message.Destination
	Enqueued     int64 // messages accepted
	Dequeued     int64 // messages acknowledged; of a topic, by each subscription
	Dispatched   int64
	Expired      int64
	InFlight     int64 // delivered and not yet acknowledged
	Size         int64 // messages in a queue
	Consumers    int64
	Producers    int64
	Blocked      int64         // sends that wait for memory
	NoSpace      int64         // sends that found no space, and waited or were refused
	BlockedFor   time.Duration // what sends have waited together
	Discarded    int64         // dropped for slow or absent consumers
	Slow         int64         // times that a consumer turned slow
	DeadLettered int64
	Duplicates   int64 // deliveries that a client recognised as duplicates
	Memory       int64 // bytes of messages in memory
}

func (p *place) snapshot() DestinationStats {
	s := &p.stats
	return DestinationStats{
		Destination:  p.dest,
		Enqueued:     s.enqueued.Load(),
		Dequeued:     s.dequeued.Load(),
		Dispatched:   s.dispatched.Load(),
		Expired:      s.expired.Load(),
		InFlight:     max(0, s.inflight.Load()),
		Size:         max(0, s.size.Load()),
		Consumers:    s.consumers.Load(),
		Producers:    max(0, s.producers.Load()), // one that outlives its destination leaves the next of that name
		Blocked:      s.blocked.Load(),
		NoSpace:      s.full.Load(),
		BlockedFor:   time.Duration(s.blockedFor.Load()),
		Discarded:    s.discarded.Load(),
		Slow:         s.slow.Load(),
		DeadLettered: s.deadLettered.Load(),
		Duplicates:   s.copies.Load(),
		Memory:       p.usage.used.Load(),
	}
}

// Destinations returns a snapshot of all destinations, by kind and name.
func (b *Broker) Destinations() []DestinationStats {
	var all []DestinationStats
	for _, t := range b.registry.all() {
		all = append(all, t.base().snapshot())
	}
	slices.SortFunc(all, func(x, y DestinationStats) int {
		return cmp.Or(cmp.Compare(x.Destination.Kind, y.Destination.Kind),
			cmp.Compare(x.Destination.Name, y.Destination.Name))
	})
	return all
}

// Memory returns the bytes of messages held in memory and their limit.
func (b *Broker) Memory() (used, limit int64) {
	return b.usage.used.Load(), b.usage.limit
}
