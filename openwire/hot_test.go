package openwire

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// twins are two encoders and two decoders that see the same frames, one of each
// without the hot path.
type twins struct {
	hotEnc, coldEnc *Encoder
	hotDec, coldDec *Decoder
}

func newTwins(f Format) *twins {
	w := &twins{NewEncoder(f), NewEncoder(f), NewDecoder(f), NewDecoder(f)}
	w.coldEnc.w.cold, w.coldDec.w.cold = true, true
	return w
}

// TestHotIsTheWalk: what the hot path writes and reads is what the walk does,
// also of frames that are damaged.
func TestHotIsTheWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTwins(Format{
			Version: rapid.IntRange(9, 12).Draw(t, "version"), Tight: rapid.IntRange(0, 9).Draw(t, "tight") > 0,
			Cache: rapid.IntRange(0, 3).Draw(t, "cached") > 0, CacheSize: rapid.SampledFrom([]int{101, 104, 1024}).Draw(t, "cache"),
		})
		for range rapid.IntRange(1, 40).Draw(t, "frames") {
			h := Header{CommandID: rapid.Int32().Draw(t, "id"), ResponseRequired: rapid.Bool().Draw(t, "required")}
			v := drawHot(t)
			sent := drawLong(t)
			w.hotEnc.Sent(sent)
			w.coldEnc.Sent(sent)
			hot, err := w.hotEnc.Append(nil, h, v)
			cold, coldErr := w.coldEnc.Append(nil, h, v)
			require.Equal(t, coldErr, err)
			require.Equal(t, cold, hot)
			if err != nil {
				continue
			}
			if w.hotDec.w.readCache != nil && rapid.IntRange(0, 9).Draw(t, "damaged") == 0 {
				checkDamaged(t, w, hot[4:])
			}
			header, got, err := w.hotDec.Decode(hot[4:])
			require.NoError(t, err)
			coldHeader, want, err := w.coldDec.Decode(hot[4:])
			require.NoError(t, err)
			require.Equal(t, coldHeader, header)
			require.Empty(t, cmp.Diff(want, got))
		}
	})
}

// checkDamaged has copies of both decoders read a frame with a fault.
func checkDamaged(t *rapid.T, w *twins, frame []byte) {
	frame = slices.Clone(frame)
	switch at := rapid.IntRange(1, len(frame)-1).Draw(t, "at"); rapid.IntRange(0, 2).Draw(t, "fault") {
	case 0:
		frame = frame[:at]
	case 1:
		frame[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 2:
		frame = slices.Insert(frame, at, 0)
	}
	hot, cold := fork(w.hotDec), fork(w.coldDec)
	header, got, err := hot.Decode(frame)
	coldHeader, want, coldErr := cold.Decode(frame)
	require.Equal(t, coldErr, err)
	require.Equal(t, coldHeader, header)
	require.Empty(t, cmp.Diff(want, got))
	require.Equal(t, cold.w.readCache, hot.w.readCache)
}

// fork is a decoder in the state of d.
func fork(d *Decoder) *Decoder {
	c := *d
	cache := *d.w.readCache
	cache.slots = slices.Clone(cache.slots)
	names := *d.w.strings
	c.w.readCache, c.w.strings = &cache, &names
	return &c
}

// drawHot draws a command of the kinds that the hot path knows, mostly as it
// takes them.
func drawHot(t *rapid.T) any {
	switch rapid.IntRange(0, 3).Draw(t, "command") {
	case 0:
		return &message.Ack{
			Destination: drawDestination(t), Transaction: drawTransaction(t), Consumer: message.ConsumerID(drawProducer(t)),
			Type: message.AckType(rapid.IntRange(0, 6).Draw(t, "type")), First: drawID(t), Last: drawID(t), Count: rapid.Int32().Draw(t, "count"),
		}
	case 1:
		return drawMessage(t)
	}
	d := &message.Delivery{Consumer: message.ConsumerID(drawProducer(t)), Destination: drawDestination(t), RedeliveryCounter: rapid.Int32().Draw(t, "counter")}
	if rapid.IntRange(0, 9).Draw(t, "message") > 0 {
		d.Message = drawMessage(t)
	}
	return d
}

func drawMessage(t *rapid.T) *message.Message {
	m := &message.Message{
		Body:     rapid.SampledFrom([]message.Body{message.Plain, message.Text, message.Bytes, message.Map, message.Blob}).Draw(t, "body"),
		Producer: drawProducer(t), Destination: drawDestination(t), ID: drawID(t), Transaction: drawTransaction(t),
		Persistent: rapid.Bool().Draw(t, "persistent"), Priority: rapid.Byte().Draw(t, "priority"),
		Expiration: drawLong(t), Timestamp: drawLong(t), Arrival: drawLong(t), BrokerInTime: drawLong(t), BrokerOutTime: drawLong(t),
		GroupSequence: rapid.Int32().Draw(t, "group"), RedeliveryCounter: rapid.Int32().Draw(t, "redelivered"),
		Content: drawBytes(t), Properties: drawBytes(t), Compressed: rapid.Bool().Draw(t, "compressed"),
		Droppable: rapid.Bool().Draw(t, "droppable"), FirstForConsumer: rapid.Bool().Draw(t, "first"),
		ReceivedByDFBridge: rapid.Bool().Draw(t, "bridge"),
	}
	m.CorrelationID, m.Type, m.UserID, m.GroupID = drawString(t), drawString(t), drawString(t), drawString(t)
	if m.Type == "" && rapid.Bool().Draw(t, "blank") {
		m.Blanks |= message.BlankType
	}
	switch rapid.IntRange(0, 20).Draw(t, "rare") {
	case 0:
		m.ReplyTo = drawDestination(t)
	case 1:
		m.BrokerPath = goldenPath
	case 2:
		m.Cluster = goldenPath
	case 3:
		m.DataStructure = &message.ConnectionInfo{ID: goldenConnection}
	case 4:
		m.ID.TextView = "foreign"
	case 5:
		m.OriginalTransaction = goldenXA
	case 6:
		m.OriginalDestination = drawDestination(t)
	case 7:
		m.TargetConsumer = goldenConsumer
	}
	return m
}

func drawLong(t *rapid.T) int64 {
	return rapid.SampledFrom([]int64{0, 1, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x100000000, 1700000000000, -1}).Draw(t, "long")
}

func drawProducer(t *rapid.T) message.ProducerID {
	if n := rapid.Int64Range(0, 5).Draw(t, "producer"); n > 0 {
		return message.ProducerID{Connection: goldenConnection, Session: 1, Value: n}
	}
	return message.ProducerID{}
}

func drawID(t *rapid.T) message.MessageID {
	return message.MessageID{Producer: drawProducer(t), ProducerSequence: drawLong(t), BrokerSequence: drawLong(t)}
}

func drawDestination(t *rapid.T) message.Destination {
	return rapid.SampledFrom([]message.Destination{{}, goldenQueue, goldenTopic, message.NewQueue("A"), {Kind: message.TempQueue, Name: "t"}}).Draw(t, "destination")
}

func drawTransaction(t *rapid.T) message.TransactionID {
	return rapid.SampledFrom([]message.TransactionID{{}, {}, {}, goldenLocal, goldenXA}).Draw(t, "transaction")
}

func drawString(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", "text", strange}).Draw(t, "string")
}

func drawBytes(t *rapid.T) []byte {
	return rapid.SampledFrom([][]byte{nil, {}, {1, 2, 3}, make([]byte, 300)}).Draw(t, "bytes")
}
