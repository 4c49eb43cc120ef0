package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// hook looks at a message that a client sends before it is accepted, and may
// change it: it is not shared yet.
type hook func(b *Broker, m *message.Message)

// hooks are those that the options ask for, in order; nil where there are
// none.
func (o *PluginOptions) hooks() []hook {
	var list []hook
	if persistent := o.ForcePersistence; persistent != nil {
		list = append(list, func(_ *Broker, m *message.Message) { m.Persistent = *persistent })
	}
	if stamp := o.TimeStamping; stamp != nil {
		list = append(list, func(b *Broker, m *message.Message) { stamp.apply(m, b.nowMS()) })
	}
	if property := o.BrokerPath; property != "" {
		list = append(list, func(b *Broker, m *message.Message) { b.tracePath(m, property) })
	}
	if o.Logging != nil {
		list = append(list, func(b *Broker, m *message.Message) { b.events.sent(m) })
	}
	return list
}

// TimeStamping replaces a message's time by the broker's, and moves and bounds
// its expiration. Messages without a timestamp are left alone. (ActiveMQ:
// TimeStampingBrokerPlugin)
type TimeStamping struct {
	// ZeroExpirationOverride is how long messages live that have no
	// expiration; 0 for ever.
	ZeroExpirationOverride time.Duration
	// TTLCeiling bounds how long messages live; 0 does not.
	TTLCeiling time.Duration
	// FutureOnly leaves a message as it is whose expiration would become
	// earlier.
	FutureOnly bool
	// ProcessNetworkMessages includes what has come from other brokers.
	ProcessNetworkMessages bool
}

func (s *TimeStamping) apply(m *message.Message, nowMS int64) {
	if m.Timestamp <= 0 || len(m.BrokerPath) > 0 && !s.ProcessNetworkMessages {
		return
	}
	live := s.ZeroExpirationOverride.Milliseconds()
	if m.Expiration > 0 {
		live = m.Expiration - m.Timestamp
	}
	if ceiling := s.TTLCeiling.Milliseconds(); ceiling > 0 {
		live = min(live, ceiling)
	}
	expiration := live + nowMS
	if s.FutureOnly && expiration <= m.Expiration {
		return
	}
	if live > 0 && expiration > 0 {
		m.Expiration = expiration
	}
	m.Timestamp = nowMS
}

// HeaderInterceptor changes the headers of what is sent to a destination.
// (ActiveMQ: HeaderMessageInterceptorStrategy)
type HeaderInterceptor struct {
	// ForceExpiration does what Stamp says.
	ForceExpiration bool
	Stamp           TimeStamping
	// ForceDeliveryMode makes messages persistent, or not.
	ForceDeliveryMode bool
	Persistent        bool
}

// intercept applies p's interceptors to a message that is not shared yet.
func (p *place) intercept(m *message.Message) {
	for i := range p.policy.Interceptors {
		h := &p.policy.Interceptors[i]
		if len(m.BrokerPath) > 0 && !h.Stamp.ProcessNetworkMessages {
			continue
		}
		if h.ForceExpiration {
			h.Stamp.apply(m, p.b.nowMS())
		}
		if h.ForceDeliveryMode {
			m.Persistent = h.Persistent
		}
	}
}

// tracePath adds the broker's name to a property that lists where a message
// has been, "a,b". ActiveMQ does so with each delivery, and more than once if
// that is repeated; here it is done once, on arrival. (ActiveMQ:
// TraceBrokerPathPlugin)
func (b *Broker) tracePath(m *message.Message, property string) {
	all, err := message.ParseProperties(m.Properties)
	if err != nil {
		b.log.Warn("message has damaged properties; its path is not traced", "message", m.ID.String(), "error", err)
		return
	}
	path := b.name
	if before, ok := all.Get(property); ok {
		if s, ok := before.(string); ok && s != "" {
			path = s + "," + b.name
		}
	}
	encoded, err := message.AppendProperties(nil, all.Set(property, path))
	if err != nil {
		b.log.Warn("the path of a message is not traced", "message", m.ID.String(), "error", err)
		return
	}
	m.Properties = encoded
}
