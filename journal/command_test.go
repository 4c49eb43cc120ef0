package journal

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// wireCase is a unit, and the records that it is written as: in hexadecimal,
// spaces between the parts.
type wireCase struct {
	name string
	unit *store.Unit
	want string
}

var (
	wireQueue = message.NewQueue("Q")
	wireTopic = message.NewTopic("T")
	wireID    = message.MessageID{Producer: message.ProducerID{Connection: "ID:h-1:1", Session: 2, Value: 3}, ProducerSequence: 4}
	wireKey   = "ID:h-1:1:2:3:4"
)

// text is a string in hexadecimal.
func text(s string) string { return hex.EncodeToString([]byte(s)) }

func wireCases() []wireCase {
	local := message.TransactionID{Connection: "ID:h", Value: 300}
	xa := message.TransactionID{XA: true, XID: message.XID{FormatID: -1, Global: "g", Branch: "b"}}
	localInfo := "0a07 0a04" + text("ID:h") + "08ac02" // two fields numbered 1
	return []wireCase{
		{"remove", store.Single(store.Op{Action: store.Remove, Destination: wireQueue, ID: wireID}, true, nil),
			"0000001e 01 02 17 12 05 0800 1201" + text("Q") + "1a0e" + text(wireKey)},
		{"acknowledge", store.Single(store.Op{Action: store.Acknowledge, Destination: wireTopic, ID: wireID, Subscription: "c:s"}, true, nil),
			"00000023 01 02 1c 12 05 0801 1201" + text("T") + "1a0e" + text(wireKey) + "2a03" + text("c:s")},
		{"unmatched", store.Single(store.Op{Action: store.Acknowledge, Unmatched: true, Destination: wireTopic, ID: wireID, Subscription: "c:s"}, true, nil),
			"00000025 01 02 1e 12 05 0801 1201" + text("T") + "1a0e" + text(wireKey) + "2200 2a03" + text("c:s")},
		{"remove destination", store.Single(store.Op{Action: store.RemoveDestination, Destination: wireQueue}, true, nil),
			"0000000e 01 06 07 0a 05 0800 1201" + text("Q")},
		{"remove subscription", store.Single(store.Op{Action: store.RemoveSubscription, Destination: wireTopic, Subscription: "c:s"}, true, nil),
			"00000013 01 07 0c 0a 05 0801 1201" + text("T") + "1203" + text("c:s")},
		{"rollback", &store.Unit{Outcome: store.Rollback, Transaction: xa},
			"0000001c 01 05 15 0a 13 12 11 08ffffffffffffffffff01 1201" + text("b") + "1a01" + text("g")},
		{"commit of a removal", &store.Unit{Outcome: store.Commit, Transaction: message.TransactionID{Connection: "ID:h", Value: 300},
			Ops: []store.Op{{Action: store.Remove, Destination: wireQueue, ID: wireID}}},
			"0000002b 01 02 24 0a0b" + strings.Replace(localInfo, "0a07", "0a09", 1) + "12 05 0800 1201" + text("Q") + "1a0e" + text(wireKey) +
				"00000014 01 04 0d 0a0b" + strings.Replace(localInfo, "0a07", "0a09", 1)},
		{"expose", store.Single(store.Op{Action: store.Expose, Destination: wireQueue, Segment: 12}, true, nil),
			"00000030 01 00 29 0a27" + text("conclave/1 exposed segment=12 queue://Q")},
		{"recount", store.Single(store.Op{Action: store.Recount, Destination: wireQueue, ID: wireID, Redeliveries: 3}, true, nil),
			"0000003c 01 00 35 0a33" + text("conclave/1 redelivered 3 4 9 queue://Q ID:h-1:1:2:3")},
		{"nothing", &store.Unit{Transaction: local}, ""},
	}
}

func TestWire(t *testing.T) {
	for _, c := range wireCases() {
		t.Run(c.name, func(t *testing.T) {
			e := &encoder{codec: openwire.NewStore(openwire.StoreVersion)}
			b, err := e.unit(nil, c.unit)
			require.NoError(t, err)
			want := strings.ReplaceAll(c.want, " ", "")
			require.Equal(t, want, hex.EncodeToString(b))
			require.True(t, tiled(b))
			for len(b) > 0 {
				_, record, rest, ok := nextRecord(b)
				require.True(t, ok)
				var cmd command
				require.NoError(t, decodeCommand(record[recordHead:], &cmd))
				b = rest
			}
		})
	}
}

