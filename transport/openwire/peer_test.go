package openwire

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// peer is a scripted client.
type peer struct {
	t      testing.TB
	socket net.Conn
	in     *bufio.Reader
	enc    *codec.Encoder
	dec    *codec.Decoder
	format codec.Format
	id     int32
}

func newPeer(t testing.TB, socket net.Conn) *peer {
	return &peer{t: t, socket: socket, in: bufio.NewReader(socket),
		enc: codec.NewEncoder(codec.InitialFormat()), dec: codec.NewDecoder(codec.InitialFormat())}
}

// receive reads the next command.
func (p *peer) receive() (codec.Header, any) {
	p.t.Helper()
	h, v, err := p.tryReceive()
	require.NoError(p.t, err)
	return h, v
}

func (p *peer) tryReceive() (codec.Header, any, error) {
	var size [4]byte
	if _, err := io.ReadFull(p.in, size[:]); err != nil {
		return codec.Header{}, nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(p.in, frame); err != nil {
		return codec.Header{}, nil, err
	}
	return p.dec.Decode(frame)
}

// expect reads the next command that is of type T; nothing else may come.
func expect[T any](p *peer) T {
	p.t.Helper()
	_, v := p.receive()
	require.IsType(p.t, *new(T), v)
	return v.(T)
}

// end reads until the connection ends and gives the commands before it.
func (p *peer) end() (commands []any) {
	p.t.Helper()
	for {
		_, v, err := p.tryReceive()
		if err != nil {
			var timeout net.Error
			if e, ok := err.(net.Error); ok {
				timeout = e
			}
			require.False(p.t, timeout != nil && timeout.Timeout(), "the connection is still open")
			return commands
		}
		commands = append(commands, v)
	}
}

func (p *peer) write(h codec.Header, command any) {
	p.t.Helper()
	frame, err := p.enc.Append(nil, h, command)
	require.NoError(p.t, err)
	_, err = p.socket.Write(frame)
	require.NoError(p.t, err)
}

// oneway sends a command that wants no response.
func (p *peer) oneway(command any) {
	p.t.Helper()
	p.write(codec.Header{CommandID: p.nextID()}, command)
}

// request sends a command that wants a response and gives its id.
func (p *peer) request(command any) int32 {
	p.t.Helper()
	id := p.nextID()
	p.write(codec.Header{CommandID: id, ResponseRequired: true}, command)
	return id
}

func (p *peer) nextID() int32 {
	p.id++
	return p.id
}

// ok sends a request and reads its plain response.
func (p *peer) ok(command any) {
	p.t.Helper()
	id := p.request(command)
	require.Equal(p.t, &codec.Response{CorrelationID: id}, expect[*codec.Response](p))
}

// refused sends a request and reads the exception that it gets.
func (p *peer) refused(command any) *message.Throwable {
	p.t.Helper()
	id := p.request(command)
	response := expect[*codec.ExceptionResponse](p)
	require.Equal(p.t, id, response.CorrelationID)
	return response.Exception
}

// handshake exchanges wire formats and reads the BrokerInfo.
func (p *peer) handshake(offer *codec.WireFormatInfo) *codec.BrokerInfo {
	p.t.Helper()
	remote := expect[*codec.WireFormatInfo](p)
	p.write(codec.Header{}, offer)
	format, err := codec.Negotiate(offer, remote)
	require.NoError(p.t, err)
	p.format = format
	p.enc, p.dec = codec.NewEncoder(format), codec.NewDecoder(format)
	return expect[*codec.BrokerInfo](p)
}
