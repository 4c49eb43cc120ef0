package openwire

import (
	"encoding/binary"

	"github.com/conclavemq/conclave/message"
)

// Nearly all frames of a busy connection are messages, deliveries and
// acknowledgements, tight, cached and without anything unusual in them. These
// have a way of their own, which walks the same fields as message, delivery and
// ack do, in straight lines, with the booleans in a register. It changes
// nothing until it is certain of the whole frame: whatever it does not expect –
// a new cache entry, a rare field, the end of the frame – it leaves to the
// walk, from the beginning, which alone knows errors.

const (
	hotVersion = 10 // the least, so that no field depends on the version
	hotBits    = 7  // bytes of booleans that one word holds, with a mark behind them
)

// hotReader reads one frame. What it cannot read sets odd.
type hotReader struct {
	buf   []byte // what is left
	bits  uint64 // what is left, and a one behind the last
	slots []ref  // of the cache
	none  ref
	odd   bool
}

// readHot reads v and reports whether it could; else nothing has changed.
func (w *wire) readHot(v any) bool {
	if w.cold || w.readCache == nil || w.version < hotVersion || len(w.bits) > hotBits || w.err != nil {
		return false
	}
	r := hotReader{buf: w.buf[w.pos:], slots: w.readCache.slots}
	for i, b := range w.bits {
		r.bits |= uint64(b) << (8 * i)
	}
	r.bits |= 1 << (8 * len(w.bits))
	header := Header{CommandID: int32(r.get32()), ResponseRequired: r.bit()}
	switch v := v.(type) {
	case *message.Message:
		if r.message(v); !r.good() {
			*v = message.Message{Body: v.Body}
			return false
		}
	case *message.Ack:
		if r.ack(v); !r.good() {
			*v = message.Ack{}
			return false
		}
	case *message.Delivery:
		if r.delivery(v); !r.good() {
			*v = message.Delivery{}
			return false
		}
	default:
		return false
	}
	w.header = header
	w.pos = len(w.buf) - len(r.buf)
	return true
}

// good reports whether everything was there: the mark behind the booleans is
// gone if more of them were read.
func (r *hotReader) good() bool { return !r.odd && r.bits != 0 }

func (r *hotReader) bit() bool {
	v := r.bits&1 != 0
	r.bits >>= 1
	return v
}

// never is a boolean that is false in what is read here.
func (r *hotReader) never() {
	if r.bits&1 != 0 {
		r.odd = true
	}
	r.bits >>= 1
}

func (r *hotReader) get8() byte {
	if len(r.buf) < 1 {
		r.odd = true
		return 0
	}
	v := r.buf[0]
	r.buf = r.buf[1:]
	return v
}

func (r *hotReader) get16() uint16 {
	if len(r.buf) < 2 {
		r.odd = true
		return 0
	}
	v := binary.BigEndian.Uint16(r.buf)
	r.buf = r.buf[2:]
	return v
}

func (r *hotReader) get32() uint32 {
	if len(r.buf) < 4 {
		r.odd = true
		return 0
	}
	v := binary.BigEndian.Uint32(r.buf)
	r.buf = r.buf[4:]
	return v
}

// long is getTightLong.
func (r *hotReader) long() int64 {
	width := r.bits & 3
	r.bits >>= 2
	switch width {
	case 1:
		return int64(r.get32())
	case 2:
		return int64(r.get16())
	case 3:
		if len(r.buf) < 8 {
			r.odd = true
			return 0
		}
		v := binary.BigEndian.Uint64(r.buf)
		r.buf = r.buf[8:]
		return int64(v)
	}
	return 0
}