// TestWireRoundTrip: what is written is read back.
func TestWireRoundTrip(t *testing.T) {
	e := &encoder{codec: openwire.NewStore(openwire.StoreVersion)}
	m := kilobyte(wireQueue, 1, math.MaxInt64)
	m.Priority = 9
	for _, action := range []store.Action{store.Add, store.Update} {
		b, err := e.unit(nil, store.Single(store.Op{Action: action, Destination: wireQueue, Message: m}, true, nil))
		require.NoError(t, err)
		got, err := decodeStored(e.codec, b)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(m, got))
	}
	info := &message.SubscriptionInfo{ClientID: "c", Name: "s", Destination: wireTopic, SubscribedDestination: wireTopic, Selector: "x = 'ü'", NoLocal: true}
	b, err := e.unit(nil, store.Single(store.Op{Action: store.AddSubscription, Destination: wireTopic, Info: info, Retroactive: true}, true, nil))
	require.NoError(t, err)
	var c command
	require.NoError(t, decodeCommand(b[recordHead:], &c))
	require.Equal(t, "c:s", string(c.subscription))
	require.True(t, c.retroactive)
	read, err := e.codec.Subscription(c.info)
	require.NoError(t, err)
	require.Equal(t, info, read)
}

func TestTransactionRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		id := message.TransactionID{Connection: message.ConnectionID(rapid.String().Draw(r, "connection")), Value: rapid.Int64().Draw(r, "value")}
		if rapid.Bool().Draw(r, "xa") {
			id = message.TransactionID{XA: true, XID: message.XID{FormatID: rapid.Int32().Draw(r, "format"),
				Global: rapid.String().Draw(r, "global"), Branch: rapid.String().Draw(r, "branch")}}
		}
		if id.IsZero() {
			return
		}
		got, err := decodeTransaction(appendTransaction(nil, id))
		require.NoError(r, err)
		require.Equal(r, id, got)
	})
}

func TestTraces(t *testing.T) {
	head := fileHead{epoch: 7, first: 205, after: 105, seal: 4096}
	got, ok := parseFileHead(head.text())
	require.True(t, ok)
	require.Equal(t, head, got)
	d := message.NewTopic("A topic://odd name=1")
	dest, segment, ok := parseExposed(exposedText(d, math.MaxUint32))
	require.True(t, ok)
	require.Equal(t, d, dest)
	require.Equal(t, store.Segment(math.MaxUint32), segment)
	producer, sequence, ok := parseSequence(sequenceText(wireID.Producer, 99))
	require.True(t, ok)
	require.Equal(t, wireID.Producer, producer)
	require.Equal(t, int64(99), sequence)
	for _, other := range []string{"", "LOADED Sat Nov 21", "conclave/2 file epoch=1", "conclave/1 file epoch=x", "conclave/1 exposed segment=", "conclave/1 sequence 5"} {
		_, ok := parseFileHead(other)
		require.False(t, ok, other)
		_, _, ok = parseExposed(other)
		require.False(t, ok, other)
		_, _, ok = parseSequence(other)
		require.False(t, ok, other)
	}
}

func TestCombineSums(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := rapid.SliceOf(rapid.Byte()).Draw(r, "a"), rapid.SliceOf(rapid.Byte()).Draw(r, "b")
		require.Equal(r, checksum(append(a, b...)), combineSums(checksum(a), checksum(b), len(b)))
	})
	long := make([]byte, 300_000)
	for i := range long {
		long[i] = 0xff
	}
	require.Equal(t, checksum(long), combineSums(checksum(long[:100]), checksum(long[100:]), len(long)-100))
}

func TestFileNames(t *testing.T) {
	for name, want := range map[string]uint32{"db-1.log": 1, "db-2147483647.log": math.MaxInt32} {
		n, ok := fileNumber(name)
		require.True(t, ok)
		require.Equal(t, want, n)
		require.Equal(t, name, fileName(n))
	}
	for _, name := range []string{"db-.log", "db-01.log", "db-+1.log", "db-2147483648.log", "db-1.log.orphan", "db-log.template", "db.data", "lock"} {
		_, ok := fileNumber(name)
		require.False(t, ok, name)
	}
}
