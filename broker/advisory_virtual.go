package broker

import (
	"maps"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// advisoryVirtualConsumer is the topics of demand for virtual destinations.
// (ActiveMQ: VIRTUAL_DESTINATION_CONSUMER_ADVISORY_TOPIC_PREFIX)
const advisoryVirtualConsumer = message.AdvisoryPrefix + "VirtualDestination.Consumer."

// demands are the consumers for whose sake a virtual destination is wanted:
// those of the destinations that it feeds, as if they consumed from it, and for
// useVirtualDestSubsOnCreation one for each queue that it feeds. Bridges of
// other brokers forward what is sent to it there. advisories.mu guards it.
// (ActiveMQ: AdvisoryBroker.virtualDestinationConsumers, brokerConsumerDests)
type demands struct {
	on        bool                                            // fixed
	consumers map[message.ConsumerID]*message.ConsumerInfo    // mu; as they are told of
	queues    map[message.Destination][]*message.ConsumerInfo // mu; by the queue that is fed
	made      int64                                           // mu: consumers for queues
}

func (d *demands) init(on bool) {
	d.on = on
	d.consumers = map[message.ConsumerID]*message.ConsumerInfo{}
	d.queues = map[message.Destination][]*message.ConsumerInfo{}
}

// VirtualConsumers are the consumers for whose sake virtual destinations are
// wanted, each with the virtual destination as its own; none without
// useVirtualDestSubs.
func (b *Broker) VirtualConsumers() []*message.ConsumerInfo {
	b.advise.mu.Lock()
	defer b.advise.mu.Unlock()
	return slices.Collect(maps.Values(b.advise.demands.consumers))
}

// demand tells that a consumer wants what is sent to a virtual destination: the
// first that feeds its own. (ActiveMQ: fireVirtualDestinationAddAdvisory)
func (a *advisories) demand(info *message.ConsumerInfo) {
	if !a.demands.on {
		return
	}
	for _, part := range info.Destination.Parts() {
		if feeders := a.b.routing.feeders(part); len(feeders) > 0 {
			wanted := *info
			wanted.Destination = feeders[0]
			a.remember(func() { a.demands.consumers[info.ID] = &wanted })
			a.fireDemand(wanted.Destination, &wanted)
			return
		}
	}
}

// demandGone takes back what demand told. ActiveMQ says so on the topic of the
// virtual destination's pattern, where listeners for one topic do not hear it;
// here it is the topic on which the demand was told.
func (a *advisories) demandGone(id message.ConsumerID) {
	if !a.demands.on {
		return
	}
	var wanted *message.ConsumerInfo
	a.remember(func() {
		wanted = a.demands.consumers[id]
		delete(a.demands.consumers, id)
	})
	if wanted != nil {
		a.fireDemand(wanted.Destination, removal(id))
	}
}

// fed tells that a queue is there that virtual destinations feed, whether it
// has consumers or not.
func (a *advisories) fed(dest message.Destination) {
	if !a.demands.on || !a.b.options.VirtualDestSubsOnCreation || !dest.Kind.IsQueue() {
		return
	}
	for _, feeder := range a.b.routing.feeders(dest) {
		wanted := &message.ConsumerInfo{Destination: feeder}
		a.remember(func() {
			a.demands.made++
			wanted.ID = message.ConsumerID{Connection: message.ConnectionID(a.b.options.ID + ":virtual"), Session: 1, Value: a.demands.made}
			a.demands.queues[dest] = append(a.demands.queues[dest], wanted)
			a.demands.consumers[wanted.ID] = wanted
		})
		a.fireDemand(feeder, wanted)
	}
}

// fedNoMore takes back what fed told.
func (a *advisories) fedNoMore(dest message.Destination) {
	if !a.demands.on {
		return
	}
	var list []*message.ConsumerInfo
	a.remember(func() {
		list = a.demands.queues[dest]
		delete(a.demands.queues, dest)
	})
	for _, wanted := range list {
		a.demandGone(wanted.ID)
	}
}

func (a *advisories) fireDemand(dest message.Destination, data any) {
	a.tell(about(advisoryVirtualConsumer, dest), func() (any, message.Properties) { return data, a.consumerCount(dest) })
}

// feeders are the virtual destinations that feed dest, each as one that can be
// sent to where that is known. (ActiveMQ:
// DestinationFilterVirtualDestinationMatcher, setConsumerInfoVirtualDest)
func (g *routing) feeders(dest message.Destination) (list []message.Destination) {
	add := func(d message.Destination) {
		if !isAdvisory(d) && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	for i := range g.topics {
		if v := &g.topics[i]; matches(message.NewQueue(v.Prefix+">"), dest) {
			add(message.NewTopic(v.fedFrom(dest.Name)))
		}
	}
	for i := range g.composites {
		if c := &g.composites[i]; slices.ContainsFunc(c.ForwardTo, func(f Forward) bool {
			return slices.ContainsFunc(f.Destination.Parts(), func(part message.Destination) bool { return matches(part, dest) })
		}) {
			add(c.Destination)
		}
	}
	return list
}

// fedFrom is the topic whose messages come to a queue: what is left of the name
// without the elements of prefix and postfix.
func (v *VirtualTopic) fedFrom(queue string) string {
	elements := strings.Split(queue, ".")
	before, after := pathElements(v.Prefix), pathElements(v.Postfix)
	if len(elements) <= before+after {
		return v.Name
	}
	return strings.Join(elements[before:len(elements)-after], ".")
}

func pathElements(affix string) int {
	affix = strings.Trim(affix, ".")
	if affix == "" {
		return 0
	}
	return strings.Count(affix, ".") + 1
}
