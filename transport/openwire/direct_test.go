package openwire

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// written is a writer at work on a real socket.
type written struct {
	*writer
	out    *outbound
	ended  chan error
	client net.Conn
	frames *frameReader
	dec    *codec.Decoder
}

// startWriter begins to write to a client whose socket takes buffer bytes, as
// its own does; the kernel doubles both.
func startWriter(t *testing.T, buffer int) *written {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { // before it offers more
		var set error
		err := c.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer) })
		return errors.Join(err, set)
	}}
	client, err := d.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, server.(*net.TCPConn).SetWriteBuffer(buffer))
	w := &written{writer: newWriter(server), out: newOutbound(), ended: make(chan error, 1), client: client,
		frames: newFrameReader(client, mostBuffer), dec: codec.NewDecoder(codec.InitialFormat())}
	w.frames.limit = 1 << 30
	go func() { w.ended <- w.run(w.out) }()
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return w
}

func (w *written) awaitIdle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		w.out.mu.Lock()
		defer w.out.mu.Unlock()
		return w.out.idle && !w.out.lent
	}, 10*time.Second, time.Millisecond)
}

func (w *written) answer(id int32) (direct bool) {
	e := &entry{kind: aResponse, correlation: id, answers: true}
	w.out.owe()
	if direct = w.writeNow(w.out, e); !direct {
		w.out.push(e)
	}
	return direct
}

func (w *written) next(t *testing.T) any {
	t.Helper()
	require.NoError(t, w.client.SetReadDeadline(time.Now().Add(10*time.Second)))
	frame, _, err := w.frames.next()
	require.NoError(t, err)
	_, command, err := w.dec.Decode(frame)
	require.NoError(t, err)
	return command
}

func (w *written) owed() int {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	return w.out.owed
}

func TestAnswerOfIdleWriterIsWrittenAtOnce(t *testing.T) {
	w := startWriter(t, 1<<20)
	w.awaitIdle(t)
	for id := range int32(100) {
		require.True(t, w.answer(id))
		require.Zero(t, w.owed())
		require.Equal(t, &codec.Response{CorrelationID: id}, w.next(t))
	}
	w.out.finish()
	require.NoError(t, <-w.ended)
	require.False(t, w.writeNow(w.out, &entry{kind: aResponse}), "it has ended")
}

// What a full socket does not take is written when it does, in order, and is
// owed until then.
func TestAnswersToClientThatDoesNotRead(t *testing.T) {
	const buffer, n, least = 8 << 10, int32(12_000), 10 // bytes of an answer
	require.Greater(t, int(n)*least, 2*2*buffer, "the sockets do not take them all")
	require.Less(t, int(n), mostOwed)
	w := startWriter(t, buffer)
	w.awaitIdle(t)
	for id := range n {
		w.answer(id)
	}
	require.NotZero(t, w.owed())
	for id := range n {
		require.Equal(t, &codec.Response{CorrelationID: id}, w.next(t))
	}
	w.awaitIdle(t)
	require.Zero(t, w.owed())
	require.True(t, w.answer(n), "and on")
	w.out.close()
	require.NoError(t, <-w.ended)
}

// Answers of many goroutines and deliveries share a socket frame by frame.
func TestAnswersAmongDeliveries(t *testing.T) {
	w := startWriter(t, 1<<20)
	const answerers, each, deliveries = 4, 500, 300
	var all sync.WaitGroup
	for a := range answerers {
		all.Go(func() {
			for i := range each {
				w.answer(int32(a*each + i))
			}
		})
	}
	all.Go(func() {
		for i := range deliveries {
			w.out.push(&entry{kind: aDelivery, delivery: message.Delivery{Message: &message.Message{
				ID: message.MessageID{Producer: message.ProducerID{Connection: "c"}, ProducerSequence: int64(i)}, Content: make([]byte, 10000)}}})
		}
	})
	last := [answerers]int32{-1, each - 1, 2*each - 1, 3*each - 1}
	delivered := int64(0)
	for range answerers*each + deliveries {
		switch c := w.next(t).(type) {
		case *codec.Response:
			a := c.CorrelationID / each
			require.Equal(t, last[a]+1, c.CorrelationID)
			last[a]++
		case *message.Delivery:
			require.Equal(t, delivered, c.Message.ID.ProducerSequence)
			delivered++
		}
	}
	all.Wait()
	w.awaitIdle(t)
	require.Zero(t, w.owed())
	require.Zero(t, w.out.bytes.Load())
	w.out.finish()
	require.NoError(t, <-w.ended)
}

// owingSocket finds out how many answers count as written before they are.
type owingSocket struct {
	out     *outbound
	asked   int
	written int // frames, by the writer
	early   int // the most that were not
}

func (s *owingSocket) Write(b []byte) (int, error) {
	s.out.mu.Lock()
	s.early = max(s.early, s.asked-s.out.owed-s.written)
	s.out.mu.Unlock()
	for rest := b; len(rest) > 0; s.written++ {
		rest = rest[4+binary.BigEndian.Uint32(rest):]
	}
	return len(b), nil
}

// An answer is owed until it has been written, also when the writer encodes
// what came meanwhile before it writes: who waits for that ends the connection
// then.
func TestAnswersAreOwedUntilTheyAreWritten(t *testing.T) {
	s := &owingSocket{out: newOutbound(), asked: 8000}
	for range s.asked {
		s.out.owe()
	}
	ended := make(chan error, 1)
	go func() { ended <- newWriter(s).run(s.out) }()
	for id := range int32(s.asked) {
		s.out.push(&entry{kind: aResponse, correlation: id, answers: true})
	}
	s.out.finish()
	require.NoError(t, <-ended)
	require.Equal(t, s.asked, s.written)
	require.Zero(t, s.early)
}
