package network

import (
	"sort"
	"time"
)

// State is how far a bridge is.
type State string

// The states of a bridge.
const (
	Connecting State = "connecting"
	Bridged    State = "bridged"
	Waiting    State = "waiting" // to try again
	Stopped    State = "stopped"
)

// Status is what is known of one way to another broker.
type Status struct {
	Connector string `json:"connector"`
	// URI is what the bridge is to reach, as it was configured or announced; ""
	// of a bridge that the other broker has made.
	URI             string    `json:"uri,omitempty"`
	State           State     `json:"state"`
	Since           time.Time `json:"since"`
	Duplex          bool      `json:"duplex,omitempty"`
	CreatedByDuplex bool      `json:"createdByDuplex,omitempty"`
	RemoteBroker    string    `json:"remoteBroker,omitempty"`
	RemoteBrokerID  string    `json:"remoteBrokerID,omitempty"`
	RemoteAddress   string    `json:"remoteAddress,omitempty"`
	Subscriptions   int       `json:"subscriptions"`
	// Since the start of the broker: messages taken here, messages passed on
	// and confirmed, messages that came on a duplex connection, and messages
	// that were refused or lost with the connection, which are sent again.
	Enqueues int64 `json:"enqueues"`
	Dequeues int64 `json:"dequeues"`
	Received int64 `json:"received"`
	Failed   int64 `json:"failed"`
	// Tries to make the bridge, and times that it was made.
	Tries   int64 `json:"tries"`
	Bridges int64 `json:"bridges"`
	// LastError is why there is none, or what goes wrong with the one there is.
	LastError   string    `json:"lastError,omitempty"`
	LastErrorAt time.Time `json:"lastErrorAt,omitzero"`
}

// totals are the counters of bridges that have ended.
type totals struct{ enqueues, dequeues, received, failed int64 }

func (t *totals) add(c *counters) {
	t.enqueues += c.enqueues.Load()
	t.dequeues += c.dequeues.Load()
	t.received += c.received.Load()
	t.failed += c.failed.Load()
}

// Status tells of every bridge, by connector and address.
func (n *Network) Status() []Status {
	n.mu.Lock()
	connectors := n.connectors
	var list []Status
	for r := range n.reverse {
		list = append(list, r.status())
	}
	n.mu.Unlock()
	for _, c := range connectors {
		c.mu.Lock()
		for _, l := range c.links {
			list = append(list, l.status(c))
		}
		c.mu.Unlock()
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if a.Connector != b.Connector {
			return a.Connector < b.Connector
		}
		return a.URI+a.RemoteBroker < b.URI+b.RemoteBroker
	})
	return list
}

// status of a connector's link; the connector's mu is held.
func (l *link) status(c *Connector) Status {
	s := Status{
		Connector: c.config.Name, URI: l.service.Name, State: l.state, Since: l.since, Duplex: c.config.Duplex,
		Tries: l.tries, Bridges: l.bridges,
	}
	t := l.past
	if l.last != nil {
		s.LastError, s.LastErrorAt = l.last.text, l.last.at
	}
	if b := l.bridge; b != nil {
		s.RemoteAddress = l.wire.Endpoint()
		b.describe(&s)
		t.add(&b.counters)
	}
	s.count(&t)
	return s
}

func (s *Status) count(t *totals) {
	s.Enqueues, s.Dequeues, s.Received, s.Failed = t.enqueues, t.dequeues, t.received, t.failed
}

func (b *bridge) describe(s *Status) {
	s.RemoteBroker, s.RemoteBrokerID = b.remote.Name, string(b.remote.ID)
	b.mu.Lock()
	s.Subscriptions = len(b.demands.byLocal)
	b.mu.Unlock()
	if t := b.trouble.Load(); t != nil {
		s.LastError, s.LastErrorAt = t.text, t.at
	}
}
