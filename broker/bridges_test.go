package broker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

func peerBroker(n int) PeerBroker {
	name := fmt.Sprint("peer", n)
	return PeerBroker{ID: message.BrokerID("ID:" + name), Name: name, URL: "tcp://" + name + ":1", Info: &message.RemoveInfo{Object: message.ConnectionID(name)}}
}

func TestNetworkBridgeAdvisories(t *testing.T) {
	f := start(t)
	early := f.listen("NetworkBridge")
	f.BridgeStarted(peerBroker(1), true, "tcp://1.2.3.4:5")
	late := f.listen("NetworkBridge")
	for _, c := range []*client{early, late} {
		m := c.take(t, 1)[0].Message
		require.Equal(t, peerBroker(1).Info, m.DataStructure)
		require.Equal(t, true, property(t, m, "started"))
		require.Equal(t, true, property(t, m, "createdByDuplex"))
		require.Equal(t, "tcp://1.2.3.4:5", property(t, m, "remoteIp"))
	}
	f.BridgeStopped(peerBroker(1))
	m := early.take(t, 1)[0].Message
	require.Equal(t, peerBroker(1).Info, m.DataStructure)
	require.Equal(t, false, property(t, m, "started"))
	require.Zero(t, f.listen("NetworkBridge").count(), "what has ended is not told later")
}

func TestForwardFailureAdvisory(t *testing.T) {
	f := start(t)
	c := f.listen("NetworkBridge.ForwardFailure")
	lost := &message.Message{Destination: orders}
	f.ForwardFailed(lost, errors.New("refused"))
	m := c.take(t, 1)[0].Message
	require.Equal(t, lost, m.DataStructure)
	require.Equal(t, "refused", property(t, m, "cause"))
}

// Several bridges with one broker are one peer.
func TestPeersAreWatched(t *testing.T) {
	f := start(t)
	var seen []string
	note := func(p PeerBroker, here bool) { seen = append(seen, fmt.Sprint(p.Name, here)) }
	f.BridgeStarted(peerBroker(1), false, "")
	f.WatchPeers(note)
	f.BridgeStarted(peerBroker(1), true, "")
	f.BridgeStarted(peerBroker(2), false, "")
	f.BridgeStopped(peerBroker(1))
	require.Len(t, f.PeerBrokers(), 2)
	f.BridgeStopped(peerBroker(1))
	f.BridgeStopped(peerBroker(1)) // never began
	require.Equal(t, []string{"peer1true", "peer2true", "peer1false"}, seen)
	require.Equal(t, []PeerBroker{peerBroker(2)}, f.PeerBrokers())
}

func TestPeersOfABrokerThatStops(t *testing.T) {
	f := start(t)
	f.BridgeStarted(peerBroker(1), false, "")
	told := 0
	f.WatchPeers(func(PeerBroker, bool) { told++ })
	require.NoError(t, f.Close(t.Context()))
	f.BridgeStopped(peerBroker(1))
	require.Equal(t, 1, told, "clients learn nothing from a broker that ends its own bridges")
}

// With updateClusterClientsOnRemove clients would forget where to go to.
// (ActiveMQ: FailoverComplexClusterTest)
func TestPeersOfABrokerThatIsAboutToStop(t *testing.T) {
	f := start(t)
	f.BridgeStarted(peerBroker(1), false, "")
	told := 0
	f.WatchPeers(func(PeerBroker, bool) { told++ })
	f.Pause()
	f.BridgeStopped(peerBroker(1))
	require.Equal(t, 1, told)
}

func TestPeersAreBounded(t *testing.T) {
	f := start(t)
	for i := range maxPeers + 5 {
		f.BridgeStarted(peerBroker(i), false, "")
	}
	require.Len(t, f.PeerBrokers(), maxPeers)
}
