package broker

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// DestinationView is a destination as an operator sees it: its counts, and what
// its policy says that operators look for.
type DestinationView struct {
	DestinationStats
	// MemoryLimit is its own, or the one that it shares with others; 0 none.
	MemoryLimit         int64
	ProducerFlowControl bool
	Prioritized         bool
	AlwaysRetroactive   bool
	DeadLetters         bool // some have come here, or are meant to
	WarnInterval        time.Duration
}

// Inspect returns a snapshot of all destinations, by kind and name. It takes no
// lock but the registry's, to list them.
func (b *Broker) Inspect() []DestinationView {
	targets := b.registry.all()
	places := make([]*place, len(targets))
	for i, t := range targets {
		places[i] = t.base()
	}
	slices.SortFunc(places, func(x, y *place) int {
		return cmp.Or(cmp.Compare(x.dest.Kind, y.dest.Kind), cmp.Compare(x.dest.Name, y.dest.Name))
	})
	all := make([]DestinationView, len(places))
	for i, p := range places {
		limit := p.usage.limit
		if limit == 0 {
			limit = p.usage.fullest().limit
		}
		all[i] = DestinationView{
			DestinationStats: p.snapshot(), MemoryLimit: limit,
			ProducerFlowControl: p.policy.ProducerFlowControl, Prioritized: p.policy.PrioritizedMessages,
			AlwaysRetroactive: p.policy.AlwaysRetroactive, DeadLetters: p.graves.Load(),
			WarnInterval: p.policy.BlockedProducerWarningInterval,
		}
	}
	return all
}

// Space is what a broker takes on disks; limits of 0 are none.
type Space struct{ StoreUsed, StoreLimit, TempUsed, TempLimit int64 }

// Space tells what store and temporary store take, and may take.
func (b *Broker) Space() Space {
	s := Space{StoreUsed: b.store.Size(), StoreLimit: b.quota.limit.Load()}
	if spool := b.options.Spool; spool != nil {
		s.TempUsed, s.TempLimit = spool.Used(), spool.Limit()
	}
	return s
}

// departed are the counts of destinations that there are no more, so that
// totals do not fall when one is removed.
type departed struct {
	mu    sync.Mutex
	total DestinationStats // mu
}

func (d *departed) add(p *place) {
	one := p.snapshot()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total.count(one)
}

// count adds what rises.
func (s *DestinationStats) count(one DestinationStats) {
	s.Enqueued += one.Enqueued
	s.Dequeued += one.Dequeued
	s.Dispatched += one.Dispatched
	s.Expired += one.Expired
	s.Discarded += one.Discarded
	s.DeadLettered += one.DeadLettered
	s.NoSpace += one.NoSpace
}

// Departed sums up what was counted at destinations that there are no more.
// Only what rises is set.
func (b *Broker) Departed() DestinationStats {
	d := &b.departed
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total
}
