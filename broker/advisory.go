package broker

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
)

// Advisory topics. (ActiveMQ: AdvisorySupport)
const (
	advisoryConnection        = message.AdvisoryPrefix + "Connection"
	advisoryQueue             = message.AdvisoryPrefix + "Queue"
	advisoryTopic             = message.AdvisoryPrefix + "Topic"
	advisoryTempQueue         = message.AdvisoryPrefix + "TempQueue"
	advisoryTempTopic         = message.AdvisoryPrefix + "TempTopic"
	advisoryProducer          = message.AdvisoryPrefix + "Producer."
	advisoryProducerAnonymous = advisoryProducer + "Anonymous"
	advisoryConsumer          = message.AdvisoryPrefix + "Consumer."
	advisoryMasterBroker      = message.AdvisoryPrefix + "MasterBroker"
	advisoryNetworkBridge     = message.AdvisoryPrefix + "NetworkBridge"
	advisoryForwardFailure    = advisoryNetworkBridge + ".ForwardFailure"
)

// advisories tells who listens what comes and goes; a new listener is told
// first what there is. (ActiveMQ: AdvisoryBroker)
type advisories struct {
	b        *Broker
	id       message.ProducerID
	sequence atomic.Int64

	departures chan departure // for loop
	untold     atomic.Int64   // departures that found no room

	mu           sync.Mutex
	connections  map[message.ConnectionID]*message.ConnectionInfo // mu
	consumers    map[message.ConsumerID]announced                 // mu
	arrivals     uint64                                           // mu; of consumers, ever
	producers    map[message.ProducerID]*message.ProducerInfo     // mu
	destinations map[message.Destination]*message.DestinationInfo // mu
	demands      demands
}

func (a *advisories) init(b *Broker) {
	a.b = b
	a.id = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 1}
	a.departures = make(chan departure, maxDepartures)
	a.connections = map[message.ConnectionID]*message.ConnectionInfo{}
	a.consumers = map[message.ConsumerID]announced{}
	a.producers = map[message.ProducerID]*message.ProducerInfo{}
	a.destinations = map[message.Destination]*message.DestinationInfo{}
	a.demands.init(b.options.VirtualDestSubs)
}

// announced is a consumer that later listeners are told of, in the order in which
// they came.
type announced struct {
	info   *message.ConsumerInfo
	number uint64
}

// remember notes what will be told to later listeners, or forgets it.
func (a *advisories) remember(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *advisories) connection(info *message.ConnectionInfo) {
	a.b.events.connection("Adding", info.ID, info.ClientID)
	if a.b.options.DisableAdvisories {
		return
	}
	a.remember(func() { a.connections[info.ID] = info })
	a.fire(advisoryConnection, info)
}

func (a *advisories) connectionGone(info *message.ConnectionInfo) {
	a.b.events.connection("Removing", info.ID, info.ClientID)
	if a.b.options.DisableAdvisories {
		return
	}
	a.remember(func() { delete(a.connections, info.ID) })
	a.fire(advisoryConnection, removal(info.ID))
}

// consumer announces a consumer, or tells it what there is if it listens to
// advisories.
func (a *advisories) consumer(s subscription) {
	a.b.events.consumer("Adding", s.details())
	if a.b.options.DisableAdvisories {
		return
	}
	info := s.details()
	if isAdvisory(info.Destination) {
		if listener, ok := s.(*subscriber); ok {
			a.replay(listener)
		}
		return
	}
	a.remember(func() {
		a.arrivals++
		a.consumers[info.ID] = announced{info, a.arrivals}
	})
	a.demand(info)
	a.fireConsumer(info.Destination, info)
}

func (a *advisories) consumerGone(s subscription) {
	info := s.details()
	a.b.events.consumer("Removing", info)
	if a.b.options.DisableAdvisories || isAdvisory(info.Destination) {
		return
	}
	a.remember(func() { delete(a.consumers, info.ID) })
	a.demandGone(info.ID)
	a.fireConsumer(info.Destination, removal(info.ID))
}

