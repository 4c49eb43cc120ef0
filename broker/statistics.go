package broker

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
)

// Names that ask for statistics: destinations, and properties of the asking
// message. (ActiveMQ: StatisticsBroker)
const (
	statisticsPrefix       = "ActiveMQ.Statistics"
	statisticsDestination  = statisticsPrefix + ".Destination"
	statisticsBroker       = statisticsPrefix + ".Broker"
	statisticsReset        = statisticsPrefix + ".Broker.Reset"
	statisticsSubscription = statisticsPrefix + ".Subscription"
	statisticsEnd          = statisticsPrefix + ".Destination.List.End.With.Null"
	statisticsFirst        = statisticsPrefix + ".Destination.Include.First.Message.Timestamp"
)

// Statistics answers messages that ask for statistics with map messages.
// (ActiveMQ: StatisticsBroker)
type Statistics struct {
	// Connectors are the clients' URIs by what they speak: openwire, stomp,
	// ssl, stomp+ssl.
	Connectors map[string]string
	// DataDirectory is where the store is, "" if there is none.
	DataDirectory string
	// StoreLimit is how large the store may become, in bytes; 0 without a
	// limit.
	StoreLimit int64

	sequence atomic.Int64

	mu    sync.Mutex
	reset DestinationStats // mu; what is subtracted since the last reset
}

// statistics answers m if it asks for statistics; true says that it does and
// goes nowhere else.
func (c *Connection) statistics(m *message.Message) (answered bool, err error) {
	s := c.b.options.Statistics
	if s == nil || m.ReplyTo.IsZero() || !strings.HasPrefix(m.Destination.Name, statisticsPrefix) {
		return false, nil
	}
	asked, damaged := message.ParseProperties(m.Properties)
	if damaged != nil {
		asked = nil // as if there were none
	}
	var answers []message.Properties
	switch name := m.Destination.Name; {
	case strings.HasPrefix(name, statisticsDestination):
		if answers, err = c.b.statisticsOf(m.Destination.Kind, strings.TrimPrefix(name[len(statisticsDestination):], "."), asked); err != nil {
			return true, err
		}
	case strings.HasPrefix(name, statisticsBroker):
		if _, ok := asked.Get(statisticsReset); ok {
			c.b.resetStatistics(s)
		}
		answers = []message.Properties{c.b.statisticsOfAll(s)}
	case strings.HasPrefix(name, statisticsSubscription):
		answers = c.b.statisticsOfSubscriptions()
	default:
		return false, nil
	}
	parts, err := askable(m.ReplyTo)
	for _, part := range parts {
		t, err := c.sendable(part)
		if err != nil {
			return true, err
		}
		for _, a := range answers {
			c.b.answer(t, m, s.sequence.Add(1), a)
		}
	}
	return true, err
}

// Bounds of one question.
const (
	maxAsked   = 16    // parts of a composite destination
	maxAnswers = 65536 // messages
)

// askable returns the parts of a destination, if there are few enough.
func askable(dest message.Destination) ([]message.Destination, error) {
	if parts := dest.Parts(); len(parts) <= maxAsked {
		return parts, nil
	}
	return nil, failure(ErrInvalidDestination, "Statistics of more than %d destinations at once", maxAsked)
}

// answer sends one answer to what m asks.
func (b *Broker) answer(t target, m *message.Message, sequence int64, fields message.Properties) {
	content, err := message.AppendProperties(nil, fields)
	if err != nil {
		b.log.Warn("statistics cannot be answered", "destination", m.Destination.String(), "error", err)
		return
	}
	by := message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 2}
	a := b.note(t.base().dest, by, sequence)
	a.Body, a.Content, a.Priority, a.Type, a.CorrelationID = message.Map, content, 4, "Advisory", m.CorrelationID
	t.arrive(a, nil)
}

// statisticsOf answers for destinations that a query names, which may be a
// pattern.
func (b *Broker) statisticsOf(kind message.Kind, query string, asked message.Properties) ([]message.Properties, error) {
	name := strings.ReplaceAll(query, statisticsEnd, "")
	_, end := asked.Get(statisticsEnd)
	_, first := asked.Get(statisticsFirst)
	parts, err := askable(message.ParseDestination(name, kind))
	if err != nil {
		return nil, err
	}
	var answers []message.Properties
	for _, part := range parts {
		for _, t := range b.registry.matching(part) {
			if len(answers) < maxAnswers {
				answers = append(answers, b.describe(t, first))
			}
		}
	}
	if end || name != query {
		answers = append(answers, nil)
	}
	return answers, nil
}

