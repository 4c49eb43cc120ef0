package openwire

import (
	"net"
	"sync"
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

func startWriter(t *testing.T, buffer int) *written {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
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
	w := startWriter(t, 16<<10)
	w.awaitIdle(t)
	n := int32(0)
	for {
		w.out.mu.Lock()
		stuck := w.out.rest
		w.out.mu.Unlock()
		if stuck || n > 0 && w.owed() > 0 {
			break
		}
		w.answer(n)
		n++
	}
	for range 100 {
		w.answer(n)
		n++
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
