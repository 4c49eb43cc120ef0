package openwire

import "github.com/conclavemq/conclave/message"

// Decoder reads the frames of one direction of a connection. It keeps that
// direction's cache and is used by one goroutine at a time.
type Decoder struct {
	format Format
	w      wire
}

// Format is what was agreed.
func (d *Decoder) Format() Format { return d.format }

// NewDecoder returns a decoder for f.
func NewDecoder(f Format) *Decoder {
	d := &Decoder{format: f}
	d.w = wire{mode: looseRead, version: uint8(f.Version), stackTrace: f.StackTrace, strings: new(internTable)}
	if f.Tight {
		d.w.mode = tightRead
	}
	if n := f.cacheLimit(); n > 0 {
		d.w.readCache = newReadCache(n)
	}
	return d
}

// ReuseAcks lets Decode return the same *message.Ack each time: one is valid
// until the next call. It is for who is done with one command before the next.
func (d *Decoder) ReuseAcks(reuse bool) {
	if d.w.reused = nil; reuse {
		d.w.reused = new(message.Ack)
	}
}

// Decode reads one frame, without its size prefix: a data type and what
// belongs to it. It returns nil for the null frame, otherwise a pointer to a
// command, or an identifier or destination by value. Byte slices in it
// (Message.Content, Message.Properties) alias frame, which therefore must not
// be written again. Bytes after the command are refused, as ActiveMQ's TCP
// transport would take them for the next frame. The error is a *FrameError;
// the connection cannot be used after one. (ActiveMQ:
// OpenWireFormat.unmarshal)
func (d *Decoder) Decode(frame []byte) (Header, any, error) {
	h, v, n, err := d.decode(frame)
	if err == nil && n != len(frame) {
		err = &FrameError{Type: frame[0], Offset: n, Detail: "bytes after the command", Err: ErrMalformed}
	}
	if err != nil {
		return Header{}, nil, err
	}
	return h, v, nil
}

// decode reads one frame and says how many bytes it has.
func (d *Decoder) decode(frame []byte) (Header, any, int, error) {
	w := &d.w
	w.buf, w.pos, w.header, w.err = frame, 0, Header{}, nil
	w.depth, w.elements, w.kind = 0, 0, TypeNull
	if int64(len(frame)) > d.format.frameLimit() {
		w.fail(ErrTooLarge, "more than the maximum frame size")
	}
	w.kind = w.get8()
	v := w.getOutermost()
	n := w.pos
	w.buf, w.bits = nil, nil
	if w.err != nil {
		return Header{}, nil, n, w.err
	}
	return w.header, v, n, nil
}

func (w *wire) getOutermost() any {
	if w.err != nil || w.kind == TypeNull {
		return nil
	}
	if w.tight() {
		w.getBools()
	}
	if isRef(w.kind) {
		r := ref{kind: w.kind}
		r.fields(w)
		return r.value()
	}
	v := w.newOutermost()
	if v == nil || !w.since(introduced(w.kind)) {
		w.fail(ErrUnknownType, "command")
		return nil
	}
	if !w.tight() || !w.readHot(v) {
		w.walk(v)
	}
	return v
}

func (w *wire) newOutermost() any {
	if w.kind == TypeAck && w.reused != nil {
		*w.reused = message.Ack{}
		return w.reused
	}
	return newObject(w.kind)
}

// getBools reads the booleans of a tight frame. (ActiveMQ:
// BooleanStream.unmarshal)
func (w *wire) getBools() {
	n := int(w.get8())
	switch n {
	case 0xC0:
		n = int(w.get8())
	case 0x80:
		n = int(int16(w.get16()))
	}
	w.bits, w.bit = w.take(n), 0
}