func (a *advisories) subscriptionGone(dest message.Destination, info *message.RemoveSubscriptionInfo) {
	a.b.events.unsubscribed(dest, info)
	if !a.b.options.DisableAdvisories {
		a.fireConsumer(dest, info)
	}
}

func (a *advisories) producer(info *message.ProducerInfo) {
	a.b.events.producer("Adding", info)
	if a.unnamed(info) {
		return
	}
	a.remember(func() { a.producers[info.ID] = info })
	eachPart(info, func(one *message.ProducerInfo) { a.fireProducer(one.Destination, one) })
}

func (a *advisories) producerGone(info *message.ProducerInfo) {
	a.b.events.producer("Removing", info)
	if a.unnamed(info) {
		return
	}
	a.remember(func() { delete(a.producers, info.ID) })
	eachPart(info, func(one *message.ProducerInfo) { a.fireProducer(one.Destination, removal(info.ID)) })
}

// removal says that a connection, a consumer or a producer is gone.
func removal(object any) *message.RemoveInfo {
	return &message.RemoveInfo{Object: object, LastDelivered: message.LastDeliveredUnknown}
}

// eachPart gives the producer, or one for each part of a composite destination.
// (ActiveMQ: CompositeDestinationBroker.addProducer)
func eachPart(info *message.ProducerInfo, do func(*message.ProducerInfo)) {
	if !info.Destination.IsComposite() {
		do(info)
		return
	}
	for _, part := range info.Destination.Parts() {
		one := *info
		one.Destination = part
		do(&one)
	}
}

// unnamed reports that a producer is not told of.
func (a *advisories) unnamed(info *message.ProducerInfo) bool {
	switch {
	case a.b.options.DisableAdvisories:
		return true
	case info.Destination.IsZero():
		return !a.b.options.AnonymousProducerAdvisories
	}
	return isAdvisory(info.Destination)
}

// destination announces that a destination was created or removed.
//
// path are the brokers by which it was told of, of what is removed those by
// which it came. (ActiveMQ: DestinationInfo.brokerPath, by which bridges do not
// take their own broker's for another's)
func (a *advisories) destination(dest message.Destination, op message.DestinationOperation, by message.ConnectionID, path []message.BrokerID) {
	if dest.IsAdvisory() {
		return
	}
	if op == message.AddDestination {
		a.b.events.happened("Adding destination", dest)
	} else {
		a.b.events.happened("Removing destination", dest)
	}
	if a.b.options.DisableAdvisories {
		return
	}
	info := &message.DestinationInfo{Connection: by, Destination: dest, Operation: op, BrokerPath: path}
	a.remember(func() {
		if op == message.AddDestination {
			a.destinations[dest] = info
			return
		}
		if was := a.destinations[dest]; was != nil {
			info.BrokerPath = was.BrokerPath
		}
		delete(a.destinations, dest)
	})
	if op == message.AddDestination {
		a.fed(dest)
	} else {
		a.fedNoMore(dest)
	}
	a.fire(destinationTopic(dest.Kind), info)
	if op == message.RemoveDestination {
		a.forgetTopics(dest)
	}
}

// forgetTopics removes the topics of advisories about a destination that is
// gone, unless somebody listens. (ActiveMQ: getAllDestinationAdvisoryTopics)
func (a *advisories) forgetTopics(dest message.Destination) {
	names := []string{about(advisoryConsumer, dest), about(advisoryProducer, dest), about(advisoryExpired, dest), about(advisoryNoConsumer, dest)}
	for _, prefix := range []string{advisorySlow, advisoryFast, advisoryDiscarded, advisoryDelivered, advisoryConsumed, advisoryDispatched, advisoryDLQd, advisoryFull} {
		names = append(names, topicAbout(prefix, dest))
	}
	for _, name := range names {
		if t := a.b.registry.find(message.NewTopic(name)); t != nil {
			a.b.retire(t, consumers, nil)
		}
	}
}

func destinationTopic(k message.Kind) string {
	return [...]string{advisoryQueue, advisoryTopic, advisoryTempQueue, advisoryTempTopic}[k]
}

