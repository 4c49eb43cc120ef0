//go:build fault

package fault

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/test/harness"
)

// portFault is something that a peer does to the client port.
type portFault struct {
	name string
	do   func(t *testing.T, n *node) // returns when the broker has reacted
	// says is in the one line that the broker logs; "" where a client is
	// answered and stays.
	says string
}

func portFaults() []portFault {
	return []portFault{
		{"random garbage", func(t *testing.T, n *node) {
			rng := random(t)
			w := dial(t, n)
			garbage := make([]byte, 1<<16)
			for i := range garbage {
				garbage[i] = byte(rng.Uint32())
			}
			garbage[0] |= 0x40 // a frame that is too large, not one that never ends
			_, _ = w.socket.Write(garbage)
			w.ended()
		}, "frame size"},
		{"a browser", func(t *testing.T, n *node) {
			w := dial(t, n)
			w.raw([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
			w.ended()
		}, "frame size 1195725856"},
		{"garbage in good frames", func(t *testing.T, n *node) {
			rng := random(t)
			w := connected(t, n)
			b := []byte{openwire.TypeTextMessage, 0, 0, 0, 9, 0}
			for range 500 {
				b = append(b, 0x80|byte(rng.Uint32()))
			}
			w.frame(b)
			w.ended()
		}, "frame of type 28"},
		{"half a frame, then the end", func(t *testing.T, n *node) {
			w := connected(t, n)
			w.raw([]byte{0, 0, 1, 0, openwire.TypeTextMessage, 1, 2, 3})
			require.NoError(t, w.socket.(interface{ CloseWrite() error }).CloseWrite())
			w.ended()
		}, "unexpected EOF"},
		{"size 2^31-1", func(t *testing.T, n *node) {
			w := connected(t, n)
			w.raw([]byte{0x7F, 0xFF, 0xFF, 0xFF, openwire.TypeTextMessage})
			w.ended()
		}, "frame size 2147483647 is larger than the allowed"},
		{"size 2^31-1 from a stranger", func(t *testing.T, n *node) {
			w := dial(t, n)
			w.raw([]byte{0x7F, 0xFF, 0xFF, 0xFF, openwire.TypeWireFormatInfo})
			w.ended()
		}, "frame size 2147483647 is larger than the allowed"},
		{"size 0", func(t *testing.T, n *node) {
			w := connected(t, n)
			w.raw([]byte{0, 0, 0, 0})
			w.ended()
		}, "truncated frame"},
		{"size -1", func(t *testing.T, n *node) {
			w := connected(t, n)
			w.raw([]byte{0xFF, 0xFF, 0xFF, 0xFF})
			w.ended()
		}, "frame size -1 is negative"},
		{"an array of 2^31-1", func(t *testing.T, n *node) {
			w := connected(t, n)
			b, err := openwire.NewEncoder(openwire.Format{Version: openwire.MaxVersion}).Append(nil, openwire.Header{CommandID: 9},
				&message.Message{Body: message.Bytes, Producer: w.producer(), Destination: orders, Content: []byte("CONTENT")})
			require.NoError(t, err)
			at := bytes.Index(b, []byte("CONTENT")) - 4
			require.Positive(t, at)
			binary.BigEndian.PutUint32(b[at:], 1<<31-1)
			w.raw(b)
			w.ended()
		}, "frame of type 24"},
		{"deep nesting", func(t *testing.T, n *node) {
			w := connected(t, n)
			b := []byte{openwire.TypeConnectionError, 0, 0, 0, 9, 0}
			for range 100_000 { // exceptions caused by exceptions
				b = append(b, 1, 1, 0, 1, 'a', 1, 0, 1, 'b', 0, 0)
			}
			w.frame(append(b, 0, 0))
			w.ended()
		}, "too many causes"},
		{"wrong magic", func(t *testing.T, n *node) {
			w := dial(t, n)
			b, err := openwire.NewEncoder(openwire.InitialFormat()).Append(nil, openwire.Header{}, openwire.DefaultWireFormatInfo())
			require.NoError(t, err)
			b[bytes.Index(b, []byte("ActiveMQ"))] = 'P'
			w.raw(b)
			w.ended()
		}, "magic"},
		{"a command before the wire format", func(t *testing.T, n *node) {
			w := dial(t, n)
			w.send(&message.ConnectionInfo{ID: "c"})
			w.ended()
		}, "came before the wire format"},
		{"unknown data type", func(t *testing.T, n *node) {
			w := connected(t, n)
			w.frame([]byte{77, 0, 0, 0, 9, 1})
			e := w.refusal(w.receive())
			require.Equal(t, "java.io.IOException", e.Class)
			require.Equal(t, "Unknown data type: 77", e.Message)
			stillServed(w)
		}, ""},
		{"a session before ConnectionInfo", func(t *testing.T, n *node) {
			w := agreed(t, n)
			e := w.refusal(w.request(&message.SessionInfo{ID: w.session()}))
			require.Equal(t, "java.lang.IllegalStateException", e.Class)
			require.Contains(t, e.Message, "connection that had not been registered")
		}, ""},
		{"a message before ConnectionInfo", func(t *testing.T, n *node) {
			w := agreed(t, n)
			e := w.refusal(w.request(stray(w)))
			require.Equal(t, "java.lang.IllegalStateException", e.Class)
			require.Contains(t, e.Message, "connection that had not been registered")
		}, ""},
		{"a message without a producer", func(t *testing.T, n *node) {
			w := connected(t, n)
			e := w.refusal(w.request(stray(w)))
			require.Contains(t, e.Message, "with invalid (null) producer state")
			stillServed(w)
		}, ""},
	}
}

// stray is a message of a producer that nobody has heard of.
func stray(w *wire) *message.Message {
	return &message.Message{Body: message.Text, Persistent: true, Producer: w.producer(), Destination: orders,
		ID: message.MessageID{Producer: w.producer(), ProducerSequence: 1}, Content: []byte{0, 0, 0, 1, 'x'}}
}

func stillServed(w *wire) {
	w.t.Helper()
	require.IsType(w.t, &openwire.Response{}, w.request(&openwire.Flush{}))
}

// Every fault on the port ends its own connection, or is answered, is logged
// in one line, and costs the others nothing: they send all along, through one
// broker for all rows.
func TestBadInputOnThePort(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{uri: "wireFormat.maxFrameSize=104857600"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, n.url(), ledger, 2, 512)
	l.waitAcks(20)
	before := n.rss()
	for _, row := range portFaults() {
		t.Run(row.name, func(t *testing.T) {
			warned := n.count("level=WARN")
			row.do(t, n)
			lines := 1
			if row.says == "" {
				lines = 0
			}
			n.waitFor("line for "+row.name, func() bool { return n.count("level=WARN") >= warned+lines })
			l.waitAcks(20)
			require.Equal(t, warned+lines, n.count("level=WARN"), "one line")
			require.Contains(t, lastWarning(n), row.says)
		})
	}
	require.Zero(t, n.count("level=ERROR"))
	require.Zero(t, n.count("panic"))
	l.finish()
	require.Less(t, n.peakRSS()-before, int64(64<<20), "memory")
	drain(t, n.url(), ledger)
}

func lastWarning(n *node) (last string) {
	for line := range bytes.Lines([]byte(n.text())) {
		if bytes.Contains(line, []byte("level=WARN")) {
			last = string(line)
		}
	}
	return last
}

// Peers that connect and say nothing hold a little memory for as long as the
// connector's connectionTimeout, then each is ended and named in the log.
func TestHalfOpenConnections(t *testing.T) {
	t.Parallel()
	const strangers = 1000
	n := newNode(t, "", settings{uri: "maximumConnections=2000&connectionTimeout=3000"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, n.url(), ledger, 2, 512)
	l.waitAcks(20)
	before := n.rss()
	half := make([]*wire, strangers)
	for i := range half {
		half[i] = dial(t, n)
		half[i].raw([]byte{0, 0, 1, 0, openwire.TypeWireFormatInfo}) // and no more
	}
	l.waitAcks(100)
	newSender(t, n.url(), ledger, "late").sendAll(t, 10)
	held := n.rss() - before
	t.Logf("%d half-open connections hold %d KiB each", strangers, held>>10/strangers)
	require.Less(t, held, int64(64<<20))
	for _, w := range half {
		w.ended()
	}
	l.finish()
	n.waitFor("lines", func() bool { return n.count("no wire format was received in time") >= strangers })
	require.Equal(t, strangers, n.count("level=WARN"), "one line each")
	drain(t, n.url(), ledger)
}

// Beyond maximumConnections a client is turned away, and the log says which
// setting did it; when others leave there is room again.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	n := newNode(t, "", settings{uri: "maximumConnections=20"}).serve()
	ledger := harness.NewLedger()
	s := newSender(t, n.url(), ledger, "p")
	var others []*wire
	for range 19 {
		others = append(others, agreed(t, n))
	}
	for range 5 {
		dial(t, n).ended()
	}
	const line = "exceeded the maximum number of allowed client connections; see the maximumConnections property"
	n.waitFor("lines", func() bool { return n.count(line) == 5 })
	s.sendAll(t, 10)
	for _, w := range others {
		require.NoError(t, w.socket.Close())
	}
	newSender(t, failover(n), ledger, "late").sendAll(t, 10)
	drain(t, failover(n), ledger)
}