func (b *Broker) describe(t target, first bool) message.Properties {
	p := t.base()
	s, m := p.snapshot(), measure(t)
	fields := b.identity()
	fields = append(fields, message.Property{Name: "destinationName", Value: p.dest.String()})
	fields = append(fields, countsOf(&s, &m)...)
	fields = append(fields, spaceOf("memory", p.usage.used.Load(), p.usage.fullest().limit)...)
	if first {
		if ms, ok := firstArrival(t); ok {
			fields = append(fields, message.Property{Name: "firstMessageTimestamp", Value: ms})
		}
	}
	return fields
}

// firstArrival is when the first message of a queue came, in ms since 1970.
func firstArrival(t target) (ms int64, ok bool) {
	q, isQueue := t.(*queue)
	if !isQueue {
		return 0, false
	}
	q.mu.Lock()
	r := q.window.head
	if r != nil {
		ms = r.m.BrokerInTime
	}
	q.mu.Unlock()
	if r != nil {
		return ms, true
	}
	entries, err := q.b.store.Page(nil, q.dest, 0, 1, 1)
	if err != nil || len(entries) == 0 {
		return 0, false
	}
	return entries[0].Message.BrokerInTime, true
}

// identity begins every answer.
func (b *Broker) identity() message.Properties {
	return message.Properties{{Name: "brokerName", Value: b.name}, {Name: "brokerId", Value: string(b.options.ID)}}
}

// countsOf is what answers about one and about all destinations have in
// common.
func countsOf(s *DestinationStats, m *times) message.Properties {
	average, longest, shortest := m.waits()
	return message.Properties{
		{Name: "size", Value: s.Size}, {Name: "enqueueCount", Value: s.Enqueued},
		{Name: "dequeueCount", Value: s.Dequeued}, {Name: "dispatchCount", Value: s.Dispatched},
		{Name: "expiredCount", Value: s.Expired}, {Name: "inflightCount", Value: s.InFlight},
		{Name: "messagesCached", Value: m.cached}, {Name: "averageMessageSize", Value: m.averageSize()},
		{Name: "averageEnqueueTime", Value: average}, {Name: "maxEnqueueTime", Value: longest},
		{Name: "minEnqueueTime", Value: shortest},
		{Name: "consumerCount", Value: s.Consumers}, {Name: "producerCount", Value: s.Producers},
	}
}

func spaceOf(what string, used, limit int64) message.Properties {
	percent := int32(0)
	if limit > 0 {
		percent = int32(min(used*100/limit, 1<<31-1))
	}
	return message.Properties{
		{Name: what + "PercentUsage", Value: percent}, {Name: what + "Usage", Value: used}, {Name: what + "Limit", Value: limit},
	}
}

// statisticsOfAll sums up all destinations.
func (b *Broker) statisticsOfAll(s *Statistics) message.Properties {
	sum, m := b.sums()
	s.mu.Lock()
	base := s.reset
	s.mu.Unlock()
	sum.Enqueued -= base.Enqueued
	sum.Dequeued -= base.Dequeued
	sum.Dispatched -= base.Dispatched
	sum.Expired -= base.Expired
	fields := append(b.identity(), countsOf(&sum, &m)...)
	used, limit := b.Memory()
	fields = append(fields, spaceOf("memory", used, limit)...)
	used = 0
	if sized, ok := b.store.(interface{ Size() int64 }); ok {
		used = sized.Size()
	}
	fields = append(fields, spaceOf("store", used, s.StoreLimit)...)
	fields = append(fields, spaceOf("temp", 0, 0)...)
	for _, name := range []string{"openwire", "stomp", "ssl", "stomp+ssl", "vm"} {
		fields = append(fields, message.Property{Name: name, Value: s.Connectors[name]})
	}
	return append(fields, message.Property{Name: "dataDirectory", Value: s.DataDirectory})
}

// sums adds up what there is and what there was.
func (b *Broker) sums() (DestinationStats, times) {
	sum := b.Departed()
	var m times
	for _, t := range b.registry.all() {
		one := t.base().snapshot()
		sum.count(one)
		sum.InFlight += one.InFlight
		sum.Size += one.Size
		sum.Consumers += one.Consumers
		sum.Producers += one.Producers
		m.add(measure(t))
	}
	return sum, m
}

func (b *Broker) resetStatistics(s *Statistics) {
	sum, _ := b.sums()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset = sum
}
