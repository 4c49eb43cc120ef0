package openwire

import "github.com/conclavemq/conclave/message"

// ref is any object that OpenWire may cache: an identifier, a destination or
// null (kind 0). It is comparable and so the key of a cache.
type ref struct {
	kind byte   // data type
	s    string // connection, broker, name or global transaction
	t    string // branch qualifier
	a, b int64
}

// isRef reports whether a data type is an identifier or a destination.
func isRef(kind byte) bool {
	switch kind {
	case TypeQueue, TypeTopic, TypeTempQueue, TypeTempTopic,
		TypeLocalTransactionID, TypeXATransactionID,
		TypeConnectionID, TypeSessionID, TypeConsumerID, TypeProducerID, TypeBrokerID:
		return true
	}
	return false
}

// fields walks what follows the data type.
func (r *ref) fields(w *wire) {
	switch r.kind {
	case TypeLocalTransactionID:
		w.int64(&r.a)
		connection := ref{kind: TypeConnectionID, s: r.s}
		if r.s == "" {
			connection.kind = TypeNull
		}
		w.cached(&connection)
		w.expect(&connection, TypeConnectionID)
		r.s = connection.s
	case TypeXATransactionID:
		format := int32(r.a)
		w.int32(&format)
		r.a = int64(format)
		w.binary(&r.s)
		w.binary(&r.t)
	case TypeProducerID:
		w.name(&r.s)
		w.int64(&r.b)
		w.int64(&r.a)
	case TypeConsumerID:
		w.name(&r.s)
		w.int64(&r.a)
		w.int64(&r.b)
	case TypeSessionID:
		w.name(&r.s)
		w.int64(&r.a)
	default: // connections, brokers, destinations
		w.name(&r.s)
	}
}

// binary walks a byte array that is held as a string and is never null.
func (w *wire) binary(p *string) {
	if !w.reading() {
		w.flag(true)
		w.put32(uint32(len(*p)))
		w.buf = append(w.buf, *p...)
		return
	}
	var b []byte
	w.bytes(&b)
	*p = string(b)
}

// expect refuses a reference of another kind than the field's.
func (w *wire) expect(r *ref, kind byte) {
	if r.kind != kind && r.kind != TypeNull {
		w.fail(ErrMalformed, "identifier of another type")
	}
}

// nested walks r as a nested object: a boolean for presence, the data type and
// its fields.
func (w *wire) nested(r *ref) {
	if !w.flag(r.kind != TypeNull) {
		if w.reading() {
			*r = ref{}
		}
		return
	}
	if w.reading() {
		*r = ref{kind: w.get8()}
		if !isRef(r.kind) {
			w.fail(ErrUnknownType, "no identifier")
			return
		}
	} else {
		w.put8(r.kind)
	}
	r.fields(w)
}

// cached walks r as an object that the peers agreed to cache.
func (w *wire) cached(r *ref) {
	switch {
	case w.writeCache != nil:
		w.putCached(r)
	case w.readCache != nil:
		w.getCached(r)
	default:
		w.nested(r)
	}
}

func (w *wire) putCached(r *ref) {
	if i, ok := w.writeCache.find(r); ok {
		w.flag(false)
		w.put16(uint16(i))
		return
	}
	w.flag(true)
	if w.mode == looseWrite {
		w.put16(uint16(w.writeCache.add(r)))
		w.nested(r)
		return
	}
	// Tight: what is nested takes its place in the cache first.
	at := len(w.buf)
	w.put16(0)
	w.nested(r)
	i := uint16(w.writeCache.add(r))
	w.buf[at], w.buf[at+1] = byte(i>>8), byte(i)
}

func (w *wire) getCached(r *ref) {
	isNew := w.flag(false)
	i := int(int16(w.get16()))
	if isNew {
		if w.nested(r); w.err != nil {
			return
		}
		if err := w.readCache.set(i, *r); err != nil {
			w.fail(err, "cache entry")
		}
		return
	}
	var ok bool
	if *r, ok = w.readCache.get(i); !ok {
		w.fail(ErrMalformed, "index beyond the cache")
	}
}

var destinationTypes = [...]byte{
	message.Queue: TypeQueue, message.Topic: TypeTopic,
	message.TempQueue: TypeTempQueue, message.TempTopic: TypeTempTopic,
}

func destinationKind(kind byte) (message.Kind, bool) {
	if kind < TypeQueue || kind > TypeTempTopic {
		return 0, false
	}
	return [...]message.Kind{message.Queue, message.Topic, message.TempQueue, message.TempTopic}[kind-TypeQueue], true
}
