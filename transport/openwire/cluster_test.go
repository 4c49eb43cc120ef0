package openwire

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// told says which cluster updates a test's connector sends.
func told(c Cluster) func(*Options) {
	return func(o *Options) {
		o.Cluster = c
		o.BrokerURL = func() string { return "tcp://self:1" }
	}
}

func peerInfo(name string) codec.BrokerInfo {
	return codec.BrokerInfo{ID: message.BrokerID("ID:" + name), Name: name, URL: "tcp://" + name + ":1"}
}

// tolerant is a failover client that has just been greeted, and its greeting.
func (s *server) tolerant(again bool) (*peer, *codec.ConnectionControl) {
	s.t.Helper()
	p := s.dial()
	p.handshake(codec.DefaultWireFormatInfo())
	id := p.request(&message.ConnectionInfo{ID: "c", Manageable: true, FaultTolerant: true, FailoverReconnect: again})
	greeting := expect[*codec.ConnectionControl](p)
	require.Equal(s.t, &codec.Response{CorrelationID: id}, expect[*codec.Response](p))
	return p, greeting
}

func TestManageableClientsGetConnectionControl(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	for _, again := range []bool{false, true} {
		_, greeting := s.tolerant(again)
		require.Equal(t, &codec.ConnectionControl{}, greeting)
	}
}

func TestClientsLearnOfPeers(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true}))
	p, greeting := s.tolerant(false)
	require.Empty(t, greeting.ConnectedBrokers, "alone: the client keeps the address that it has")
	s.protocol.AddPeer(peerInfo("b"))
	require.Equal(t, &codec.ConnectionControl{ConnectedBrokers: "tcp://self:1,tcp://b:1"}, expect[*codec.ConnectionControl](p))
	s.protocol.AddPeer(peerInfo("b")) // is known
	s.protocol.RemovePeer(peerInfo("b"))
	s.protocol.AddPeer(peerInfo("c"))
	require.Equal(t, "tcp://self:1,tcp://b:1,tcp://c:1", expect[*codec.ConnectionControl](p).ConnectedBrokers, "one that leaves is kept by default")
	_, greeting = s.tolerant(false)
	require.Equal(t, "tcp://self:1,tcp://b:1,tcp://c:1", greeting.ConnectedBrokers)
	require.Len(t, s.protocol.brokerInfo().Peers, 2)
}

func TestClientsForgetPeers(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true, OnRemove: true}))
	p, _ := s.tolerant(false)
	s.protocol.AddPeer(peerInfo("b"))
	expect[*codec.ConnectionControl](p)
	s.protocol.RemovePeer(peerInfo("b"))
	require.Equal(t, "tcp://self:1", expect[*codec.ConnectionControl](p).ConnectedBrokers)
}

// A group's next master may serve under the address of the one before, and be
// known before that is known to have left.
func TestSuccessorKeepsTheAddress(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true, OnRemove: true}))
	before, next := peerInfo("b"), peerInfo("b")
	next.ID = "ID:next"
	s.protocol.AddPeer(before)
	s.protocol.AddPeer(next)
	s.protocol.RemovePeer(before)
	_, greeting := s.tolerant(false)
	require.Contains(t, greeting.ConnectedBrokers, next.URL)
}

func TestClusterFilterIsOfWholeNames(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true, Filter: []*regexp.Regexp{regexp.MustCompile("^(?:b.*)$")}}))
	for _, name := range []string{"ab", "c", "bc"} {
		s.protocol.AddPeer(peerInfo(name))
	}
	_, greeting := s.tolerant(false)
	require.Equal(t, "tcp://self:1,tcp://bc:1", greeting.ConnectedBrokers)
}

// Only clients that fail over are told, at any time that they say so, and no
// bridge, which is to stay.
func TestUpdateReachesFaultTolerantClients(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true}))
	client := func(version int32, tolerant bool) *peer {
		p := s.dial()
		offer := codec.DefaultWireFormatInfo()
		offer.Version = version
		p.handshake(offer)
		p.ok(&message.ConnectionInfo{ID: "c", FaultTolerant: tolerant})
		return p
	}
	tolerant, plain, old, bridge := client(12, true), client(12, false), client(5, true), client(12, true)
	bridge.ok(&codec.BrokerInfo{ID: "ID:other", Name: "other", NetworkConnection: true})
	s.protocol.AddPeer(peerInfo("b"))
	expect[*codec.ConnectionControl](tolerant)
	for _, p := range []*peer{plain, old, bridge} {
		p.ok(&message.SessionInfo{ID: sessionID})
	}
	plain.oneway(&codec.ConnectionControl{FaultTolerant: true})
	plain.ok(&codec.Flush{})
	s.protocol.AddPeer(peerInfo("c"))
	require.Contains(t, expect[*codec.ConnectionControl](plain).ConnectedBrokers, "tcp://c:1")
}

// Of the clients so many are asked to leave as there shall be elsewhere, and
// each other broker is the first in as many of their lists.
func TestRebalancingSpreadsClients(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true, Rebalance: true}))
	const clients = 30
	var peers []*peer
	for range clients {
		p, _ := s.tolerant(false)
		peers = append(peers, p)
	}
	for n, name := range []string{"b", "c"} {
		s.protocol.AddPeer(peerInfo(name))
		first := map[string]int{}
		for _, p := range peers {
			control := expect[*codec.ConnectionControl](p)
			urls := strings.Split(control.ConnectedBrokers, ",")
			require.Len(t, urls, n+2)
			if control.Rebalance {
				first[urls[0]]++
			}
		}
		require.Len(t, first, n+1)
		for url, count := range first {
			require.NotEqual(t, "tcp://self:1", url)
			require.Equal(t, clients/(n+2), count, url)
		}
	}
}

