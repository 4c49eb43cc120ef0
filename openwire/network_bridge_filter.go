package openwire

import "github.com/conclavemq/conclave/message"

// networkBridgeFilter walks data type 91. Before version 10 one number is both
// limits. (ActiveMQ: NetworkBridgeFilterMarshaller)
func (w *wire) networkBridgeFilter(f *message.NetworkBridgeFilter) {
	if !w.since(10) {
		ttl := f.MessageTTL
		w.int32(&ttl)
		if w.reading() {
			f.MessageTTL, f.ConsumerTTL = ttl, ttl
		}
		w.broker(&f.NetworkBroker, true)
		return
	}
	w.broker(&f.NetworkBroker, true)
	w.int32(&f.MessageTTL)
	w.int32(&f.ConsumerTTL)
}

func (w *wire) nestedBridgeFilter(p **message.NetworkBridgeFilter) {
	if !w.present(TypeNetworkBridgeFilter, *p != nil) {
		return
	}
	if w.reading() {
		*p = new(message.NetworkBridgeFilter)
	}
	w.networkBridgeFilter(*p)
}
