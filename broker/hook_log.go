package broker

import (
	"log/slog"

	"github.com/conclavemq/conclave/message"
)

// EventLogging logs what clients do; never what is in a message. (ActiveMQ:
// LoggingBrokerPlugin)
type EventLogging struct {
	Connections  bool
	Sessions     bool
	Transactions bool
	Consumers    bool // and acknowledgements
	Producers    bool // and each message sent
	Internal     bool // destinations, expired and dead messages, flow control
	// PerDestination gives lines about a sent message an attribute "logger"
	// with its destination. (ActiveMQ: a logger for each)
	PerDestination bool
}

// events is where events are logged. A nil one logs none.
type events struct {
	EventLogging
	log *slog.Logger
}

func newEvents(l *EventLogging, log *slog.Logger) *events {
	if l == nil {
		return nil
	}
	return &events{*l, log}
}

func (e *events) connection(what string, id message.ConnectionID, client string) {
	if e != nil && e.Connections {
		e.log.Info(what+" Connection", "connection", string(id), "client", client)
	}
}

func (e *events) session(what string, id message.SessionID) {
	if e != nil && e.Sessions {
		e.log.Info(what+" Session", "session", id.String())
	}
}

func (e *events) transaction(what string, id message.TransactionID) {
	if e != nil && e.Transactions {
		e.log.Info(what, "transaction", id.String())
	}
}

func (e *events) consumer(what string, i *message.ConsumerInfo) {
	if e != nil && e.Consumers {
		e.log.Info(what+" Consumer", "consumer", i.ID.String(), "destination", i.Destination.String(), "selector", i.Selector)
	}
}

func (e *events) unsubscribed(dest message.Destination, i *message.RemoveSubscriptionInfo) {
	if e != nil && e.Consumers {
		e.log.Info("Removing subscription", "client", i.ClientID, "subscription", i.Name, "destination", dest.String())
	}
}

func (e *events) acknowledged(a *message.Ack) {
	if e != nil && e.Consumers {
		e.log.Info("Acknowledging message", "consumer", a.Consumer.String(), "type", int(a.Type), "count", a.Count, "message", a.Last.String())
	}
}

func (e *events) pulled(p *message.Pull) {
	if e != nil && e.Consumers {
		e.log.Info("Message Pull", "consumer", p.Consumer.String())
	}
}

func (e *events) producer(what string, i *message.ProducerInfo) {
	if e != nil && e.Producers {
		e.log.Info(what+" Producer", "producer", i.ID.String(), "destination", i.Destination.String())
	}
}

func (e *events) sent(m *message.Message) {
	if e == nil || !e.Producers {
		return
	}
	attributes := []any{"message", m.ID.String(), "destination", m.Destination.String(), "bytes", m.Size()}
	if e.PerDestination {
		attributes = append(attributes, "logger", m.Destination.Name)
	}
	e.log.Info("Sending message", attributes...)
}

// happened is what the broker does by itself.
func (e *events) happened(what string, dest message.Destination) {
	if e != nil && e.Internal {
		e.log.Info(what, "destination", dest.String())
	}
}

// befell is what the broker does to a message.
func (e *events) befell(what string, p *place, m *message.Message) {
	if e != nil && e.Internal && !p.dest.IsAdvisory() {
		e.log.Info(what, "destination", p.dest.String(), "message", m.ID.String())
	}
}
