package discovery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Over the kernel's own multicast, on the loopback interface.
func TestMulticastOverSockets(t *testing.T) {
	const group = "multicast://239.255.2.3:61550?group=sockets&networkInterface=lo&keepAliveInterval=20"
	a := agentOf(t, group, Options{})
	found := make(chan Service, 10)
	lost := make(chan Service, 10)
	a.Start(channels{found, lost})
	defer a.Close()
	u, err := Parse(group)
	require.NoError(t, err)
	d, err := Advertise(u, "one", "tcp://h:1", Options{})
	require.NoError(t, err)
	s := receive(t, found)
	require.Equal(t, "tcp://h:1", s.Name)
	require.Equal(t, "one", s.Broker)
	d.Close()
	require.Equal(t, s, receive(t, lost))
}

type channels struct{ found, lost chan Service }

func (c channels) Added(s Service)   { c.found <- s }
func (c channels) Removed(s Service) { c.lost <- s }

func receive(t *testing.T, from chan Service) Service {
	select {
	case s := <-from:
		return s
	case <-time.After(10 * time.Second):
		require.Fail(t, "nothing came")
		return Service{}
	}
}

func TestInterfacesThatAreNotThere(t *testing.T) {
	for _, options := range []string{"networkInterface=none0", "joinNetworkInterface=none0", "interface=203.0.113.77"} {
		u, err := Parse("multicast://default?" + options)
		require.NoError(t, err)
		_, err = openUDP(u.group, true)
		require.Error(t, err, options)
	}
	index, err := search("127.0.0.1")
	require.NoError(t, err)
	require.NotZero(t, index)
}
