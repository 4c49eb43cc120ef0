// Package openwire encodes and decodes OpenWire, the protocol of ActiveMQ
// Classic, versions 1 to 12, in both directions. It opens no sockets, starts
// no goroutine and has no locks: an [Encoder] or [Decoder] holds the state of
// one direction of one connection and belongs to one goroutine.
//
// # Frames
//
// A frame is an int32 size (of what follows it), a data type byte and the
// fields of that type, big-endian. Size 1 and type 0 is null. The first frame
// of each side is a [WireFormatInfo], loose and uncached; from both follows
// ([Negotiate]) the [Format] of all other frames. (OpenWireFormat,
// WireFormatNegotiator)
//
// # Loose
//
// Every field stands where it is: a boolean is a byte; byte, int32 and int64
// have 1, 4 and 8 bytes; a string is a presence boolean, a uint16 length and
// modified UTF-8; a byte array is a presence boolean, an int32 length and the
// bytes; an array is a presence boolean, an int16 count and nested objects; a
// nested object is a presence boolean, its data type and its fields. An
// exception is a presence boolean, class, message and, where stack traces were
// agreed, an int16 count of frames (class, method, file, int32 line) and the
// exception that caused it. (BaseDataStreamMarshaller.looseMarshal…)
//
// # Tight
//
// After the data type comes the boolean stream of the whole frame: its length
// in bytes, written as n below 64, as C0 n below 256 and as 80 with an int16
// otherwise, and the bits, lowest first. All booleans of the loose encoding
// are there, in the order of the fields, and with them: after a string's
// presence, whether it is ASCII; for an int64 two bits that say whether 0
// (00), 2 (01), 4 (10) or 8 (11) bytes follow; for a nested message, that it
// was not marshalled beforehand. (BooleanStream,
// BaseDataStreamMarshaller.tightMarshal…)
//
// # Cache
//
// Where both agreed, identifiers and destinations in fields that are marked so
// are written once: true, an int16 index and the nested object the first time,
// false and the index later. Null is cached as well. The writer gives indices
// round a ring of the agreed size and frees the oldest so that 100 are free
// when a frame begins; index -1 is not kept. (OpenWireFormat.addToMarshallCache,
// runMarshallCacheEvictionSweep)
//
// # Versions
//
// Fields were only ever added, except that NetworkBridgeFilter was reordered
// and ConsumerControl and ConsumerInfo got theirs in the middle. Each field
// that is not of version 1 is read and written under the version that brought
// it, which was derived from the marshallers of packages
// org.apache.activemq.openwire.v1 to v12.
//
// # Bounds
//
// Nothing is allocated by a size that was not checked against what is left of
// the frame; nesting, causes of exceptions and the memory behind a cache are
// bounded. Class names of exceptions are text and load nothing.
package openwire
