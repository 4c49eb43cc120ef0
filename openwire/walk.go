package openwire

import "github.com/conclavemq/conclave/message"

// walk walks the fields of v, a pointer that newObject made or a caller gave.
func (w *wire) walk(v any) {
	switch v := v.(type) {
	case *message.Message:
		w.message(v)
	case *message.Delivery:
		w.delivery(v)
	case *message.Ack:
		w.ack(v)
	case *message.Pull:
		w.pull(v)
	case *Response:
		v.walk(w)
	case *ExceptionResponse:
		v.walk(w)
	case *DataResponse:
		v.walk(w)
	case *DataArrayResponse:
		v.walk(w)
	case *IntegerResponse:
		v.walk(w)
	case *ProducerAck:
		v.walk(w)
	case *TransactionInfo:
		v.walk(w)
	case *message.MessageID:
		w.messageIDFields(v)
	case *message.ConnectionInfo:
		w.connectionInfo(v)
	case *message.SessionInfo:
		w.sessionInfo(v)
	case *message.ConsumerInfo:
		w.consumerInfo(v)
	case *message.ProducerInfo:
		w.producerInfo(v)
	case *message.DestinationInfo:
		w.destinationInfo(v)
	case *message.RemoveInfo:
		w.removeInfo(v)
	case *message.RemoveSubscriptionInfo:
		w.removeSubscriptionInfo(v)
	case *message.SubscriptionInfo:
		w.subscriptionInfo(v)
	case *message.NetworkBridgeFilter:
		w.networkBridgeFilter(v)
	case walker:
		v.walk(w)
	default:
		w.fail(ErrUnknownType, "no command")
	}
}

// walker is a command of this package.
type walker interface{ walk(*wire) }

// object walks a nested object of any type: nil, a pointer to a command, or an
// identifier or destination by value.
func (w *wire) object(p *any) {
	if w.reading() {
		*p = nil
		if w.flag(false) {
			*p = w.getObject(w.get8())
		}
		return
	}
	if !w.flag(*p != nil) {
		return
	}
	kind := dataType(*p)
	w.put8(kind)
	if isRef(kind) {
		r := refOf(*p)
		r.fields(w)
		return
	}
	w.nestedFields(kind, *p)
}

func (w *wire) getObject(kind byte) any {
	if isRef(kind) {
		r := ref{kind: kind}
		r.fields(w)
		return r.value()
	}
	v := newObject(kind)
	w.nestedFields(kind, v)
	return v
}

// nestedFields walks what follows the data type of a nested command.
func (w *wire) nestedFields(kind byte, v any) {
	if v == nil || kind == TypeNull || !w.since(introduced(kind)) {
		w.fail(ErrUnknownType, "nested object")
		return
	}
	if w.err != nil || !w.enter() {
		return
	}
	defer w.leave()
	// Objects that ActiveMQ could once have marshalled beforehand say that
	// they are not. (OpenWireFormat.tightMarshalNestedObject1)
	if w.tight() && (isMessage(kind) || kind == TypeWireFormatInfo) && w.flag(false) {
		w.fail(ErrMalformed, "object marshalled beforehand")
		return
	}
	w.walk(v)
}

// present walks the boolean and data type of a nested object of one type and
// reports whether its fields follow.
func (w *wire) present(kind byte, present bool) bool {
	if !w.flag(present) {
		return false
	}
	if !w.reading() {
		w.put8(kind)
		return true
	}
	if got := w.get8(); got != kind {
		w.fail(ErrMalformed, "nested object of another type")
		return false
	}
	return w.err == nil
}

// nestedCommand walks a nested command of one type; nil is null.
func nestedCommand[T any](w *wire, kind byte, p **T, fields func(*T, *wire)) {
	if !w.present(kind, *p != nil) || !w.enter() {
		return
	}
	defer w.leave()
	if w.reading() {
		*p = new(T)
	}
	fields(*p, w)
}
