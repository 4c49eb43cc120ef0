package openwire

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeBroker stands for a broker: what it answers is the test's.
type fakeBroker struct {
	connectErr error
	// answer gives what a call of that name returns; nil answers nil.
	answer func(call string, argument any) error
	// send and commit replace immediate answers.
	send   func(ctx context.Context, m *message.Message, done func(error))
	commit func(done func(error))
	// led is called with what a reader that would commit sends.
	led func()

	mu    sync.Mutex
	calls []string
	peers []broker.Peer
	sent  []*message.Message
	acks  []*message.Ack
	infos []*message.ConnectionInfo
}

func (f *fakeBroker) connect(info *message.ConnectionInfo, peer broker.Peer) (connection, error) {
	f.note("connect " + string(info.ID))
	if f.connectErr != nil {
		return nil, f.connectErr
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peers = append(f.peers, peer)
	f.infos = append(f.infos, info)
	return &fakeConnection{f}, nil
}

func (f *fakeBroker) note(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeBroker) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// peer is the session of the last connection.
func (f *fakeBroker) peer() broker.Peer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peers[len(f.peers)-1]
}

func (f *fakeBroker) result(call string, argument any) error {
	f.note(fmt.Sprintf("%s %v", call, argument))
	if f.answer == nil {
		return nil
	}
	return f.answer(call, argument)
}

type fakeConnection struct{ *fakeBroker }

func (c *fakeConnection) AddSession(i *message.SessionInfo) error {
	return c.result("add session", i.ID)
}
func (c *fakeConnection) RemoveSession(id message.SessionID, last int64) error {
	return c.result("remove session", fmt.Sprint(id, " ", last))
}
func (c *fakeConnection) AddProducer(i *message.ProducerInfo) error {
	return c.result("add producer", i.ID)
}
func (c *fakeConnection) RemoveProducer(id message.ProducerID) error {
	return c.result("remove producer", id)
}
func (c *fakeConnection) AddConsumer(i *message.ConsumerInfo) error {
	return c.result("add consumer", i.ID)
}
func (c *fakeConnection) RemoveConsumer(id message.ConsumerID, last int64) error {
	return c.result("remove consumer", fmt.Sprint(id, " ", last))
}
func (c *fakeConnection) AddDestination(i *message.DestinationInfo) error {
	return c.result("add destination", i.Destination)
}
func (c *fakeConnection) RemoveDestination(i *message.DestinationInfo) error {
	return c.result("remove destination", i.Destination)
}
func (c *fakeConnection) RemoveSubscription(i *message.RemoveSubscriptionInfo) error {
	return c.result("remove subscription", i.Name)
}
func (c *fakeConnection) Send(ctx context.Context, m *message.Message, _ bool, done func(error)) {
	c.mu.Lock()
	c.sent = append(c.sent, m)
	c.mu.Unlock()
	if c.send != nil {
		c.send(ctx, m, done)
		return
	}
	done(c.result("send", m.ID))
}
func (c *fakeConnection) SendLed(ctx context.Context, m *message.Message, done func(error)) {
	if c.led != nil {
		c.led()
	}
	c.Send(ctx, m, true, done)
}
func (c *fakeConnection) Acknowledge(a *message.Ack, _ bool, done func(error)) {
	c.mu.Lock()
	c.acks = append(c.acks, new(*a)) // a is the decoder's
	c.mu.Unlock()
	done(c.result("ack", a.Consumer))
}
func (c *fakeConnection) Pull(p *message.Pull) error { return c.result("pull", p.Consumer) }
func (c *fakeConnection) SetPrefetch(id message.ConsumerID, n int32) error {
	return c.result("prefetch", fmt.Sprint(id, " ", n))
}
func (c *fakeConnection) Begin(tx message.TransactionID) error { return c.result("begin", tx) }
func (c *fakeConnection) End(tx message.TransactionID) error   { return c.result("end", tx) }
func (c *fakeConnection) Prepare(tx message.TransactionID, done func(int32, error)) {
	done(broker.XAVoteReadOnly, c.result("prepare", tx))
}
func (c *fakeConnection) Commit(tx message.TransactionID, onePhase bool, done func(error)) {
	if c.commit != nil {
		c.commit(done)
		return
	}
	done(c.result("commit", fmt.Sprint(tx, " ", onePhase)))
}
func (c *fakeConnection) Rollback(tx message.TransactionID, done func(error)) {
	done(c.result("rollback", tx))
}
func (c *fakeConnection) Forget(tx message.TransactionID, done func(error)) {
	done(c.result("forget", tx))
}
func (c *fakeConnection) Retire(int) bool   { return true }
func (c *fakeConnection) FromBroker(string) {}

func (c *fakeConnection) Recover(done func([]message.TransactionID)) {
	c.note("recover")
	done([]message.TransactionID{xid, {Connection: "c", Value: 7}})
}
func (c *fakeConnection) Leave() { c.note("leave") }
func (c *fakeConnection) Close() { c.note("close") }

var xid = message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: "g", Branch: "b"}}

// logged collects a log.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// server is a listener with a fake broker behind it.
type server struct {
	t        *testing.T
	broker   *fakeBroker
	protocol *Protocol
	listener *transport.Listener
	log      *logged
}

func newProtocol(t testing.TB, b *fakeBroker, query string, change func(*Options)) (*Protocol, *logged) {
	u, err := transport.ParseURI("tcp://127.0.0.1:0?" + query)
	require.NoError(t, err)
	written := &logged{}
	options := Options{URI: u, BrokerName: "test", BrokerID: "ID:test",
		BrokerURL: func() string { return "tcp://test:1" },
		Log:       slog.New(slog.NewTextHandler(written, nil))}
	if change != nil {
		change(&options)
	}
	p := New(options)
	p.connect = b.connect
	return p, written
}

func serve(t *testing.T, b *fakeBroker, query string, change ...func(*Options)) *server {
	t.Helper()
	var alter func(*Options)
	if len(change) > 0 {
		alter = change[0]
	}
	p, written := newProtocol(t, b, query, alter)
	l, err := transport.Listen(transport.Options{URI: p.options.URI, Protocol: p, Log: p.log})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return &server{t: t, broker: b, protocol: p, listener: l, log: written}
}

func (s *server) dial() *peer {
	s.t.Helper()
	socket, err := net.Dial("tcp", s.listener.Addr().String())
	require.NoError(s.t, err)
	require.NoError(s.t, socket.SetDeadline(time.Now().Add(20*time.Second)))
	s.t.Cleanup(func() { socket.Close() })
	return newPeer(s.t, socket)
}

// connected is a client past its handshake and ConnectionInfo.
func (s *server) connected() *peer {
	s.t.Helper()
	p := s.dial()
	p.handshake(codec.DefaultWireFormatInfo())
	p.ok(&message.ConnectionInfo{ID: "c", ClientID: "client"})
	return p
}
