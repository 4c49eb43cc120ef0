package transport

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a protocol that sends back what it gets.
type echo struct{ parked, silenced atomic.Int32 }

type echoSession struct {
	*echo
	socket net.Conn
}

func (e *echo) NewSession(socket net.Conn) Session { return &echoSession{e, socket} }

func (s *echoSession) Run() {
	defer s.socket.Close()
	io.Copy(s.socket, s.socket)
}

func (s *echoSession) Unwind()              {}
func (s *echoSession) Transactions() int    { return 0 }
func (s *echoSession) Park(context.Context) { s.parked.Add(1) }
func (s *echoSession) Dismiss()             { s.socket.Close() }
func (s *echoSession) Silence()             { s.silenced.Add(1); s.socket.Close() }

// log collects what is logged.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func listen(t *testing.T, uri string) (*Listener, *echo, *log) {
	t.Helper()
	parsed, err := ParseURI(uri)
	require.NoError(t, err)
	protocol, written := &echo{}, &log{}
	l, err := Listen(Options{URI: parsed, Protocol: protocol, Log: slog.New(slog.NewTextHandler(written, nil))})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l, protocol, written
}

func dial(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	socket, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.Addr().Port})
	require.NoError(t, err)
	t.Cleanup(func() { socket.Close() })
	require.NoError(t, socket.SetDeadline(time.Now().Add(10*time.Second)))
	return socket
}

func requireEcho(t *testing.T, socket net.Conn) {
	t.Helper()
	_, err := socket.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(socket, make([]byte, 1))
	require.NoError(t, err)
}

func requireEnd(t *testing.T, socket net.Conn) {
	t.Helper()
	_, err := socket.Read(make([]byte, 1))
	require.Error(t, err)
	var timeout net.Error
	require.False(t, err != io.EOF && errorsAs(err, &timeout) && timeout.Timeout(), "still open: %v", err)
}

func errorsAs(err error, to *net.Error) bool {
	e, ok := err.(net.Error)
	*to = e
	return ok
}

func TestListenerServesOnAPortOfTheSystemsChoice(t *testing.T) {
	l, _, _ := listen(t, "tcp://127.0.0.1:0?backlog=3&socketBufferSize=65536&transport.soLinger=0&transport.keepAlive=true&transport.tcpNoDelay=true&transport.trafficClass=8")
	require.Regexp(t, `^tcp://127\.0\.0\.1:\d+$`, l.PublishedURI())
	require.NotContains(t, l.PublishedURI(), ":0")
	requireEcho(t, dial(t, l))
}

func TestListenerOnEveryAddress(t *testing.T) {
	l, _, _ := listen(t, "nio://0.0.0.0:0?transport.trafficClass=8")
	require.NotContains(t, l.PublishedURI(), "0.0.0.0")
	requireEcho(t, dial(t, l))
}

func TestListenerRefusesConnectionsOverTheMaximum(t *testing.T) {
	l, _, written := listen(t, "tcp://127.0.0.1:0?maximumConnections=2")
	a, b := dial(t, l), dial(t, l)
	requireEcho(t, a)
	requireEcho(t, b)
	requireEnd(t, dial(t, l))
	require.EqualValues(t, 1, l.Refused())
	require.Contains(t, written.String(), "exceeded the maximum number of allowed client connections")
	a.Close()
	require.Eventually(t, func() bool { return l.Connections() == 1 }, 5*time.Second, time.Millisecond)
	requireEcho(t, dial(t, l))
}

func TestListenerFailsOnATakenPort(t *testing.T) {
	l, _, _ := listen(t, "tcp://127.0.0.1:0")
	parsed, err := ParseURI("tcp://" + l.Addr().String())
	require.NoError(t, err)
	_, err = Listen(Options{Name: "openwire", URI: parsed, Protocol: &echo{}})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, "connector openwire: failed to bind")
}

func TestStopAcceptingLeavesConnections(t *testing.T) {
	l, _, _ := listen(t, "tcp://127.0.0.1:0")
	socket := dial(t, l)
	requireEcho(t, socket)
	l.StopAccepting()
	requireEcho(t, socket)
	_, err := net.Dial("tcp", l.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestPlannedEndOfEverySession(t *testing.T) {
	l, protocol, _ := listen(t, "tcp://127.0.0.1:0")
	socket := dial(t, l)
	requireEcho(t, socket)
	l.Park(t.Context())
	require.EqualValues(t, 1, protocol.parked.Load())
	requireEcho(t, socket)
	l.Dismiss()
	requireEnd(t, socket)
	require.Zero(t, l.Connections())
}

func TestSilenceClosesEverySocket(t *testing.T) {
	l, protocol, _ := listen(t, "tcp://127.0.0.1:0")
	socket := dial(t, l)
	requireEcho(t, socket)
	l.Silence()
	require.EqualValues(t, 1, protocol.silenced.Load())
	requireEnd(t, socket)
	_, err := net.Dial("tcp", l.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}
