package openwire

import (
	"encoding/binary"
	"slices"

	"github.com/conclavemq/conclave/message"
)

// hotWriter writes what hotReader reads, by the same rule: what it cannot
// write sets odd, and then nothing of it counts.
type hotWriter struct {
	buf   []byte
	bits  uint64
	n     int // bits
	cache *writeCache
	none  ref // no object of the cache
	odd   bool
}

// hotFields is more than the bytes of a message beside its strings and bodies.
const hotFields = 256

// hot writes v, a message or a delivery, and reports whether it could; else
// nothing has changed.
func (e *Encoder) hot(v any) bool {
	w := &e.w
	if w.cold || w.writeCache == nil || w.version < hotVersion {
		return false
	}
	var m *message.Message
	d, delivers := v.(*message.Delivery)
	if delivers {
		m = d.Message
	} else {
		m, _ = v.(*message.Message)
	}
	if m == nil || !plain(m) {
		return false
	}
	at := len(w.buf)
	room := e.room
	h := hotWriter{buf: slices.Grow(w.buf, room+hotFields+len(m.Content)+len(m.Properties))[:at+room], cache: w.writeCache, none: ref{kind: evicted}}
	h.put32(uint32(w.header.CommandID))
	h.bit(w.header.ResponseRequired)
	if delivers {
		h.delivery(d, w.sent)
	} else {
		h.message(m, m.BrokerOutTime)
	}
	if h.odd || h.n > 8*hotBits {
		return false
	}
	need := 1 + (h.n+7)/8
	if need != room {
		end := len(h.buf)
		h.buf = slices.Grow(h.buf, max(need-room, 0))[:end+need-room]
		copy(h.buf[at+need:], h.buf[at+room:end])
	}
	h.buf[at] = byte(need - 1)
	for i := at + 1; i < at+need; i++ {
		h.buf[i] = byte(h.bits)
		h.bits >>= 8
	}
	e.room = need
	w.buf = h.buf
	return true
}

// plain reports whether m has none of the fields that are left to the walk.
func plain(m *message.Message) bool {
	return m.BrokerPath == nil && m.Cluster == nil && m.DataStructure == nil && m.Body < message.Blob &&
		m.ID.TextView == "" && m.ReplyTo.IsZero() && len(m.Content) < unlimited/4 && len(m.Properties) < unlimited/4
}

func (h *hotWriter) bit(v bool) {
	if v {
		h.bits |= 1 << h.n
	}
	h.n++
}

func (h *hotWriter) put16(v uint16) { h.buf = binary.BigEndian.AppendUint16(h.buf, v) }
func (h *hotWriter) put32(v uint32) { h.buf = binary.BigEndian.AppendUint32(h.buf, v) }

// long is putTightLong.
func (h *hotWriter) long(i int64) {
	v := uint64(i)
	switch {
	case v>>32 != 0:
		h.bits |= 3 << h.n
		h.buf = binary.BigEndian.AppendUint64(h.buf, v)
	case v>>16 != 0:
		h.bits |= 1 << h.n
		h.put32(uint32(v))
	case v != 0:
		h.bits |= 2 << h.n
		h.put16(uint16(v))
	}
	h.n += 2
}

func (h *hotWriter) bytes(b []byte) {
	h.bit(b != nil)
	if b != nil {
		h.put32(uint32(len(b)))
		h.buf = append(h.buf, b...)
	}
}

// blank is wire.blank.
func (h *hotWriter) blank(s string, blank bool) {
	present := s != "" || blank
	h.bit(present)
	if !present {
		return
	}
	n, ascii := message.ModifiedUTF8Len(s)
	if !ascii || n > maxTightString {
		h.odd = true
		return
	}
	h.bit(true)
	h.put16(uint16(n))
	h.buf = append(h.buf, s...)
}

// last is what was used last of a kind.
func (h *hotWriter) last(kind byte) (*ref, int16) {
	if i := h.cache.recent[kind]; int(i) < len(h.cache.ring) {
		return &h.cache.ring[i], i
	}
	return &h.none, 0
}

