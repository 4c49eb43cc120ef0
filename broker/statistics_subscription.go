package broker

import "github.com/conclavemq/conclave/message"

// counted is a consumer that statistics are asked of.
type counted interface {
	details() *message.ConsumerInfo
	read() reading
}

// reading is what statistics say of one consumer.
type reading struct {
	client              string
	delivered, inflight int64
	waiting             int64
	prefetch, limit     int32
	slow                bool
}

func (c *consumer) read() reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	return reading{
		client: c.conn.info.ClientID, delivered: c.delivered, inflight: int64(c.inflight.n), prefetch: int32(c.prefetch),
		slow: c.pace.slow.Load(),
	}
}

func (s *subscriber) read() reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return reading{
		client: s.conn.info.ClientID, delivered: s.delivered, inflight: int64(s.inflight.n),
		waiting: int64(s.waiting.n), prefetch: int32(s.prefetch), limit: int32(s.limit), slow: s.pace.slow.Load(),
	}
}

// subscriptions lists the consumers of queues and then of topics, each once.
func (b *Broker) subscriptions() []counted {
	var queues, topics []counted
	seen := map[counted]bool{}
	add := func(list *[]counted, c counted) {
		if !seen[c] && len(seen) < maxAnswers {
			seen[c] = true
			*list = append(*list, c)
		}
	}
	for _, t := range b.registry.all() {
		switch t := t.(type) {
		case *queue:
			t.mu.Lock()
			for c := range t.rota.each {
				add(&queues, c)
			}
			t.mu.Unlock()
		case *topic:
			for _, l := range *t.subscribers.Load() {
				if s, ok := l.(*subscriber); ok && !isAdvisory(s.info.Destination) {
					add(&topics, s)
				}
			}
		}
	}
	for _, d := range b.durables.all() {
		d.mu.Lock()
		if d.active != nil {
			add(&topics, d.active)
		}
		d.mu.Unlock()
	}
	return append(queues, topics...)
}

func (b *Broker) statisticsOfSubscriptions() []message.Properties {
	var answers []message.Properties
	for _, c := range b.subscriptions() {
		i, n := c.details(), c.read()
		var selector any
		if i.Selector != "" {
			selector = i.Selector
		}
		answers = append(answers, append(b.identity(), message.Properties{
			{Name: "destinationName", Value: i.Destination.Name}, {Name: "clientId", Value: n.client},
			{Name: "connectionId", Value: string(i.ID.Connection)}, {Name: "sessionId", Value: i.ID.Session},
			{Name: "selector", Value: selector}, {Name: "enqueueCounter", Value: n.delivered + n.waiting},
			{Name: "dequeueCounter", Value: n.delivered - n.inflight}, {Name: "dispatchedCounter", Value: n.delivered},
			{Name: "dispatchedQueueSize", Value: n.inflight}, {Name: "prefetchSize", Value: n.prefetch},
			{Name: "maximumPendingMessageLimit", Value: n.limit}, {Name: "exclusive", Value: i.Exclusive},
			{Name: "retroactive", Value: i.Retroactive}, {Name: "slowConsumer", Value: n.slow},
		}...))
	}
	return answers
}
