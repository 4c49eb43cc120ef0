package openwire

import (
	"encoding/binary"

	"github.com/conclavemq/conclave/message"
)

// mode says which of the four jobs a walk over a command's fields does.
type mode uint8

const (
	looseRead mode = iota
	looseWrite
	tightRead
	tightWrite
)

const (
	maxDepth    = 16      // commands within commands; ActiveMQ nests three deep
	maxElements = 1 << 17 // of all arrays of a frame: an element can take one byte here and 32 in memory
)

// wire walks the fields of commands in one direction and encoding. Each
// command has one method that names its fields in the order of the protocol;
// reading fills them, writing only reads them. The first failure stays in err,
// and from then on everything reads as zero.
type wire struct {
	mode       mode
	version    uint8
	stackTrace bool
	readCache  *readCache  // nil: no cache, or writing
	writeCache *writeCache // nil: no cache, or reading

	buf  []byte // reading: the frame; writing: what was written
	pos  int    // reading: next byte of buf
	bits []byte // tight: the frame's booleans, eight a byte from the lowest
	bit  int    // tight: next boolean

	cold     bool   // tests compare: everything is walked, nothing hot
	sent     int64  // writing: BrokerOutTime of deliveries, 0 that of their message
	header   Header // of the outermost command
	kind     byte   // data type of the outermost command
	depth    int
	elements int // of arrays, read so far
	err      *FrameError
	strings  *internTable // reading only
	reused   *message.Ack // reading: not nil: each outermost acknowledgement is this one
}

func (w *wire) reading() bool { return w.mode&1 == 0 }
func (w *wire) tight() bool   { return w.mode >= tightRead }

// since reports whether the version has what came with version v.
func (w *wire) since(v uint8) bool { return w.version >= v }

func (w *wire) fail(err error, detail string) {
	if w.err != nil {
		return
	}
	at := w.pos
	if !w.reading() {
		at = len(w.buf)
	}
	w.err = &FrameError{Type: w.kind, Offset: at, Detail: detail, Err: err}
}

// take reads n bytes, aliasing the frame; nil where there are not so many.
func (w *wire) take(n int) []byte {
	if w.err != nil {
		return nil
	}
	if n < 0 {
		w.fail(ErrMalformed, "negative size")
		return nil
	}
	if n > len(w.buf)-w.pos {
		w.fail(ErrTruncated, "size beyond the end")
		return nil
	}
	w.pos += n
	return w.buf[w.pos-n : w.pos : w.pos]
}

func (w *wire) get8() byte {
	if b := w.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (w *wire) get16() uint16 {
	if b := w.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (w *wire) get32() uint32 {
	if b := w.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (w *wire) get64() uint64 {
	if b := w.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (w *wire) put8(v byte)    { w.buf = append(w.buf, v) }
func (w *wire) put16(v uint16) { w.buf = binary.BigEndian.AppendUint16(w.buf, v) }
func (w *wire) put32(v uint32) { w.buf = binary.BigEndian.AppendUint32(w.buf, v) }
func (w *wire) put64(v uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }

// getBit reads a boolean of the tight encoding.
func (w *wire) getBit() bool {
	if w.bit>>3 >= len(w.bits) {
		w.fail(ErrTruncated, "booleans end early")
		return false
	}
	v := w.bits[w.bit>>3]>>(w.bit&7)&1 != 0
	w.bit++
	return v
}

func (w *wire) putBit(v bool) {
	if w.bit&7 == 0 {
		w.bits = append(w.bits, 0)
	}
	if v {
		w.bits[w.bit>>3] |= 1 << (w.bit & 7)
	}
	w.bit++
}

// flag reads a boolean, or writes v and returns it.
func (w *wire) flag(v bool) bool {
	switch w.mode {
	case looseRead:
		return w.get8() != 0
	case tightRead:
		return w.getBit()
	case tightWrite:
		w.putBit(v)
	default:
		if v {
			w.put8(1)
		} else {
			w.put8(0)
		}
	}
	return v
}

func (w *wire) bool(p *bool) {
	if v := w.flag(*p); w.reading() {
		*p = v
	}
}

func (w *wire) byte(p *uint8) {
	if w.reading() {
		*p = w.get8()
		return
	}
	w.put8(*p)
}

func (w *wire) int8(p *int8) {
	if w.reading() {
		*p = int8(w.get8())
		return
	}
	w.put8(uint8(*p))
}

func (w *wire) int32(p *int32) {
	if w.reading() {
		*p = int32(w.get32())
		return
	}
	w.put32(uint32(*p))
}

// int64 walks a long, which the tight encoding shortens: two booleans say
// whether 0, 2, 4 or 8 bytes follow.
func (w *wire) int64(p *int64) {
	switch w.mode {
	case looseRead:
		*p = int64(w.get64())
	case looseWrite:
		w.put64(uint64(*p))
	case tightRead:
		*p = w.getTightLong()
	case tightWrite:
		w.putTightLong(uint64(*p))
	}
}

func (w *wire) getTightLong() int64 {
	wide, more := w.getBit(), w.getBit()
	switch {
	case wide && more:
		return int64(w.get64())
	case wide:
		return int64(w.get32())
	case more:
		return int64(w.get16())
	}
	return 0
}

func (w *wire) putTightLong(v uint64) {
	wide := v>>32 != 0
	long := v>>16 != 0
	w.putBit(long)
	w.putBit(wide || !long && v != 0)
	switch {
	case wide:
		w.put64(v)
	case long:
		w.put32(uint32(v))
	case v != 0:
		w.put16(uint16(v))
	}
}

// bytes walks a byte array; nil is null. Reading aliases the frame.
func (w *wire) bytes(p *[]byte) {
	present := w.flag(*p != nil)
	if !present {
		if w.reading() {
			*p = nil
		}
		return
	}
	if w.reading() {
		*p = w.take(int(int32(w.get32())))
		return
	}
	if len(*p) > unlimited {
		w.fail(ErrTooLarge, "byte array")
		return
	}
	w.put32(uint32(len(*p)))
	w.buf = append(w.buf, *p...)
}

// enter goes into a nested command; the caller calls leave where it is true.
func (w *wire) enter() bool {
	if w.depth >= maxDepth {
		w.fail(ErrMalformed, "nesting too deep")
		return false
	}
	w.depth++
	return true
}

func (w *wire) leave() { w.depth-- }

// command walks what every command begins with.
func (w *wire) command() {
	h := &w.header
	if w.depth > 0 {
		h = &Header{}
	}
	w.int32(&h.CommandID)
	w.bool(&h.ResponseRequired)
}

// count walks the number of elements of an array, which is null where present
// is false. A count that the rest of the frame cannot hold is refused: each
// element takes a boolean at least.
func (w *wire) count(n int, present bool) (int, bool) {
	if !w.flag(present) {
		return 0, false
	}
	if !w.reading() {
		if n > 1<<15-1 {
			w.fail(ErrTooLarge, "array of more than 32767 elements")
			return 0, false
		}
		w.put16(uint16(n))
		return n, true
	}
	n = int(int16(w.get16()))
	left := len(w.buf) - w.pos
	if w.tight() {
		left = len(w.bits)*8 - w.bit
	}
	w.bound(n, left)
	return n, w.err == nil
}

// bound refuses n elements where at most left can follow.
func (w *wire) bound(n, left int) {
	if n < 0 || n > left {
		w.fail(ErrMalformed, "array larger than the frame")
		return
	}
	if w.elements += n; w.elements > maxElements {
		w.fail(ErrTooLarge, "too many array elements")
	}
}
