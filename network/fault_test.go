package network_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/network"
	codec "github.com/conclavemq/conclave/openwire"
)

const quick = "?initialReconnectDelay=5&maxReconnectDelay=20&useExponentialBackOff=false"

// lastError waits until a bridge of n reports an error with a text.
func (n *node) lastError(text string) network.Status {
	n.t.Helper()
	var found network.Status
	n.await("error "+text, func() bool {
		for _, s := range n.network.Status() {
			if strings.Contains(s.LastError, text) {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

func TestAConnectorToItself(t *testing.T) {
	a := startNode(t, "a")
	a.connect("static:(" + a.url + ")" + quick)
	s := a.lastError(network.ErrSelf.Error())
	require.Zero(t, s.Bridges)
}

func TestTwoBrokersOfOneName(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "a")
	a.connect("static:(" + b.url + ")" + quick)
	a.lastError(network.ErrSameName.Error())
	require.ErrorIs(t, b.network.Check(&codec.BrokerInfo{ID: a.broker.ID(), Name: "a"}), network.ErrSameName)
}

// misbehaves serves connections one after the other with what each fault does,
// and then passes them on to a broker.
func misbehaves(t *testing.T, to string, faults ...func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		<-done
	})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			if i < len(faults) {
				faults[i](c)
				c.Close()
				continue
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(to, "tcp://"))
			if err != nil {
				c.Close()
				continue
			}
			copied := make(chan struct{})
			go func() {
				defer close(copied)
				pipe(far, c)
			}()
			pipe(c, far)
			<-copied
		}
	}()
	return "tcp://" + l.Addr().String()
}

func pipe(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			return
		}
	}
}

// frames sends commands as a broker of the initial format does.
func frames(c net.Conn, commands ...any) {
	e := codec.NewEncoder(codec.InitialFormat())
	for _, command := range commands {
		b, err := e.Append(nil, codec.Header{CommandID: 1}, command)
		if err == nil {
			_, _ = c.Write(b)
		}
	}
}

// plainFormat is an offer that makes what follows readable in any order.
func plainFormat() *codec.WireFormatInfo {
	w := codec.DefaultWireFormatInfo()
	w.TightEncodingEnabled, w.CacheEnabled = false, false
	return w
}

// drain reads until the peer has ended or n bytes have come.
func drain(c net.Conn, n int) {
	buf := make([]byte, 4096)
	for n > 0 {
		got, err := c.Read(buf)
		if err != nil {
			return
		}
		n -= got
	}
}

func TestEveryStepOfTheHandshakeMayFail(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	info := &codec.BrokerInfo{ID: "ID:liar-1-1-0:1", Name: "liar"}
	lying := plainFormat()
	lying.MaxFrameSize = -5
	old := plainFormat()
	old.Version = 0
	url := misbehaves(t, b.url,
		func(net.Conn) {}, // ends at once
		func(c net.Conn) { drain(c, 1) },
		func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); drain(c, 1) },
		func(c net.Conn) { _, _ = c.Write([]byte{0x7f, 0xff, 0xff, 0xff, 1, 2, 3}); drain(c, 1) },
		func(c net.Conn) { frames(c, lying); drain(c, 1) },
		func(c net.Conn) { frames(c, old); drain(c, 1) },
		func(c net.Conn) { frames(c, plainFormat()); drain(c, 1) },
		func(c net.Conn) { frames(c, plainFormat(), &codec.BrokerInfo{}); drain(c, 1000) },
		func(c net.Conn) { frames(c, plainFormat(), &codec.BrokerInfo{ID: "x"}); drain(c, 400) },
		func(c net.Conn) { frames(c, plainFormat(), info); drain(c, 1000) },
		func(c net.Conn) {
			frames(c, plainFormat(), info, &message.Delivery{Consumer: message.ConsumerID{Connection: "x"}, Message: &message.Message{}})
			drain(c, 1000)
		},
		func(c net.Conn) { frames(c, plainFormat(), info, &codec.Shutdown{}); drain(c, 1000) },
		func(c net.Conn) {
			frames(c, plainFormat(), info, &codec.ConnectionError{Exception: &message.Throwable{Class: "java.lang.SecurityException", Message: "no"}})
			drain(c, 1000)
		},
	)
	a.connect("static:(" + url + ")" + quick)
	a.await("a bridge in the end", func() bool { return len(a.bridged()) == 1 })
	c := b.consume(queue)
	a.subscribed(queue, 1)
	a.send(queue, 5)
	require.Equal(t, numbers(0, 5), receive(t, c, 5))
	require.Equal(t, "b", a.bridged()[0].RemoteBroker)
	require.GreaterOrEqual(t, a.bridged()[0].Tries, int64(14))
}

