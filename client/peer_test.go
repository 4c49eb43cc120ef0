package client

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is a command that a scripted broker received.
type heard struct {
	header openwire.Header
	cmd    any
}

// peer is one scripted broker connection. It answers every command that wants
// an answer unless its script says otherwise.
type peer struct {
	nc     net.Conn
	info   *openwire.WireFormatInfo
	script func(p *peer, h heard) bool // true: handled, no automatic answer
	heard  chan heard

	mu  sync.Mutex
	enc *openwire.Encoder // guarded by mu
}

// network hands a scripted peer to each dial, in order; with no more of them it
// refuses.
type network struct {
	mu    sync.Mutex
	peers []*peer // guarded by mu
	dials []string
	all   sync.WaitGroup
}

var errRefused = errors.New("connection refused")

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials = append(n.dials, address)
	if len(n.peers) == 0 {
		return nil, errRefused
	}
	p := n.peers[0]
	n.peers = n.peers[1:]
	if p == nil {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	p.nc = theirs
	n.all.Go(p.run)
	return ours, nil
}

func newPeer(script func(*peer, heard) bool) *peer {
	return &peer{script: script, heard: make(chan heard, 10000), info: openwire.DefaultWireFormatInfo()}
}

// run plays the broker until the connection ends.
func (p *peer) run() {
	defer close(p.heard)
	defer p.nc.Close()
	in := frames{r: p.nc, limit: 1 << 20}
	frame, err := in.next()
	if err != nil {
		return
	}
	_, cmd, err := openwire.NewDecoder(openwire.InitialFormat()).Decode(frame)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.enc = openwire.NewEncoder(openwire.InitialFormat())
	p.mu.Unlock()
	p.say(p.info)
	format, err := openwire.Negotiate(p.info, cmd.(*openwire.WireFormatInfo))
	if err != nil {
		return
	}
	p.mu.Lock()
	p.enc = openwire.NewEncoder(format)
	p.mu.Unlock()
	dec := openwire.NewDecoder(format)
	for {
		frame, err := in.next()
		if err != nil {
			return
		}
		h, cmd, err := dec.Decode(frame)
		if err != nil {
			return
		}
		got := heard{h, cmd}
		p.heard <- got
		if p.script != nil && p.script(p, got) {
			continue
		}
		if h.ResponseRequired {
			p.answer(got)
		}
	}
}

func (p *peer) answer(h heard) {
	p.say(&openwire.Response{CorrelationID: h.header.CommandID})
}

func (p *peer) refuse(h heard, class, text string) {
	p.say(&openwire.ExceptionResponse{CorrelationID: h.header.CommandID,
		Exception: &message.Throwable{Class: class, Message: text}})
}

// say sends a command to the client; a broken connection is noticed elsewhere.
func (p *peer) say(cmd any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	frame, err := p.enc.Append(nil, openwire.Header{}, cmd)
	if err == nil {
		_, _ = p.nc.Write(frame)
	}
}

// deliver sends messages to a consumer.
func (p *peer) deliver(consumer message.ConsumerID, messages ...*message.Message) {
	for _, m := range messages {
		p.say(&message.Delivery{Consumer: consumer, Destination: m.Destination, Message: m})
	}
}

// next returns the next command of a type that the peer hears; others are
// passed over.
func next[T any](t *testing.T, p *peer) (T, openwire.Header) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case h, ok := <-p.heard:
			require.True(t, ok, "the connection ended")
			if cmd, is := h.cmd.(T); is {
				return cmd, h.header
			}
		case <-deadline:
			var want T
			require.FailNow(t, "not heard", "%T", want)
		}
	}
}

// dialed connects a client to scripted peers through a URL.
func dialed(t *testing.T, url string, opts Options, peers ...*peer) (*Conn, *network) {
	t.Helper()
	n := &network{peers: peers}
	opts.DialContext = n.dial
	conn, err := Dial(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
		n.all.Wait()
	})
	return conn, n
}

// numbered makes messages as a broker would deliver them.
func numbered(from, to int64) []*message.Message {
	producer := message.ProducerID{Connection: "ID:other-1-1-1:1", Session: 1, Value: 1}
	var list []*message.Message
	for i := from; i <= to; i++ {
		m := NewText("text")
		m.Producer = producer
		m.ID = message.MessageID{Producer: producer, ProducerSequence: i, BrokerSequence: i}
		m.Destination = message.NewQueue("Q")
		list = append(list, m)
	}
	return list
}

func session(t *testing.T, c *Conn, mode AckMode) *Session {
	t.Helper()
	s, err := c.Session(t.Context(), mode)
	require.NoError(t, err)
	return s
}

func producer(t *testing.T, s *Session, opts ProducerOptions) *Producer {
	t.Helper()
	p, err := s.Producer(t.Context(), message.NewQueue("Q"), opts)
	require.NoError(t, err)
	return p
}

func consumer(t *testing.T, s *Session, opts ConsumerOptions) *Consumer {
	t.Helper()
	c, err := s.Consumer(t.Context(), message.NewQueue("Q"), opts)
	require.NoError(t, err)
	return c
}

// receive takes n messages.
func receive(t *testing.T, c *Consumer, n int) []message.Delivery {
	t.Helper()
	var list []message.Delivery
	for range n {
		d, err := c.Receive(t.Context())
		require.NoError(t, err)
		list = append(list, d)
	}
	return list
}

func TestFramesOfAHostilePeer(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"huge":     binary.BigEndian.AppendUint32(nil, 1<<31-1),
		"negative": binary.BigEndian.AppendUint32(nil, 1<<31),
		"empty":    {0, 0, 0, 0},
		"garbage":  []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"half":     {0, 0, 0, 9, 1, 'A'},
		"nothing":  nil,
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			dial := func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				all.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
				all.Go(func() {
					_, _ = theirs.Write(bytes)
					theirs.Close()
				})
				return ours, nil
			}
			_, err := Dial(t.Context(), "tcp://broker", Options{DialContext: dial})
			require.Error(t, err)
			all.Wait()
		})
	}
}
