// Package openwire serves OpenWire connections: it makes of each accepted
// socket a session that negotiates the wire format, turns a client's commands
// into calls of the broker, and sends back responses and deliveries. The bytes
// are the business of the codec, package openwire at the top of the module.
//
// Goroutines of a session: the one that calls Run reads and handles commands
// one after the other; one writes. Both have ended when Run returns. Timers
// watch a silent or stuck peer.
//
// The reader may also do the store's work for a message that its client waits
// for, when that is all that the client does; see turns.
//
// Everything that goes out passes an outbound queue, whose lock is held for an
// append alone, so that the broker may call a session under its own locks. The
// writer takes all that is queued, encodes it into one buffer and writes it at
// once; what is queued meanwhile goes with the next write. The queue is
// bounded: deliveries by the consumers' credit, responses because the reader
// waits where too many are owed, and all together by a hard limit, beyond
// which the connection fails.
//
// A planned end, of a broker that stops or hands over, comes in three steps;
// farewell.go has them and what each kind of client sees.
//
// A session that may write no more, because another process may own the store,
// is silenced: its socket is reset without another byte.
package openwire
