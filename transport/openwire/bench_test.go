package openwire

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// nullBroker takes everything and keeps nothing.
type nullBroker struct {
	fakeConnection
	peer broker.Peer
	// late collects answers, which another goroutine gives in batches as a
	// store does.
	late chan func(error)
}

func (n *nullBroker) Send(_ context.Context, _ *message.Message, required bool, done func(error)) {
	if required && n.late != nil {
		n.late <- done
		return
	}
	done(nil)
}

func (n *nullBroker) SendLed(ctx context.Context, m *message.Message, done func(error)) {
	n.Send(ctx, m, true, done)
}

func (n *nullBroker) answer() {
	for done := range n.late {
		done(nil)
	}
}

func benchmark(b *testing.B, late bool) (*peer, *nullBroker) {
	null := &nullBroker{fakeConnection: fakeConnection{&fakeBroker{}}}
	if late {
		null.late = make(chan func(error), 1024)
		var answering sync.WaitGroup
		answering.Go(null.answer)
		b.Cleanup(func() { close(null.late); answering.Wait() })
	}
	protocol, _ := newProtocol(b, null.fakeBroker, "", nil)
	protocol.connect = func(_ *message.ConnectionInfo, p broker.Peer) (connection, error) {
		null.peer = p
		return null, nil
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer port.Close()
	far, err := net.Dial("tcp", port.Addr().String())
	require.NoError(b, err)
	near, err := port.Accept()
	require.NoError(b, err)
	session := protocol.NewSession(near)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		session.Run()
	}()
	b.Cleanup(func() { far.Close(); <-ended })
	p := newPeer(b, far)
	p.handshake(codec.DefaultWireFormatInfo())
	p.ok(&message.ConnectionInfo{ID: "c"})
	return p, null
}

// stream gives n frames of 1 KiB messages in one slice.
func stream(b *testing.B, p *peer, required bool, n int) []byte {
	var frames []byte
	m := text(string(bytes.Repeat([]byte("x"), 1024)))
	for i := range n {
		m.ID.ProducerSequence = int64(i)
		var err error
		frames, err = p.enc.Append(frames, codec.Header{CommandID: int32(i), ResponseRequired: required}, m)
		require.NoError(b, err)
	}
	return frames
}

const batch = 1000

// BenchmarkSend is a producer that waits for nothing: per message.
func BenchmarkSend(b *testing.B) {
	p, _ := benchmark(b, false)
	frames := stream(b, p, false, batch)
	b.ReportAllocs()
	b.SetBytes(int64(len(frames) / batch))
	for n := 0; n < b.N; n += batch {
		_, err := p.socket.Write(frames)
		require.NoError(b, err)
	}
	p.ok(&codec.Flush{})
}

// BenchmarkSendSync is a producer that waits for each response.
func BenchmarkSendSync(b *testing.B) {
	for name, late := range map[string]bool{"at once": false, "late": true} {
		b.Run(name, func(b *testing.B) {
			p, _ := benchmark(b, late)
			frames := stream(b, p, true, 1)
			response := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				p.socket.Write(frames)
				if _, err := p.socket.Read(response); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSendPipelined is a producer that waits for responses in batches.
func BenchmarkSendPipelined(b *testing.B) {
	p, _ := benchmark(b, true)
	frames := stream(b, p, true, batch)
	one, err := codec.NewEncoder(p.format).Append(nil, codec.Header{}, &codec.Response{CorrelationID: 1})
	require.NoError(b, err)
	responses := make([]byte, batch*len(one))
	b.ReportAllocs()
	for n := 0; n < b.N; n += batch {
		go p.socket.Write(frames)
		_, err := io.ReadFull(p.socket, responses)
		require.NoError(b, err)
	}
}

// BenchmarkDeliver is a consumer that reads as fast as it can: per message.
func BenchmarkDeliver(b *testing.B) {
	p, null := benchmark(b, false)
	m := text(string(bytes.Repeat([]byte("x"), 1024)))
	d := message.Delivery{Consumer: consumer, Destination: m.Destination, Message: m}
	null.peer.Deliver(d)
	null.peer.Deliver(d) // now all identifiers are in the cache
	p.receive()
	p.receive()
	sample, err := appendCached(p, &d)
	require.NoError(b, err)
	sink := make([]byte, batch*len(sample))
	b.ReportAllocs()
	b.SetBytes(int64(len(sample)))
	for n := 0; n < b.N; n += batch {
		for range batch {
			null.peer.Deliver(d)
		}
		_, err := io.ReadFull(p.socket, sink)
		require.NoError(b, err)
	}
}

// appendCached encodes d as a writer does that has sent its identifiers.
func appendCached(p *peer, d *message.Delivery) ([]byte, error) {
	enc := codec.NewEncoder(p.format)
	if _, err := enc.Append(nil, codec.Header{}, d); err != nil {
		return nil, err
	}
	return enc.Append(nil, codec.Header{}, d)
}
