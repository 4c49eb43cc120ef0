package openwire

import (
	"encoding/binary"
	"slices"

	"github.com/conclavemq/conclave/message"
)

// hotWriter writes what hotReader reads, and the same loose and uncached, as
// messages are stored, by the same rule: what it cannot write sets odd, and then
// nothing of it counts.
type hotWriter struct {
	buf   []byte
	bits  uint64
	n     int         // bits
	loose bool        // booleans are bytes, and there is no cache
	cache *writeCache // nil if loose
	none  ref         // no object of the cache
	odd   bool
}

// hotFields is more than the bytes of a message beside its strings and bodies.
const hotFields = 256

// hot writes v, a message or a delivery, and reports whether it could; else
// nothing has changed.
func (e *Encoder) hot(v any) bool {
	w := &e.w
	loose := w.mode == looseWrite
	if w.cold || loose != (w.writeCache == nil) || w.version < hotVersion {
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
	at, room := len(w.buf), e.room
	if loose {
		room = 0
	}
	h := hotWriter{loose: loose, cache: w.writeCache, none: ref{kind: evicted}}
	h.buf = slices.Grow(w.buf, room+hotFields+len(m.Content)+len(m.Properties))[:at+room]
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
	w.buf = h.buf
	if !loose {
		e.room = w.putWord(at, room, h.bits, h.n)
	}
	return true
}

// putWord puts n booleans at the place where room was left for them, and
// returns how much they took.
func (w *wire) putWord(at, room int, bits uint64, n int) int {
	need := 1 + (n+7)/8
	if need != room {
		end := len(w.buf)
		w.buf = slices.Grow(w.buf, max(need-room, 0))[:end+need-room]
		copy(w.buf[at+need:], w.buf[at+room:end])
	}
	w.buf[at] = byte(need - 1)
	for i := at + 1; i < at+need; i++ {
		w.buf[i] = byte(bits)
		bits >>= 8
	}
	return need
}

// plain reports whether m has none of the fields that are left to the walk.
func plain(m *message.Message) bool {
	return m.BrokerPath == nil && m.Cluster == nil && m.DataStructure == nil && m.Body < message.Blob &&
		m.ID.TextView == "" && m.ReplyTo.IsZero() && len(m.Content) < unlimited/4 && len(m.Properties) < unlimited/4
}

func (h *hotWriter) bit(v bool) {
	set := uint64(0)
	if v {
		set = 1
	}
	if h.loose {
		h.buf = append(h.buf, byte(set))
		return
	}
	h.bits |= set << h.n
	h.n++
}

func (h *hotWriter) put16(v uint16) { h.buf = binary.BigEndian.AppendUint16(h.buf, v) }
func (h *hotWriter) put32(v uint32) { h.buf = binary.BigEndian.AppendUint32(h.buf, v) }

// long is wire.int64.
func (h *hotWriter) long(i int64) {
	v := uint64(i)
	switch {
	case h.loose:
		h.buf = binary.BigEndian.AppendUint64(h.buf, v)
		return
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

// text is wire.putString.
func (h *hotWriter) text(s string, present bool) {
	h.bit(present)
	if !present {
		return
	}
	n, ascii := message.ModifiedUTF8Len(s)
	if !ascii || n > maxTightString {
		h.odd = true
		return
	}
	if !h.loose {
		h.bit(true)
	}
	h.put16(uint16(n))
	h.buf = append(h.buf, s...)
}

// blank is wire.blank.
func (h *hotWriter) blank(s string, set, bit message.Blanks) { h.text(s, s != "" || set&bit != 0) }

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

// find writes any object.
func (h *hotWriter) find(r ref) {
	if h.loose {
		h.nested(&r)
		return
	}
	i, ok := h.cache.find(&r)
	if !ok {
		h.odd = true
	}
	h.index(i)
}

// nested is wire.nested, of producers, destinations and null.
func (h *hotWriter) nested(r *ref) {
	h.bit(r.kind != TypeNull)
	if r.kind == TypeNull {
		return
	}
	h.buf = append(h.buf, r.kind)
	h.text(r.s, r.s != "")
	switch r.kind {
	case TypeProducerID:
		h.long(r.b)
		h.long(r.a)
	case TypeQueue, TypeTopic, TypeTempQueue, TypeTempTopic:
	default:
		h.odd = true
	}
}

func (h *hotWriter) null() {
	if h.loose {
		h.bit(false)
		return
	}
	if c, i := h.last(TypeNull); c.kind == TypeNull {
		h.index(i)
		return
	}
	h.find(ref{})
}

func (h *hotWriter) destination(d *message.Destination) {
	if d.Name == "" {
		h.null()
		return
	}
	if !h.loose && int(d.Kind) < len(destinationTypes) {
		kind := destinationTypes[d.Kind]
		if c, i := h.last(kind); c.kind == kind && c.s == d.Name {
			h.index(i)
			return
		}
	}
	h.find(refOfDestination(*d))
}

func (h *hotWriter) transaction(t *message.TransactionID) {
	if t.Connection == "" && !t.XA && t.Value == 0 {
		h.null()
		return
	}
	h.find(refOfTransaction(t))
}

func (h *hotWriter) producer(id *message.ProducerID) {
	if !h.loose {
		if c, i := h.last(TypeProducerID); c.kind == TypeProducerID && c.b == id.Value && c.a == id.Session && c.s == string(id.Connection) {
			h.index(i)
			return
		}
	}
	h.find(refOfProducer(id))
}

func (h *hotWriter) consumer(id *message.ConsumerID) {
	if id.Connection == "" && id.Session == 0 && id.Value == 0 {
		h.null()
		return
	}
	if !h.loose {
		if c, i := h.last(TypeConsumerID); c.kind == TypeConsumerID && c.b == id.Value && c.a == id.Session && c.s == string(id.Connection) {
			h.index(i)
			return
		}
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
	h.bit(false) // TextView
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
	h.blank(m.GroupID, m.Blanks, message.BlankGroupID)
	h.put32(uint32(m.GroupSequence))
	h.blank(m.CorrelationID, m.Blanks, message.BlankCorrelationID)
	h.bit(m.Persistent)
	h.long(m.Expiration)
	h.buf = append(h.buf, m.Priority)
	h.bit(false) // ReplyTo
	h.long(m.Timestamp)
	h.blank(m.Type, m.Blanks, message.BlankType)
	h.bytes(m.Content)
	h.bytes(m.Properties)
	h.bit(false) // DataStructure
	h.consumer(&m.TargetConsumer)
	h.bit(m.Compressed)
	h.put32(uint32(m.RedeliveryCounter))
	h.bit(false) // BrokerPath
	h.long(m.Arrival)
	h.blank(m.UserID, m.Blanks, message.BlankUserID)
	h.bit(m.ReceivedByDFBridge)
	h.bit(m.Droppable)
	h.bit(false) // Cluster
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
	if !h.loose {
		h.bit(false) // marshalled beforehand
	}
	h.put32(0)
	h.bit(false) // no response is required
	if sent == 0 {
		sent = m.BrokerOutTime
	}
	h.message(m, sent)
	h.put32(uint32(d.RedeliveryCounter))
}