// Who was asked to leave and has not, as one that chooses by chance may, is
// asked again, or another, until as many have left as shall.
func TestClientsThatStayAreAskedAgain(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true, Rebalance: true}))
	one, _ := s.tolerant(false)
	other, _ := s.tolerant(false)
	s.protocol.AddPeer(peerInfo("b"))
	a, b := expect[*codec.ConnectionControl](one), expect[*codec.ConnectionControl](other)
	require.NotEqual(t, a.Rebalance, b.Rebalance, "one of two is to leave")
	asked := make(chan *peer, 2)
	for _, p := range []*peer{one, other} {
		go func() {
			_, again, err := p.tryReceive()
			if control, ok := again.(*codec.ConnectionControl); err == nil && ok && control.ConnectedBrokers == "tcp://self:1" {
				asked <- p
			}
		}()
	}
	p := <-asked
	require.Equal(t, &codec.ConnectionControl{ConnectedBrokers: "tcp://b:1,tcp://self:1", Rebalance: true}, expect[*codec.ConnectionControl](p))
}

// Who has just been moved is neither moved again nor made to forget a broker
// that this one does not know yet.
func TestMovedClientKeepsItsList(t *testing.T) {
	for _, joined := range []bool{false, true} {
		testMovedClient(t, joined)
	}
}

// testMovedClient has another broker join while the client settles, or not.
func testMovedClient(t *testing.T, joined bool) {
	synctest.Test(t, func(t *testing.T) {
		protocol, _ := newProtocol(t, &fakeBroker{}, "", told(Cluster{Update: true, Rebalance: true}))
		near, far := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			protocol.NewSession(near).Run()
		}()
		p := newPeer(t, far)
		p.handshake(codec.DefaultWireFormatInfo())
		protocol.AddPeer(peerInfo("b"))
		p.request(&message.ConnectionInfo{ID: "c", Manageable: true, FaultTolerant: true, FailoverReconnect: true})
		require.Equal(t, &codec.ConnectionControl{}, expect[*codec.ConnectionControl](p))
		expect[*codec.Response](p)
		asked := time.Now()
		want := []string{"tcp://self:1", "tcp://b:1"}
		if joined {
			protocol.AddPeer(peerInfo("c"))
			want = append(want, "tcp://c:1")
		}
		var later *codec.ConnectionControl
		for later == nil {
			_, command := p.receive()
			later, _ = command.(*codec.ConnectionControl) // others keep it alive
		}
		require.Equal(t, settleTime, time.Since(asked))
		require.ElementsMatch(t, want, strings.Split(later.ConnectedBrokers, ","))
		require.Equal(t, joined, later.Rebalance)
		far.Close()
		<-ended
	})
}

// A client whose broker has left is told at once, and takes part when another
// joins.
func TestRefugeeForgetsAtOnce(t *testing.T) {
	s := serve(t, &fakeBroker{}, "", told(Cluster{Update: true, Rebalance: true, OnRemove: true}))
	early, greeting := s.tolerant(true)
	require.Empty(t, greeting.ConnectedBrokers)
	s.protocol.AddPeer(peerInfo("b")) // is not for early to know yet
	s.protocol.RemovePeer(peerInfo("b"))
	require.Equal(t, &codec.ConnectionControl{ConnectedBrokers: "tcp://self:1"}, expect[*codec.ConnectionControl](early))
	late, greeting := s.tolerant(true)
	require.Equal(t, &codec.ConnectionControl{ConnectedBrokers: "tcp://self:1"}, greeting)
	s.protocol.AddPeer(peerInfo("b"))
	asked := 0
	for _, p := range []*peer{early, late} {
		control := expect[*codec.ConnectionControl](p)
		require.Contains(t, control.ConnectedBrokers, "tcp://b:1")
		if control.Rebalance {
			asked++
		}
	}
	require.Equal(t, 1, asked, "one of the two is to go there")
}

func TestPeersAreBounded(t *testing.T) {
	c := cluster{options: Cluster{Update: true}}
	for i := range mostPeers + 10 {
		c.add(peerInfo(fmt.Sprint("b", i)))
	}
	require.Len(t, c.peers, mostPeers)
	require.False(t, c.add(codec.BrokerInfo{Name: "without address"}))
}

// Whatever comes and goes, each address is listed once, and this broker's own.
func TestControlListsEachOnce(t *testing.T) {
	c := cluster{options: Cluster{Update: true, Rebalance: true, OnRemove: true}, self: func() string { return "tcp://b1:1" }}
	for i := range 3 {
		c.add(peerInfo(fmt.Sprint("b", i)))
	}
	for range 7 {
		urls := strings.Split(c.control(true, false).ConnectedBrokers, ",")
		slices.Sort(urls)
		require.Equal(t, []string{"tcp://b0:1", "tcp://b1:1", "tcp://b2:1"}, urls)
	}
}
