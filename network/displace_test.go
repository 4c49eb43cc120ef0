package network_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/network"
)

// valve passes connections on to a broker; while it is shut nothing goes there.
type valve struct {
	listener net.Listener
	work     sync.WaitGroup

	mu   sync.Mutex
	open *sync.Cond
	shut bool       // mu
	ends []net.Conn // mu
	over bool       // mu
}

func newValve(t *testing.T, to *node) *valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	v := &valve{listener: l}
	v.open = sync.NewCond(&v.mu)
	v.work.Go(func() { v.accept(strings.TrimPrefix(to.url, "tcp://")) })
	t.Cleanup(v.end)
	return v
}

// end cuts the connections, and lets none come any more.
func (v *valve) end() {
	v.listener.Close()
	v.mu.Lock()
	v.over = true
	for _, c := range v.ends {
		c.Close()
	}
	v.open.Broadcast()
	v.mu.Unlock()
	v.work.Wait()
}

func (v *valve) url() string { return "tcp://" + v.listener.Addr().String() }

func (v *valve) accept(to string) {
	for {
		near, err := v.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", to)
		if err != nil {
			near.Close()
			continue
		}
		v.mu.Lock()
		v.ends = append(v.ends, near, far)
		if v.over {
			near.Close()
			far.Close()
		}
		v.mu.Unlock()
		v.work.Go(func() { pipe(near, far) })
		v.work.Go(func() { pipe(waits{far, v}, near) })
	}
}

type waits struct {
	net.Conn
	valve *valve
}

func (w waits) Write(b []byte) (int, error) {
	v := w.valve
	v.mu.Lock()
	for v.shut && !v.over {
		v.open.Wait()
	}
	v.mu.Unlock()
	return w.Conn.Write(b)
}

func (v *valve) turn(shut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = shut
	v.open.Broadcast()
}

// TestADisplacedDurableWayDeliversWhatItHolds has a broker find a shorter way to
// a durable subscriber while messages are stored for the longer one.
func TestADisplacedDurableWayDeliversWhatItHolds(t *testing.T) {
	a, b, c := startNode(t, "a"), startNode(t, "b"), startNode(t, "c")
	v := newValve(t, b)
	b.bridge(c, hops(3))
	a.connect("static:("+v.url()+")", hops(3), func(c *network.Configuration) { c.PrefetchSize = 10 })
	conn := c.conn("sub")
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	news, err := s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
	require.NoError(t, err)
	b.subscribed(topic, 1)
	a.subscribed(topic, 1)
	long, short := "NC_b_inbound_a:NC-DS_a_T", "DIRECT_c_inbound_a:NC-DS_a_T"
	require.Equal(t, []string{long}, a.durableNames())

	v.turn(true)
	a.send(topic, 100)
	direct := newValve(t, c)
	a.connect("static:("+direct.url()+")", hops(3), named("DIRECT"))
	a.await("both ways", func() bool { return len(a.durableNames()) == 2 && a.network.Draining() == 1 })
	a.sendFrom(topic, 100, 150)
	require.Equal(t, numbers(100, 150), receive(t, news, 50), "the shorter way")
	v.turn(false)
	require.Equal(t, numbers(0, 100), receive(t, news, 100), "what the longer one held")
	a.await("the shorter way alone", func() bool { return len(a.durableNames()) == 1 })
	require.Equal(t, []string{short}, a.durableNames())
	nothing(t, news)

	direct.end()
	a.await("the longer way again", func() bool { return a.networkConsumers(topic) == 1 && len(a.durableNames()) == 2 })
	a.sendFrom(topic, 150, 200)
	require.Equal(t, numbers(150, 200), receive(t, news, 50))
	require.NoError(t, news.Close(t.Context()))
	require.NoError(t, conn.Unsubscribe(t.Context(), "news"))
	a.await("the shorter way's alone, which nobody hears any more", func() bool { return len(a.durableNames()) == 1 })
	require.Equal(t, []string{short}, a.durableNames())
}

// TestADisplacedDurableWayStaysForOthers has a durable subscriber at each of two
// brokers that one subscription serves, and a shorter way found to one.
func TestADisplacedDurableWayStaysForOthers(t *testing.T) {
	a, b, c := startNode(t, "a"), startNode(t, "b"), startNode(t, "c")
	b.bridge(c, hops(3))
	a.bridge(b, hops(3))
	subscribe := func(n *node) *client.Consumer {
		s, err := n.conn("sub-"+n.name).Session(t.Context(), client.AutoAcknowledge)
		require.NoError(t, err)
		news, err := s.Consumer(t.Context(), topic, client.ConsumerOptions{Subscription: "news"})
		require.NoError(t, err)
		return news
	}
	far := subscribe(c)
	a.subscribed(topic, 1)
	near := subscribe(b)
	a.await("both", func() bool { return a.network.Subscribers() == 2 })
	a.bridge(c, hops(3), named("DIRECT"))
	a.await("one each", func() bool { return len(a.durableNames()) == 2 && a.network.Subscribers() == 2 })
	a.send(topic, 50)
	require.Equal(t, numbers(0, 50), receive(t, near, 50))
	require.Equal(t, numbers(0, 50), receive(t, far, 50))
	nothing(t, near)
	nothing(t, far)
	require.Len(t, a.durableNames(), 2)
}
