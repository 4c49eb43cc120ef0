package openwire

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// Cluster says what a connector's clients learn of the network's other brokers:
// attributes of a transportConnector.
type Cluster struct {
	Update    bool // updateClusterClients: the addresses of all
	Rebalance bool // rebalanceClusterClients: and to connect anew to one of them
	OnRemove  bool // updateClusterClientsOnRemove: also of brokers that leave
	// Filter has patterns of which one has to match a broker's whole name; nil
	// is all brokers. (updateClusterFilter)
	Filter []*regexp.Regexp
}

// mostPeers bounds the addresses that clients are told.
const mostPeers = 1000

// settleTime is how long a client that came by failing over, or because it was
// asked to, keeps the list it came with. The brokers of a network learn of a
// new one at different moments; who is moved to one that does not know all yet
// would else forget them there and be moved again when they are known, which
// is how ActiveMQ's clients end up unevenly. When it is over, the client's list
// is most often the same as this broker's, and nothing happens.
const settleTime = 10 * time.Second

// refugeTime is how long after a broker has left a client that fails over is
// taken for one of its clients. It is told at once that it has gone, so that
// it will notice when it is back.
const refugeTime = 30 * time.Second

// cluster is what one connector's clients know. (ActiveMQ: TransportConnector
// addPeerBroker, getConnectionControl)
type cluster struct {
	options Cluster
	self    func() string // nil: not known

	mu     sync.Mutex
	peers  []codec.BrokerInfo // guarded by mu; each URL once, in the order they came
	joins  int                // guarded by mu: peers that have come
	left   time.Time          // guarded by mu: when a peer last went
	came   time.Time          // guarded by mu; when one last came
	late   int                // guarded by mu; clients that came too late to be spread; see isLate
	spread *spread            // guarded by mu: under way, or the last
	turns  [2]int             // guarded by mu: where the next client's list begins; see control
}

// AddPeer tells clients of a broker that has joined the network.
func (p *Protocol) AddPeer(info codec.BrokerInfo) {
	switch {
	case !p.cluster.options.Update || !p.cluster.add(info):
	case p.cluster.options.Rebalance:
		p.spreadClients()
	default:
		p.updateClients()
	}
}

// RemovePeer tells clients of a broker that has left, if they are to know;
// else they keep it. (ActiveMQ: removeBrokerInClusterUpdate)
func (p *Protocol) RemovePeer(info codec.BrokerInfo) {
	if p.cluster.options.Update && p.cluster.options.OnRemove && p.cluster.remove(info) {
		p.updateClients()
	}
}

// updateClients sends each fault-tolerant client the list, as it stays where it
// is. ActiveMQ spreads clients when a broker leaves, too, whose own have to go
// elsewhere anyway. (ActiveMQ: TransportConnector.updateClientClusterInfo)
func (p *Protocol) updateClients() {
	p.mu.Lock()
	sessions := make([]*session, 0, len(p.sessions))
	for s := range p.sessions {
		sessions = append(sessions, s)
	}
	p.mu.Unlock()
	for _, s := range sessions {
		s.unsettled.Store(false)
		if s.updatable() {
			s.send(p.cluster.control(false, false))
		}
	}
}

// greet sends the ConnectionControl that a new client gets. One that has just
// come from another broker is told of others when that has settled, and not
// asked to move.
func (s *session) greet(info *message.ConnectionInfo) {
	c := &s.protocol.cluster
	switch {
	case !c.options.Update:
		s.send(&codec.ConnectionControl{Rebalance: c.options.Rebalance && !info.FailoverReconnect})
	case !info.FailoverReconnect:
		s.send(c.greeting())
	case c.bereft():
		s.send(c.control(false, true))
		if c.returned() {
			s.monitor.later(roundTime, s.spreadLate)
		}
	default:
		s.unsettled.Store(true)
		s.send(&codec.ConnectionControl{})
		seen := c.joined()
		s.monitor.later(settleTime, func() { s.settle(seen) })
	}
}

// spreadLate moves a client of a broker that has left if it came when that, or
// its slave, had joined again and the others had been spread.
func (s *session) spreadLate() {
	c := &s.protocol.cluster
	if c.options.Rebalance && s.updatable() && c.isLate() {
		s.send(c.alone()) // what a client knows already does not move it
		s.send(c.away())
	}
}