// index writes the place of an object in the cache.
func (h *hotWriter) index(i int16) {
	h.n++
	h.put16(uint16(i))
}

func (h *hotWriter) find(r ref) {
	i, ok := h.cache.find(&r)
	if !ok {
		h.odd = true
	}
	h.index(i)
}

func (h *hotWriter) null() {
	if c, i := h.last(TypeNull); c.kind == TypeNull {
		h.index(i)
		return
	}
	h.find(ref{})
}

func (h *hotWriter) destination(d *message.Destination) {
	if d.Name == "" || int(d.Kind) >= len(destinationTypes) {
		h.find(refOfDestination(*d))
		return
	}
	kind := destinationTypes[d.Kind]
	if c, i := h.last(kind); c.kind == kind && c.s == d.Name {
		h.index(i)
		return
	}
	h.find(ref{kind: kind, s: d.Name})
}

func (h *hotWriter) transaction(t *message.TransactionID) {
	if t.Connection == "" && !t.XA && t.Value == 0 {
		h.null()
		return
	}
	h.find(refOfTransaction(t))
}

func (h *hotWriter) producer(id *message.ProducerID) {
	if c, i := h.last(TypeProducerID); c.kind == TypeProducerID && c.b == id.Value && c.a == id.Session && c.s == string(id.Connection) {
		h.index(i)
		return
	}
	h.find(refOfProducer(id))
}

func (h *hotWriter) consumer(id *message.ConsumerID) {
	if id.Connection == "" && id.Session == 0 && id.Value == 0 {
		h.null()
		return
	}
	if c, i := h.last(TypeConsumerID); c.kind == TypeConsumerID && c.b == id.Value && c.a == id.Session && c.s == string(id.Connection) {
		h.index(i)
		return
	}
	h.find(refOfConsumer(id))
}

func (h *hotWriter) messageID(id *message.MessageID) {
	present := !id.IsZero()
	h.bit(present)
	if !present {
		return
	}
	h.buf = append(h.buf, TypeMessageID)
	h.n++ // TextView
	h.producer(&id.Producer)
	h.long(id.ProducerSequence)
	h.long(id.BrokerSequence)
}

// message writes what follows the header of a plain message.
func (h *hotWriter) message(m *message.Message, outTime int64) {
	h.producer(&m.Producer)
	h.destination(&m.Destination)
	h.transaction(&m.Transaction)
	h.destination(&m.OriginalDestination)
	h.messageID(&m.ID)
	h.transaction(&m.OriginalTransaction)
	h.blank(m.GroupID, m.Blanks&message.BlankGroupID != 0)
	h.put32(uint32(m.GroupSequence))
	h.blank(m.CorrelationID, m.Blanks&message.BlankCorrelationID != 0)
	h.bit(m.Persistent)
	h.long(m.Expiration)
	h.buf = append(h.buf, m.Priority)
	h.n++ // ReplyTo
	h.long(m.Timestamp)
	h.blank(m.Type, m.Blanks&message.BlankType != 0)
	h.bytes(m.Content)
	h.bytes(m.Properties)
	h.n++ // DataStructure
	h.consumer(&m.TargetConsumer)
	h.bit(m.Compressed)
	h.put32(uint32(m.RedeliveryCounter))
	h.n++ // BrokerPath
	h.long(m.Arrival)
	h.blank(m.UserID, m.Blanks&message.BlankUserID != 0)
	h.bit(m.ReceivedByDFBridge)
	h.bit(m.Droppable)
	h.n++ // Cluster
	h.long(m.BrokerInTime)
	h.long(outTime)
	h.bit(m.FirstForConsumer)
}

func (h *hotWriter) delivery(d *message.Delivery, sent int64) {
	m := d.Message
	h.consumer(&d.Consumer)
	h.destination(&d.Destination)
	h.bit(true)
	h.buf = append(h.buf, bodyTypes[m.Body])
	h.n++ // marshalled beforehand
	h.put32(0)
	h.n++ // no response is required
	if sent == 0 {
		sent = m.BrokerOutTime
	}
	h.message(m, sent)
	h.put32(uint32(d.RedeliveryCounter))
}
