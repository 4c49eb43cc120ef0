package openwire

import "github.com/conclavemq/conclave/message"

// removeInfo walks data type 12. Versions before 5 do not say what was last
// delivered. (ActiveMQ: RemoveInfoMarshaller)
func (w *wire) removeInfo(r *message.RemoveInfo) {
	w.command()
	object := refOf(r.Object)
	if r.Object != nil && object.kind == TypeNull {
		w.fail(ErrUnknownType, "object to remove is no identifier")
		return
	}
	w.cached(&object)
	if w.reading() {
		r.Object = object.value()
	}
	if w.since(5) {
		w.int64(&r.LastDelivered)
	}
}