// settle gives a client that has been here for a while the list; joins is how
// many brokers had joined when it came. If there are more, it takes part in
// spreading clients over them.
func (s *session) settle(joins int) {
	c := &s.protocol.cluster
	if !s.unsettled.Swap(false) {
		return // it has been told meanwhile
	}
	if now := c.joined(); now > 0 && s.updatable() {
		s.send(c.control(c.options.Rebalance && now > joins, true))
	}
}

func (c *cluster) add(info codec.BrokerInfo) (changed bool) {
	if info.URL == "" || !c.matches(info.Name) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	info.Peers, info.NetworkProperties = nil, ""
	for i := range c.peers {
		if c.peers[i].URL == info.URL {
			c.peers[i] = info // the one before may not have left yet
			return false
		}
	}
	if len(c.peers) >= mostPeers {
		return false
	}
	c.peers = append(c.peers, info)
	c.joins++
	c.came = time.Now()
	return true
}

// remove forgets a broker, unless another of the same address has come.
func (c *cluster) remove(info codec.BrokerInfo) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.peers)
	c.peers = slices.DeleteFunc(c.peers, func(p codec.BrokerInfo) bool { return p.URL == info.URL && p.ID == info.ID })
	if len(c.peers) == n {
		return false
	}
	c.left = time.Now()
	return true
}

// bereft reports whether a broker has left a short while ago.
func (c *cluster) bereft() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.left.IsZero() && time.Since(c.left) < refugeTime
}

// returned reports whether a broker has joined since one left.
func (c *cluster) returned() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.peers) > 0 && c.came.After(c.left)
}

// isLate counts a client that came late, and reports whether it is to leave: of
// n brokers' clients one in n stays.
func (c *cluster) isLate() bool {
	n := len(c.addresses())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late++
	return n > 1 && c.late%n != 0
}

func (c *cluster) matches(name string) bool {
	if c.options.Filter == nil {
		return true
	}
	return slices.ContainsFunc(c.options.Filter, func(f *regexp.Regexp) bool { return f.MatchString(name) })
}

// joined is how many brokers have joined so far.
func (c *cluster) joined() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joins
}

// greeting is for a new client. Where there are no others the list is empty,
// so that the client stays with the addresses that it was given.
func (c *cluster) greeting() *codec.ConnectionControl {
	c.mu.Lock()
	alone := len(c.peers) == 0
	c.mu.Unlock()
	if alone {
		return &codec.ConnectionControl{Rebalance: c.options.Rebalance}
	}
	return c.control(c.options.Rebalance, false)
}

// control lists this broker and all others, beginning with another one each
// time if clients are to be spread. Those that have just settled have a turn of
// their own, since some of them will do nothing: the others are to be spread
// evenly nevertheless.
func (c *cluster) control(rebalance, late bool) *codec.ConnectionControl {
	urls := c.addresses()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.options.Rebalance && len(urls) > 0 {
		turn := &c.turns[0]
		if late {
			turn = &c.turns[1]
		}
		at := *turn % len(urls)
		urls = slices.Concat(urls[at:], urls[:at])
		*turn++
	}
	return listed(urls, rebalance)
}

func listed(urls []string, rebalance bool) *codec.ConnectionControl {
	return &codec.ConnectionControl{ConnectedBrokers: strings.Join(urls, ","), Rebalance: rebalance}
}

// addresses are those of all brokers, each once, this one's first.
func (c *cluster) addresses() []string {
	var urls []string
	if c.self != nil {
		if url := c.self(); url != "" {
			urls = append(urls, url)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.peers {
		if !slices.Contains(urls, c.peers[i].URL) {
			urls = append(urls, c.peers[i].URL)
		}
	}
	return urls
}

// infos introduces the other brokers to a client, nil where it is not to know.
func (c *cluster) infos() []*codec.BrokerInfo {
	if !c.options.Update {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*codec.BrokerInfo, len(c.peers))
	for i := range c.peers {
		one := c.peers[i]
		list[i] = &one
	}
	return list
}