func TestAnswersThatAreLostMakeNoSecondCopy(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	cut := make(chan struct{})
	const count = 200
	url := misbehaves(t, b.url, func(c net.Conn) {
		far, err := net.Dial("tcp", strings.TrimPrefix(b.url, "tcp://"))
		if err != nil {
			return
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			pipe(far, c)
		}()
		buf, heard := make([]byte, 32<<10), false
		for { // the answers to messages are swallowed
			n, err := far.Read(buf)
			if err != nil {
				break
			}
			heard = heard || b.depth(queue) > 0
			if !heard {
				_, _ = c.Write(buf[:n])
			}
			if b.depth(queue) == count {
				break
			}
		}
		c.Close()
		far.Close()
		<-ended
		close(cut)
	})
	a.connect("static:(" + url + ")" + quick)
	a.await("a bridge", func() bool { return len(a.bridged()) == 1 })
	idle := b.consume(queue, client.ConsumerOptions{Prefetch: 1})
	a.subscribed(queue, 1)
	a.send(queue, count)
	<-cut
	a.await("the rest", func() bool { return a.depth(queue) == 0 })
	require.EqualValues(t, count, b.depth(queue))
	require.NoError(t, idle.Close(t.Context()))
	c := b.consume(queue)
	got := receive(t, c, count)
	require.ElementsMatch(t, numbers(0, count), got)
	nothing(t, c)
}

func TestAMessageToAReplyQueueThatIsGone(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b, duplex)
	conn := a.conn("requester")
	replyTo, err := conn.TempQueue(t.Context())
	require.NoError(t, err)
	s, err := conn.Session(t.Context(), client.AutoAcknowledge)
	require.NoError(t, err)
	_, err = s.Consumer(t.Context(), replyTo, client.ConsumerOptions{})
	require.NoError(t, err)
	b.subscribed(replyTo, 1)
	require.NoError(t, conn.Close(t.Context()))
	b.subscribed(replyTo, 0)
	require.Len(t, a.bridged(), 1, "the bridge goes on")
}

func TestRetriesKeepToTheirDelays(t *testing.T) {
	a := startNode(t, "a")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "tcp://" + l.Addr().String()
	l.Close() // nobody listens there
	a.connect("static:(" + url + ")?initialReconnectDelay=20&maxReconnectDelay=40")
	began := time.Now()
	var s network.Status
	a.await("five tries", func() bool {
		for _, s = range a.network.Status() {
			return s.Tries >= 5
		}
		return false
	})
	require.Greater(t, time.Since(began), 60*time.Millisecond)
	require.NotEmpty(t, s.LastError)
	require.False(t, s.LastErrorAt.IsZero())
}

// TestComingAndGoingLeavesNothing has consumers come and go many times.
func TestComingAndGoingLeavesNothing(t *testing.T) {
	a, b := startNode(t, "a"), startNode(t, "b")
	a.bridge(b)
	local, err := b.broker.Connect(&message.ConnectionInfo{ID: "c", ClientID: "c"}, idlePeer{})
	require.NoError(t, err)
	defer local.Close()
	session := message.SessionID{Connection: "c", Value: 1}
	require.NoError(t, local.AddSession(&message.SessionInfo{ID: session}))
	const cycles = 100_000
	for i := range cycles {
		id := message.ConsumerID{Connection: "c", Session: 1, Value: int64(i)}
		d := message.NewQueue(fmt.Sprintf("CYCLE.%d", i%10))
		if i%3 == 0 {
			d = message.NewTopic(d.Name)
		}
		require.NoError(t, local.AddConsumer(&message.ConsumerInfo{ID: id, Destination: d, PrefetchSize: 1}))
		require.NoError(t, local.RemoveConsumer(id, message.LastDeliveredUnset))
		if i%500 == 499 {
			// The bridge has come so far when it serves one that stays.
			mark := message.ConsumerID{Connection: "c", Session: 1, Value: cycles}
			require.NoError(t, local.AddConsumer(&message.ConsumerInfo{ID: mark, Destination: message.NewQueue("MARK"), PrefetchSize: 1}))
			a.await("the mark", func() bool { return a.networkConsumers(message.NewQueue("MARK")) == 1 })
			require.NoError(t, local.RemoveConsumer(mark, message.LastDeliveredUnset))
			a.await("a clean slate", func() bool { return a.bridged()[0].Subscriptions == 0 })
		}
	}
	a.await("nothing", func() bool { return a.bridged()[0].Subscriptions == 0 && a.network.Remembers() == 0 })
}

// idlePeer takes what it is given and does nothing.
type idlePeer struct{}

func (idlePeer) Deliver(message.Delivery)                                {}
func (idlePeer) ProducerAck(message.ProducerID, int32)                   {}
func (idlePeer) Prefetch(message.ConsumerID, message.Destination, int32) {}
func (idlePeer) CloseConsumer(message.ConsumerID)                        {}
func (idlePeer) Fail(error)                                              {}

var _ broker.Peer = idlePeer{}
