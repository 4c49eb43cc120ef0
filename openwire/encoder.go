package openwire

import (
	"encoding/binary"
	"slices"
)

// Encoder writes the frames of one direction of a connection. It keeps that
// direction's cache and is used by one goroutine at a time.
type Encoder struct {
	format Format
	w      wire
	room   int // bytes that the last tight frame's booleans took
}

// NewEncoder returns an encoder for f.
func NewEncoder(f Format) *Encoder {
	e := &Encoder{format: f}
	e.w = wire{mode: looseWrite, version: uint8(f.Version), stackTrace: f.StackTrace}
	if f.Tight {
		e.w.mode = tightWrite
	}
	if n := f.cacheLimit(); n > 0 {
		e.w.writeCache = newWriteCache(n)
	}
	return e
}

// Sent sets the BrokerOutTime of the deliveries that follow, in ms since 1970;
// 0 leaves each message its own.
func (e *Encoder) Sent(ms int64) { e.w.sent = ms }

// Append appends to dst one frame with its size prefix: h and v, which is nil,
// a pointer to a command, or an identifier or destination by value. On an
// error dst is returned as it was, nothing is remembered of v, and the encoder
// can be used on. The error is a *FrameError. (ActiveMQ:
// OpenWireFormat.marshal)
func (e *Encoder) Append(dst []byte, h Header, v any) ([]byte, error) {
	w := &e.w
	start := len(dst)
	if !e.format.SizePrefixDisabled {
		dst = append(dst, 0, 0, 0, 0)
	}
	body := len(dst)
	w.buf, w.header, w.err, w.depth = dst, h, nil, 0
	if w.writeCache != nil {
		w.writeCache.begin()
	}
	e.frame(v)
	size := len(w.buf) - body
	if int64(size) > e.format.frameLimit() {
		w.fail(ErrTooLarge, "more than the maximum frame size")
	}
	dst, w.buf = w.buf, nil
	if w.err != nil {
		if w.writeCache != nil {
			w.writeCache.rollback()
		}
		w.err.Offset -= body
		return dst[:start], w.err
	}
	if !e.format.SizePrefixDisabled {
		binary.BigEndian.PutUint32(dst[start:], uint32(size))
	}
	return dst, nil
}

func (e *Encoder) frame(v any) {
	w := &e.w
	w.kind = TypeNull
	if v == nil {
		w.put8(TypeNull)
		return
	}
	w.kind = dataType(v)
	if w.kind == TypeNull || !w.since(introduced(w.kind)) {
		w.fail(ErrUnknownType, "value has no data type in this version")
		return
	}
	w.put8(w.kind)
	if w.mode == tightWrite {
		e.tight(v)
		return
	}
	if !e.hot(v) {
		w.fields(w.kind, v)
	}
}

// fields walks the fields of the outermost object.
func (w *wire) fields(kind byte, v any) {
	if isRef(kind) {
		r := refOf(v)
		r.fields(w)
		return
	}
	w.walk(v)
}

// tight writes the booleans and after them the fields. How many booleans there
// are is known only afterwards: room is left for as many as in the last frame,
// and the fields are moved if that was wrong.
func (e *Encoder) tight(v any) {
	w := &e.w
	if e.hot(v) {
		return
	}
	w.bits, w.bit = w.bits[:0], 0
	at := len(w.buf)
	room := e.room
	w.buf = slices.Grow(w.buf, room)[:at+room]
	w.fields(w.kind, v)
	if len(w.bits) > 1<<15-1 {
		w.fail(ErrTooLarge, "too many booleans")
		return
	}
	need := boolsSize(len(w.bits))
	if need != room {
		end := len(w.buf)
		w.buf = slices.Grow(w.buf, max(need-room, 0))[:end+need-room]
		copy(w.buf[at+need:], w.buf[at+room:end])
	}
	putBools(w.buf[at:at+need], w.bits)
	e.room = need
}

// boolsSize gives the bytes of n bytes of booleans with their length.
// (ActiveMQ: BooleanStream.marshalledSize)
func boolsSize(n int) int {
	switch {
	case n < 64:
		return 1 + n
	case n < 256:
		return 2 + n
	}
	return 3 + n
}

func putBools(dst, bits []byte) {
	n := len(bits)
	switch {
	case n < 64:
		dst[0] = byte(n)
	case n < 256:
		dst[0], dst[1] = 0xC0, byte(n)
	default:
		dst[0], dst[1], dst[2] = 0x80, byte(n>>8), byte(n)
	}
	copy(dst[boolsSize(n)-n:], bits)
}