// take is n bytes of the frame.
func (r *hotReader) take(n int) []byte {
	if n < 0 || n > len(r.buf) {
		r.odd = true
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

func (r *hotReader) bytes() []byte {
	if !r.bit() {
		return nil
	}
	return r.take(int(int32(r.get32())))
}

// blank is wire.blank, of what is ASCII.
func (r *hotReader) blank(p *string, set *message.Blanks, bit message.Blanks) {
	if !r.bit() {
		return
	}
	if !r.bit() {
		r.odd = true
		return
	}
	if *p = parseLatin(r.take(int(int16(r.get16())))); *p == "" {
		*set |= bit
	}
}

// cached is an object that the cache has already.
func (r *hotReader) cached() *ref {
	r.never()
	i := int(r.get16())
	if i >= len(r.slots) {
		r.odd = true
		return &r.none
	}
	return &r.slots[i]
}

func (r *hotReader) destination(d *message.Destination) {
	c := r.cached()
	if c.kind == TypeNull {
		return
	}
	kind, ok := destinationKind(c.kind)
	if !ok {
		r.odd = true
	}
	if c.s != "" {
		d.Kind, d.Name = kind, c.s
	}
}

func (r *hotReader) transaction(t *message.TransactionID) {
	switch c := r.cached(); c.kind {
	case TypeNull:
	case TypeLocalTransactionID:
		t.Connection, t.Value = message.ConnectionID(c.s), c.a
	default:
		r.odd = true
	}
}

func (r *hotReader) producer(id *message.ProducerID) {
	switch c := r.cached(); c.kind {
	case TypeNull:
	case TypeProducerID:
		id.Connection, id.Session, id.Value = message.ConnectionID(c.s), c.a, c.b
	default:
		r.odd = true
	}
}

func (r *hotReader) consumer(id *message.ConsumerID) {
	switch c := r.cached(); c.kind {
	case TypeNull:
	case TypeConsumerID:
		id.Connection, id.Session, id.Value = message.ConnectionID(c.s), c.a, c.b
	default:
		r.odd = true
	}
}

func (r *hotReader) messageID(id *message.MessageID) {
	if !r.bit() {
		return
	}
	if r.get8() != TypeMessageID {
		r.odd = true
	}
	r.never() // TextView
	r.producer(&id.Producer)
	id.ProducerSequence = r.long()
	id.BrokerSequence = r.long()
}

// message reads what follows the header of an empty message.
func (r *hotReader) message(m *message.Message) {
	if m.Body == message.Blob {
		r.odd = true
		return
	}
	r.producer(&m.Producer)
	r.destination(&m.Destination)
	r.transaction(&m.Transaction)
	r.destination(&m.OriginalDestination)
	r.messageID(&m.ID)
	r.transaction(&m.OriginalTransaction)
	r.blank(&m.GroupID, &m.Blanks, message.BlankGroupID)
	m.GroupSequence = int32(r.get32())
	r.blank(&m.CorrelationID, &m.Blanks, message.BlankCorrelationID)
	m.Persistent = r.bit()
	m.Expiration = r.long()
	m.Priority = r.get8()
	r.never() // ReplyTo
	m.Timestamp = r.long()
	r.blank(&m.Type, &m.Blanks, message.BlankType)
	m.Content = r.bytes()
	m.Properties = r.bytes()
	r.never() // DataStructure
	r.consumer(&m.TargetConsumer)
	m.Compressed = r.bit()
	m.RedeliveryCounter = int32(r.get32())
	r.never() // BrokerPath
	m.Arrival = r.long()
	r.blank(&m.UserID, &m.Blanks, message.BlankUserID)
	m.ReceivedByDFBridge = r.bit()
	m.Droppable = r.bit()
	r.never() // Cluster
	m.BrokerInTime = r.long()
	m.BrokerOutTime = r.long()
	m.FirstForConsumer = r.bit()
}

func (r *hotReader) ack(a *message.Ack) {
	r.destination(&a.Destination)
	r.transaction(&a.Transaction)
	r.consumer(&a.Consumer)
	a.Type = message.AckType(r.get8())
	r.messageID(&a.First)
	r.messageID(&a.Last)
	a.Count = int32(r.get32())
	r.never() // PoisonCause
}

func (r *hotReader) delivery(d *message.Delivery) {
	r.consumer(&d.Consumer)
	r.destination(&d.Destination)
	if !r.bit() {
		r.odd = true
		return
	}
	kind := r.get8()
	if !isMessage(kind) {
		r.odd = true
		return
	}
	r.never() // marshalled beforehand
	d.Message = &message.Message{Body: bodies[kind-TypeMessage]}
	r.get32()
	r.bit()
	r.message(d.Message)
	d.RedeliveryCounter = int32(r.get32())
}
