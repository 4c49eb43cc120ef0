package network

import (
	"slices"
	"sync/atomic"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// demand is a subscription on the local broker on behalf of consumers of the
// other one. (ActiveMQ: DemandSubscription) demands.mu guards what changes.
type demand struct {
	local   message.ConsumerInfo  // never changes
	proxied bool                  // never changes; for consumers of brokers behind the other one
	static  bool                  // never changes; without a consumer
	durable bool                  // never changes
	remote  *message.ConsumerInfo // never changes; the consumer that it was made for, or nil
	direct  atomic.Bool           // for consumers of the other broker's own

	interested  map[message.ConsumerID]bool // remote consumers; true: their subscription is durable though they are not
	subscribers map[subscriber]bool         // remote durable subscribers
	retiring    bool                        // gets no more; removed when nothing is under way
	draining    bool                        // durable; takes no more; removed when it holds nothing
	outstanding int                         // sent and not answered
	last        int64                       // BrokerSequence of what was sent last; LastDeliveredUnset at first
	idle        func()                      // called when retiring and outstanding is 0
}

func newDemand() *demand {
	return &demand{interested: map[message.ConsumerID]bool{}, subscribers: map[subscriber]bool{}, last: message.LastDeliveredUnset}
}

// subscriber is a durable subscriber of a remote broker.
type subscriber struct{ client, name string }

// demands are a bridge's. They are found by the local consumer, by the remote
// ones and by the destination, so that the cost of a consumer that comes or
// goes does not grow with the number of others. The bridge's mu guards it.
type demands struct {
	byLocal  map[message.ConsumerID]*demand
	byRemote map[message.ConsumerID][]*demand
	byName   map[message.Destination][]*demand // those without wildcards
	patterns []*demand
}

func newDemands() demands {
	return demands{
		byLocal:  map[message.ConsumerID]*demand{},
		byRemote: map[message.ConsumerID][]*demand{},
		byName:   map[message.Destination][]*demand{},
	}
}

func (ds *demands) add(d *demand) {
	ds.byLocal[d.local.ID] = d
	for id := range d.interested {
		ds.byRemote[id] = append(ds.byRemote[id], d)
	}
	if plain(d.local.Destination) {
		ds.byName[d.local.Destination] = append(ds.byName[d.local.Destination], d)
	} else {
		ds.patterns = append(ds.patterns, d)
	}
}

func plain(d message.Destination) bool { return !d.IsPattern() && !d.IsComposite() }

// remove forgets d.
func (ds *demands) remove(d *demand) {
	if ds.byLocal[d.local.ID] == d {
		delete(ds.byLocal, d.local.ID)
		ds.hide(d)
	}
}

// hide lets nobody join d any more.
func (ds *demands) hide(d *demand) {
	for id := range d.interested {
		without(ds.byRemote, id, d)
	}
	if plain(d.local.Destination) {
		without(ds.byName, d.local.Destination, d)
	} else {
		ds.patterns = slices.DeleteFunc(ds.patterns, func(o *demand) bool { return o == d })
	}
}

func without[K comparable](m map[K][]*demand, key K, d *demand) {
	rest := slices.DeleteFunc(m[key], func(o *demand) bool { return o == d })
	if len(rest) == 0 {
		delete(m, key)
	} else {
		m[key] = rest
	}
}

// join notes another consumer that d is for.
func (ds *demands) join(d *demand, id message.ConsumerID, forced bool) {
	if _, had := d.interested[id]; !had {
		ds.byRemote[id] = append(ds.byRemote[id], d)
	}
	d.interested[id] = forced
}

// part forgets that a consumer is one that d is for.
func (ds *demands) part(d *demand, id message.ConsumerID) {
	delete(d.interested, id)
	without(ds.byRemote, id, d)
}

// unwanted reports whether nobody needs d any more.
func (d *demand) unwanted() bool {
	return len(d.interested) == 0 && len(d.subscribers) == 0 && !d.static
}

// leave forgets a remote consumer and returns the demands that it was part of.
func (ds *demands) leave(id message.ConsumerID) []*demand {
	list := ds.byRemote[id]
	delete(ds.byRemote, id)
	for _, d := range list {
		delete(d.interested, id)
	}
	return list
}

// covering lists the demands whose destination covers dest.
func (ds *demands) covering(dest message.Destination) []*demand {
	list := slices.Clone(ds.byName[dest])
	for _, d := range ds.patterns {
		for _, part := range d.local.Destination.Parts() {
			if broker.Matches(part, dest) {
				list = append(list, d)
				break
			}
		}
	}
	return list
}
