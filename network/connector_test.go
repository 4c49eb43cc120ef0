package network_test

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/network/discovery"
)

// What is announced to a group and gone before it has answered leaves nothing
// behind: whoever sends packets could make the broker remember as much as he
// likes.
func TestAnnouncementsThatGoAreForgotten(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	uri, err := discovery.Parse("multicast://default?group=forgotten")
	require.NoError(t, err)
	n := startNode(t, "a")
	c := n.network.Idle(uri)
	for i := range 20 {
		name := fmt.Sprintf("tcp://%s?number=%d", silent.Addr(), i)
		s := discovery.Service{Name: name, URI: "tcp://" + silent.Addr().String()}
		c.Added(s)
		c.Removed(s)
		if i%2 == 0 { // and comes again at once
			c.Added(s)
			c.Removed(s)
		}
	}
	n.await("nothing is left", func() bool { return c.Links() == 0 })
}
