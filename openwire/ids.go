package openwire

import "github.com/conclavemq/conclave/message"

func refOfDestination(d message.Destination) ref {
	if d.IsZero() || int(d.Kind) >= len(destinationTypes) {
		return ref{}
	}
	return ref{kind: destinationTypes[d.Kind], s: d.Name}
}

func refOfTransaction(t *message.TransactionID) ref {
	switch {
	case t.XA:
		return ref{kind: TypeXATransactionID, s: t.XID.Global, t: t.XID.Branch, a: int64(t.XID.FormatID)}
	case t.IsZero():
		return ref{}
	}
	return ref{kind: TypeLocalTransactionID, s: string(t.Connection), a: t.Value}
}

func refOfProducer(id *message.ProducerID) ref {
	if id.IsZero() {
		return ref{}
	}
	return ref{kind: TypeProducerID, s: string(id.Connection), a: id.Session, b: id.Value}
}

func refOfConsumer(id *message.ConsumerID) ref {
	if id.IsZero() {
		return ref{}
	}
	return ref{kind: TypeConsumerID, s: string(id.Connection), a: id.Session, b: id.Value}
}

func refOfSession(id message.SessionID) ref {
	if id.IsZero() {
		return ref{}
	}
	return ref{kind: TypeSessionID, s: string(id.Connection), a: id.Value}
}

func refOfName(kind byte, name string) ref {
	if name == "" {
		return ref{}
	}
	return ref{kind: kind, s: name}
}

func (r *ref) producer() message.ProducerID {
	return message.ProducerID{Connection: message.ConnectionID(r.s), Session: r.a, Value: r.b}
}

func (r *ref) consumer() message.ConsumerID {
	return message.ConsumerID{Connection: message.ConnectionID(r.s), Session: r.a, Value: r.b}
}

func (r *ref) session() message.SessionID {
	return message.SessionID{Connection: message.ConnectionID(r.s), Value: r.a}
}

func (r *ref) transaction() message.TransactionID {
	if r.kind == TypeXATransactionID {
		return message.TransactionID{XA: true, XID: message.XID{FormatID: int32(r.a), Global: r.s, Branch: r.t}}
	}
	return message.TransactionID{Connection: message.ConnectionID(r.s), Value: r.a}
}

// walkRef walks r, cached or merely nested.
func (w *wire) walkRef(r *ref, cached bool) {
	if cached {
		w.cached(r)
	} else {
		w.nested(r)
	}
}

func (w *wire) destination(d *message.Destination, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfDestination(*d)
	}
	w.walkRef(&r, cached)
	if !w.reading() {
		return
	}
	kind, ok := destinationKind(r.kind)
	if !ok && r.kind != TypeNull {
		w.fail(ErrMalformed, "no destination")
	}
	*d = message.Destination{}
	if r.s != "" {
		*d = message.Destination{Kind: kind, Name: r.s}
	}
}

func (w *wire) transaction(t *message.TransactionID, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfTransaction(t)
	}
	w.walkRef(&r, cached)
	if !w.reading() {
		return
	}
	if r.kind != TypeNull && r.kind != TypeLocalTransactionID && r.kind != TypeXATransactionID {
		w.fail(ErrMalformed, "no transaction")
	}
	*t = r.transaction()
}

func (w *wire) producer(id *message.ProducerID, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfProducer(id)
	}
	w.walkRef(&r, cached)
	if w.reading() {
		w.expect(&r, TypeProducerID)
		*id = r.producer()
	}
}

func (w *wire) consumer(id *message.ConsumerID, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfConsumer(id)
	}
	w.walkRef(&r, cached)
	if w.reading() {
		w.expect(&r, TypeConsumerID)
		*id = r.consumer()
	}
}

func (w *wire) session(id *message.SessionID, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfSession(*id)
	}
	w.walkRef(&r, cached)
	if w.reading() {
		w.expect(&r, TypeSessionID)
		*id = r.session()
	}
}

func (w *wire) connection(id *message.ConnectionID, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfName(TypeConnectionID, string(*id))
	}
	w.walkRef(&r, cached)
	if w.reading() {
		w.expect(&r, TypeConnectionID)
		*id = message.ConnectionID(r.s)
	}
}

func (w *wire) broker(id *message.BrokerID, cached bool) {
	r := ref{}
	if !w.reading() {
		r = refOfName(TypeBrokerID, string(*id))
	}
	w.walkRef(&r, cached)
	if w.reading() {
		w.expect(&r, TypeBrokerID)
		*id = message.BrokerID(r.s)
	}
}

// brokers walks an array of broker ids; nil is null.
func (w *wire) brokers(p *[]message.BrokerID) {
	n, present := w.count(len(*p), *p != nil)
	if !w.reading() {
		for i := range *p {
			w.broker(&(*p)[i], false)
		}
		return
	}
	*p = nil
	if present {
		*p = make([]message.BrokerID, 0, min(n, 16))
	}
	for i := 0; i < n && w.err == nil; i++ {
		var id message.BrokerID
		w.broker(&id, false)
		*p = append(*p, id)
	}
}

// consumers walks an array of consumer ids; nil is null.
func (w *wire) consumers(p *[]message.ConsumerID) {
	n, present := w.count(len(*p), *p != nil)
	if !w.reading() {
		for i := range *p {
			w.consumer(&(*p)[i], false)
		}
		return
	}
	*p = nil
	if present {
		*p = make([]message.ConsumerID, 0, min(n, 16))
	}
	for i := 0; i < n && w.err == nil; i++ {
		var id message.ConsumerID
		w.consumer(&id, false)
		*p = append(*p, id)
	}
}

// messageID walks a nested message id; the zero id is null.
func (w *wire) messageID(id *message.MessageID) {
	present := w.flag(!w.reading() && !id.IsZero())
	if !present {
		if w.reading() {
			*id = message.MessageID{}
		}
		return
	}
	if w.reading() {
		if w.get8() != TypeMessageID {
			w.fail(ErrMalformed, "no message id")
			return
		}
	} else {
		w.put8(TypeMessageID)
	}
	w.messageIDFields(id)
}

func (w *wire) messageIDFields(id *message.MessageID) {
	if w.since(10) {
		w.string(&id.TextView)
	}
	w.producer(&id.Producer, true)
	w.int64(&id.ProducerSequence)
	w.int64(&id.BrokerSequence)
}