// isAdvisory reports whether a destination, or a part of it, is an advisory
// topic.
func isAdvisory(dest message.Destination) bool {
	for _, part := range dest.Parts() {
		if part.IsAdvisory() {
			return true
		}
	}
	return false
}

// about returns the topic of advisories about a destination.
func about(prefix string, dest message.Destination) string {
	kind := "Topic."
	if dest.Kind.IsQueue() {
		kind = "Queue."
	}
	return prefix + kind + strings.ReplaceAll(dest.Name, ",", "&sbquo;")
}

func (a *advisories) fireConsumer(dest message.Destination, data any) {
	a.tell(about(advisoryConsumer, dest), func() (any, message.Properties) { return data, a.consumerCount(dest) })
}

func (a *advisories) fireProducer(dest message.Destination, data any) {
	a.tell(producerTopic(dest), func() (any, message.Properties) { return data, a.producerCount(dest) })
}

// producerTopic returns the topic of advisories about producers of a
// destination, which may be null.
func producerTopic(dest message.Destination) string {
	if dest.IsZero() {
		return advisoryProducerAnonymous
	}
	return about(advisoryProducer, dest)
}

func (a *advisories) consumerCount(dest message.Destination) message.Properties {
	return message.Properties{{Name: "consumerCount", Value: int32(a.count(dest, func(p *place) int64 { return p.stats.consumers.Load() }))}}
}

func (a *advisories) producerCount(dest message.Destination) message.Properties {
	return message.Properties{{Name: "producerCount", Value: int32(a.count(dest, func(p *place) int64 { return p.stats.producers.Load() }))}}
}

func (a *advisories) count(dest message.Destination, of func(*place) int64) (n int64) {
	for _, part := range dest.Parts() {
		if part.IsPattern() {
			for _, t := range a.b.registry.matching(part) {
				n += of(t.base())
			}
		} else if t := a.b.registry.find(part); t != nil {
			n += of(t.base())
		}
	}
	return max(0, n)
}

// fire publishes an advisory without further properties, if anybody listens.
func (a *advisories) fire(name string, data any) {
	a.tell(name, func() (any, message.Properties) { return data, nil })
}

// tell publishes what is made only if anybody listens.
func (a *advisories) tell(name string, what func() (data any, properties message.Properties)) {
	dest := message.NewTopic(name)
	if t := a.topic(dest); t != nil {
		data, properties := what()
		t.arrive(a.message(dest, data, properties), nil)
	}
}

// topic returns an advisory topic that somebody listens to, or nil.
func (a *advisories) topic(dest message.Destination) target {
	t := a.b.registry.find(dest)
	if t == nil && a.b.registry.wanted(dest) {
		made, _, err := a.b.create(dest, nil)
		if err != nil {
			return nil
		}
		t = made
	}
	if t == nil || !t.inUse() {
		return nil
	}
	return t
}

// message makes an advisory.
func (a *advisories) message(dest message.Destination, data any, properties message.Properties) *message.Message {
	properties = append(properties,
		message.Property{Name: "originBrokerName", Value: a.b.name},
		message.Property{Name: "originBrokerId", Value: string(a.b.options.ID)},
		message.Property{Name: "originBrokerURL", Value: a.b.options.URL},
	)
	encoded, err := message.AppendProperties(nil, properties)
	if err != nil {
		a.b.log.Warn("advisory without properties", "topic", dest.Name, "error", err)
	}
	m := a.b.note(dest, a.id, a.sequence.Add(1))
	m.Type, m.DataStructure, m.Properties = "Advisory", data, encoded
	return m
}

// note makes a message of the broker's own.
func (b *Broker) note(dest message.Destination, by message.ProducerID, sequence int64) *message.Message {
	now := b.nowMS()
	return &message.Message{
		Destination:  dest,
		Producer:     by,
		ID:           message.MessageID{Producer: by, ProducerSequence: sequence, BrokerSequence: b.sequence.Add(1)},
		Timestamp:    now,
		BrokerInTime: now,
	}
}
