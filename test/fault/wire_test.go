//go:build fault

package fault

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// wire is a client that sends what it likes.
type wire struct {
	t      *testing.T
	socket net.Conn
	in     *bufio.Reader
	enc    *openwire.Encoder
	dec    *openwire.Decoder
	id     int32
}

// dial connects and says nothing.
func dial(t *testing.T, n *node) *wire {
	t.Helper()
	socket, err := net.DialTimeout("tcp", n.address(), patience)
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	return &wire{t: t, socket: socket, in: bufio.NewReader(socket),
		enc: openwire.NewEncoder(openwire.InitialFormat()), dec: openwire.NewDecoder(openwire.InitialFormat())}
}

// agreed is dial with a wire format agreed on: loose and without a cache, so
// that frames can be written by hand.
func agreed(t *testing.T, n *node) *wire {
	t.Helper()
	w := dial(t, n)
	remote := w.receive().(*openwire.WireFormatInfo)
	offer := openwire.DefaultWireFormatInfo()
	offer.TightEncodingEnabled, offer.CacheEnabled = false, false
	w.send(offer)
	format, err := openwire.Negotiate(offer, remote)
	require.NoError(t, err)
	w.enc, w.dec = openwire.NewEncoder(format), openwire.NewDecoder(format)
	require.IsType(t, &openwire.BrokerInfo{}, w.receive())
	return w
}

// connected is agreed with a ConnectionInfo that was accepted.
func connected(t *testing.T, n *node) *wire {
	t.Helper()
	w := agreed(t, n)
	id := message.ConnectionID("ID:" + t.Name())
	require.IsType(t, &openwire.Response{}, w.request(&message.ConnectionInfo{ID: id, ClientID: string(id)}))
	require.IsType(t, &openwire.Response{}, w.request(&message.SessionInfo{ID: w.session()}))
	return w
}

func (w *wire) session() message.SessionID {
	return message.SessionID{Connection: message.ConnectionID("ID:" + w.t.Name()), Value: 1}
}

func (w *wire) producer() message.ProducerID {
	return message.ProducerID{Connection: w.session().Connection, Session: 1, Value: 1}
}

func (w *wire) raw(b []byte) {
	w.t.Helper()
	_, err := w.socket.Write(b)
	require.NoError(w.t, err)
}

// frame sends bytes as one frame.
func (w *wire) frame(b []byte) {
	w.t.Helper()
	w.raw(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
}

func (w *wire) send(command any) {
	w.t.Helper()
	w.write(openwire.Header{CommandID: w.next()}, command)
}

// request sends a command that wants an answer and gives that.
func (w *wire) request(command any) any {
	w.t.Helper()
	w.write(openwire.Header{CommandID: w.next(), ResponseRequired: true}, command)
	return w.receive()
}

func (w *wire) write(h openwire.Header, command any) {
	w.t.Helper()
	b, err := w.enc.Append(nil, h, command)
	require.NoError(w.t, err)
	w.raw(b)
}

func (w *wire) next() int32 {
	w.id++
	return w.id
}

// receive reads the next command that is neither a keep-alive nor news of the
// broker's.
func (w *wire) receive() any {
	w.t.Helper()
	for {
		command, err := w.read()
		require.NoError(w.t, err)
		switch command.(type) {
		case *openwire.KeepAlive, *openwire.ConnectionControl:
			continue
		}
		return command
	}
}

func (w *wire) read() (any, error) {
	if err := w.socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(w.in, size[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(w.in, frame); err != nil {
		return nil, err
	}
	_, command, err := w.dec.Decode(frame)
	return command, err
}

// ended reads until the broker has closed the connection.
func (w *wire) ended() {
	w.t.Helper()
	for {
		if _, err := w.read(); err != nil {
			require.False(w.t, errors.Is(err, os.ErrDeadlineExceeded), "the connection is still open")
			return
		}
	}
}

// refusal is the exception that a command is answered with.
func (w *wire) refusal(answer any) *message.Throwable {
	w.t.Helper()
	require.IsType(w.t, &openwire.ExceptionResponse{}, answer)
	return answer.(*openwire.ExceptionResponse).Exception
}
