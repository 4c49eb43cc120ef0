package broker

import "github.com/conclavemq/conclave/message"

// Advisory topics about messages and the consumers and producers of one
// destination. (ActiveMQ: AdvisorySupport)
const (
	advisoryExpired    = message.AdvisoryPrefix + "Expired."
	advisoryNoConsumer = message.AdvisoryPrefix + "NoConsumer."
	advisorySlow       = message.AdvisoryPrefix + "SlowConsumer."
	advisoryFast       = message.AdvisoryPrefix + "FastProducer."
	advisoryDiscarded  = message.AdvisoryPrefix + "MessageDiscarded."
	advisoryFull       = message.AdvisoryPrefix + "FULL."
	advisoryDelivered  = message.AdvisoryPrefix + "MessageDelivered."
	advisoryConsumed   = message.AdvisoryPrefix + "MessageConsumed."
	advisoryDispatched = message.AdvisoryPrefix + "MessageDispatched."
	advisoryDLQd       = message.AdvisoryPrefix + "MessageDLQd."
)

// Properties of such advisories; "orignal" is how ActiveMQ writes it.
const (
	propertyMessageID = "orignalMessageId"
	propertyOrigin    = "orignalDestination"
	propertyConsumer  = "consumerId"
	propertyProducer  = "producerId"
	propertyDiscarded = "discardedCount"
	propertyUsage     = "usageName"
	propertyUsed      = "usageCount"
)

var typeNames = [...]string{message.Queue: "Queue.", message.Topic: "Topic.", message.TempQueue: "TempQueue.", message.TempTopic: "TempTopic."}

// topicAbout returns the topic of advisories about a destination whose name says
// what kind it is, temporary or not.
func topicAbout(prefix string, dest message.Destination) string {
	return prefix + typeNames[dest.Kind] + dest.Name
}

// silent reports that nothing is to be told about p.
func (a *advisories) silent(p *place) bool {
	return a.b.options.DisableAdvisories || p.dest.IsAdvisory()
}

// payload is m as an advisory carries it.
func payload(p *place, m *message.Message) *message.Message {
	c := m.Copy()
	if !p.policy.IncludeBodyForAdvisory {
		c.Content, c.Compressed = nil, false
	}
	return c
}

// report tells of a message at p.
func (a *advisories) report(prefix string, p *place, m *message.Message, more ...message.Property) {
	properties := append(message.Properties{
		{Name: propertyMessageID, Value: m.ID.String()},
		{Name: propertyOrigin, Value: p.dest.String()},
	}, more...)
	a.tell(topicAbout(prefix, p.dest), func() (any, message.Properties) { return payload(p, m), properties })
}

func (a *advisories) delivered(p *place, m *message.Message) {
	if !a.silent(p) {
		a.report(advisoryDelivered, p, m)
	}
}

func (a *advisories) consumed(p *place, m *message.Message) {
	if !a.silent(p) {
		a.report(advisoryConsumed, p, m)
	}
}

func (a *advisories) dispatched(p *place, m *message.Message, c message.ConsumerID) {
	if !a.silent(p) {
		a.report(advisoryDispatched, p, m, message.Property{Name: propertyConsumer, Value: c.String()})
	}
}

func (a *advisories) discarded(p *place, m *message.Message, c message.ConsumerID, total int64) {
	if !a.silent(p) {
		a.report(advisoryDiscarded, p, m,
			message.Property{Name: propertyDiscarded, Value: int32(min(total, 1<<31-1))},
			message.Property{Name: propertyConsumer, Value: c.String()})
	}
}

func (a *advisories) expired(p *place, m *message.Message) {
	a.b.events.befell("Message has expired", p, m)
	if a.silent(p) {
		return
	}
	a.tell(about(advisoryExpired, p.dest), func() (any, message.Properties) {
		return payload(p, m), message.Properties{{Name: propertyMessageID, Value: m.ID.String()}}
	})
}

func (a *advisories) deadLettered(p *place, m *message.Message) {
	a.b.events.befell("Sending to DLQ", p, m)
	if !a.silent(p) {
		a.tell(topicAbout(advisoryDLQd, p.dest), func() (any, message.Properties) { return payload(p, m), nil })
	}
}

func (a *advisories) slowConsumer(p *place, c *message.ConsumerInfo) {
	if !a.silent(p) {
		a.tell(topicAbout(advisorySlow, p.dest), func() (any, message.Properties) {
			return c, message.Properties{{Name: propertyConsumer, Value: c.ID.String()}}
		})
	}
}

func (a *advisories) fastProducer(p *place, i *message.ProducerInfo) {
	if !a.silent(p) {
		a.tell(topicAbout(advisoryFast, p.dest), func() (any, message.Properties) {
			info := *i
			return &info, message.Properties{{Name: propertyProducer, Value: i.ID.String()}}
		})
	}
}

// full tells that p, or the broker, has no memory left.
func (a *advisories) full(p *place) {
	if a.silent(p) {
		return
	}
	a.tell(topicAbout(advisoryFull, p.dest), func() (any, message.Properties) {
		return nil, message.Properties{
			{Name: propertyUsage, Value: "Main:memory:" + p.dest.String()},
			{Name: propertyUsed, Value: p.usage.used.Load()},
		}
	})
}

// master tells a topic that has just been made that this broker serves, for
// the topic to keep. ActiveMQ makes the topic and says so when it starts; here
// that is when somebody asks. (ActiveMQ: AdvisoryBroker.nowMasterBroker)
func (a *advisories) master(t *topic) {
	if !a.b.options.DisableAdvisories {
		t.arrive(a.message(t.dest, nil, nil), nil)
	}
}

// tellCrowded tells what a policy wants told when there is no memory for what a
// producer sends to p. (ActiveMQ: Queue.send, Topic.send)
func (p *place) tellCrowded(i *message.ProducerInfo) {
	p.b.events.happened("Destination is full", p.dest)
	if p.policy.AdvisoryWhenFull {
		p.b.advise.full(p)
	}
	if p.policy.AdvisoryForFastProducers {
		p.b.advise.fastProducer(p, i)
	}
}

// noConsumer publishes a message that nobody was there for. (ActiveMQ:
// BaseDestination.onMessageWithNoConsumers)
func (a *advisories) noConsumer(p *place, m *message.Message) {
	if m.Persistent || a.silent(p) {
		return
	}
	dest := message.NewTopic(about(advisoryNoConsumer, p.dest))
	t := a.topic(dest)
	if t == nil {
		return
	}
	c := m.Copy()
	c.OriginalDestination, c.Destination = m.Destination, dest
	c.OriginalTransaction, c.Transaction = m.Transaction, message.TransactionID{}
	t.arrive(c, nil)
}
