package openwire

import (
	"math/rand/v2"
	"slices"
	"time"

	codec "github.com/conclavemq/conclave/openwire"
)

const (
	roundTime = 1500 * time.Millisecond // that clients have to move when asked
	mostTurns = 10                      // rounds, after which it is left as it is
)

// spread has a connector's clients shared with a broker that has joined: of N
// clients with n brokers, N/n stay. ActiveMQ gives every client the list, each
// in another order, and hopes; but a client that chooses by chance, as they do
// by default, does not keep to the order. Here so many are asked as are to
// leave, in rounds, until they have left: who chooses to stay is asked again,
// or another. So no more leave than shall. All others are told, but not asked.
type spread struct {
	sessions []*session // that there were
	leave    int        // how many of them are to
	round    int
}

// spreadClients begins to share the clients that are settled. It takes the place
// of what was under way for a broker that joined before.
func (p *Protocol) spreadClients() {
	if p.cluster.alone().ConnectedBrokers == "" {
		p.updateClients() // nobody can be told where to stay
		return
	}
	s := &spread{}
	p.mu.Lock()
	for session := range p.sessions {
		if session.updatable() && !session.unsettled.Load() {
			s.sessions = append(s.sessions, session)
		}
	}
	p.mu.Unlock()
	brokers := len(p.cluster.addresses())
	s.leave = len(s.sessions) * (brokers - 1) / brokers
	p.cluster.mu.Lock()
	p.cluster.spread = s
	p.cluster.mu.Unlock()
	p.nextRound(s)
}

// nextRound asks those that are still to leave.
func (p *Protocol) nextRound(s *spread) {
	c := &p.cluster
	c.mu.Lock()
	stale := c.spread != s
	c.mu.Unlock()
	if stale {
		return
	}
	here := slices.DeleteFunc(slices.Clone(s.sessions), (*session).over)
	rand.Shuffle(len(here), func(i, j int) { here[i], here[j] = here[j], here[i] })
	missing := min(s.leave-(len(s.sessions)-len(here)), len(here))
	for i, session := range here {
		switch {
		case i < missing:
			if s.round > 0 {
				session.send(c.alone()) // what a client knows already does not move it
			}
			session.send(c.away())
		case s.round == 0:
			session.send(c.control(false, false))
		}
	}
	if s.round++; missing > 0 && s.round < mostTurns {
		time.AfterFunc(roundTime, func() { p.nextRound(s) })
	}
}

// over reports whether the client has gone.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// alone lists this broker only.
func (c *cluster) alone() *codec.ConnectionControl {
	control := &codec.ConnectionControl{}
	if c.self != nil {
		control.ConnectedBrokers = c.self()
	}
	return control
}

// away asks a client to connect anew, to the others in turn.
func (c *cluster) away() *codec.ConnectionControl {
	urls := c.addresses()
	c.mu.Lock()
	defer c.mu.Unlock()
	others := urls[min(1, len(urls)-1):]
	at := c.turns[0] % len(others)
	c.turns[0]++
	return listed(slices.Concat(others[at:], others[:at], urls[:len(urls)-len(others)]), true)
}
