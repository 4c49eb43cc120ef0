//go:build fault

package fault

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/test/harness"
)

// script is the life of a client as frames, the wire format first: everything
// that one may send, on a queue of its own.
func script(t *testing.T) (frames [][]byte) {
	t.Helper()
	offer := openwire.DefaultWireFormatInfo()
	offer.TightEncodingEnabled, offer.CacheEnabled = false, false
	enc := openwire.NewEncoder(openwire.InitialFormat())
	add := func(required bool, command any) {
		b, err := enc.Append(nil, openwire.Header{CommandID: int32(len(frames)), ResponseRequired: required}, command)
		require.NoError(t, err, "%T", command)
		frames = append(frames, b)
	}
	add(false, offer)
	enc = openwire.NewEncoder(openwire.Format{Version: openwire.MaxVersion})

	const id = message.ConnectionID("ID:mutant")
	session := message.SessionID{Connection: id, Value: 1}
	producer := message.ProducerID{Connection: id, Session: 1, Value: 1}
	consumer := message.ConsumerID{Connection: id, Session: 1, Value: 1}
	queue, topic := message.NewQueue("MUTANTS"), message.NewTopic("MUTANTS")
	local := message.TransactionID{Connection: id, Value: 1}
	xa := message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: "g", Branch: "b"}}
	send := func(seq int64, d message.Destination, tx message.TransactionID) *message.Message {
		return &message.Message{Body: message.Text, Persistent: true, Producer: producer, Destination: d, Transaction: tx, Priority: 4,
			ID: message.MessageID{Producer: producer, ProducerSequence: seq}, Content: []byte{0, 0, 0, 2, 'h', 'i'}, Type: "t", CorrelationID: "c"}
	}
	transact := func(op openwire.TransactionOperation, tx message.TransactionID) *openwire.TransactionInfo {
		return &openwire.TransactionInfo{Connection: id, Transaction: tx, Operation: op}
	}
	for _, command := range []any{
		&message.ConnectionInfo{ID: id, ClientID: "mutant", UserName: "u", Password: "p", Manageable: true, FaultTolerant: true},
		&message.SessionInfo{ID: session},
		&message.ProducerInfo{ID: producer, Destination: queue, WindowSize: 1000},
		&message.ConsumerInfo{ID: consumer, Destination: queue, PrefetchSize: 10, Selector: "a = 1 OR TRUE"},
		&message.ConsumerInfo{ID: message.ConsumerID{Connection: id, Session: 1, Value: 2}, Destination: topic, PrefetchSize: 10, SubscriptionName: "s"},
		&message.DestinationInfo{Connection: id, Destination: message.Destination{Kind: message.TempQueue, Name: "ID:mutant:1"}},
		send(1, queue, message.TransactionID{}), send(2, topic, message.TransactionID{}),
		transact(openwire.Begin, local), send(3, queue, local), transact(openwire.CommitOnePhase, local),
		transact(openwire.Begin, xa), send(4, queue, xa), transact(openwire.Prepare, xa), transact(openwire.CommitTwoPhase, xa),
		&message.Pull{Consumer: consumer, Destination: queue, TimeoutMS: 10},
		&message.Ack{Type: message.StandardAck, Consumer: consumer, Destination: queue, Count: 1,
			First: message.MessageID{Producer: producer, ProducerSequence: 1}, Last: message.MessageID{Producer: producer, ProducerSequence: 1}},
		&openwire.ConsumerControl{Consumer: consumer, Destination: queue, Prefetch: 5},
		&message.RemoveInfo{Object: consumer}, &message.RemoveInfo{Object: producer}, &message.RemoveInfo{Object: session},
		&message.RemoveSubscriptionInfo{Connection: id, Name: "s", ClientID: "mutant"},
		&message.RemoveInfo{Object: id},
	} {
		add(true, command)
	}
	return frames
}

// Clients whose every byte may be wrong: frames of a good client with bits
// flipped, pieces left out, doubled and exchanged. None of it hurts others,
// reaches the backstop, or leaves something that a restart stumbles over.
func TestMutants(t *testing.T) {
	t.Parallel()
	const mutants = 4500
	rng := random(t)
	n := newNode(t, "", settings{uri: "wireFormat.maxFrameSize=1048576"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, n.url(), ledger, 1, 512)
	l.waitAcks(20)
	frames := script(t)
	var before int64
	for i := range mutants {
		if i == mutants/3*2 { // until then the broker takes what any load needs
			before = n.rss()
		}
		life := make([][]byte, len(frames))
		for i := range frames {
			life[i] = bytes.Clone(frames[i])
		}
		for range 1 + rng.IntN(3) {
			switch i, j := 1+rng.IntN(len(life)-1), 1+rng.IntN(len(life)-1); rng.IntN(8) {
			case 0:
				life[i] = nil
			case 1:
				life[i] = append(life[i], life[i]...)
			case 2:
				life[i], life[j] = life[j], life[i]
			default:
				if len(life[i]) > 4 {
					life[i][4+rng.IntN(len(life[i])-4)] ^= 1 << rng.IntN(8)
				}
			}
		}
		live(t, n, bytes.Join(life, nil))
	}
	l.waitAcks(20)
	l.finish()
	require.Zero(t, n.count("fault while serving"), "the backstop")
	require.Zero(t, n.count("level=ERROR"))
	t.Logf("%d MiB more", (n.rss()-before)>>20)
	require.Less(t, n.rss()-before, int64(48<<20))
	drain(t, n.url(), ledger)
	n.kill()
	n.again()
	require.Zero(t, n.count("level=ERROR")) // messages of the same id are warned of
}

// live is one client's connection from its first byte to its end.
func live(t *testing.T, n *node, b []byte) {
	t.Helper()
	socket, err := net.DialTimeout("tcp", n.address(), patience)
	require.NoError(t, err)
	defer socket.Close()
	require.NoError(t, socket.SetDeadline(time.Now().Add(patience)))
	_, _ = socket.Write(b) // it may be ended half-way
	_ = socket.(*net.TCPConn).CloseWrite()
	_, err = io.Copy(io.Discard, socket)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "the connection stays open after %q", strings.ToValidUTF8(string(b), "."))
}
