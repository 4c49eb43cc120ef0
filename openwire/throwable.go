package openwire

import (
	"unicode/utf8"

	"github.com/conclavemq/conclave/message"
)

const (
	maxCauses    = 64
	maxFrames    = 1<<15 - 1
	cutMessage   = 1024  // bytes, in versions 1 and 10 (ActiveMQ: MAX_EXCEPTION_MESSAGE_SIZE)
	limitMessage = 30000 // bytes, so that it can always be encoded
)

// throwable walks an exception: class and message, and where stack traces were
// agreed also the trace and the cause. Nothing is ever loaded by the class's
// name. (ActiveMQ: BaseDataStreamMarshaller.tightMarshalThrowable1)
func (w *wire) throwable(p **message.Throwable) { w.causeOf(p, 0) }

func (w *wire) causeOf(p **message.Throwable, causes int) {
	t := *p
	if !w.reading() && causes >= maxCauses {
		t = nil
	}
	if !w.flag(t != nil) {
		return
	}
	if w.reading() {
		if causes >= maxCauses {
			w.fail(ErrMalformed, "too many causes")
			return
		}
		t = new(message.Throwable)
		*p = t
	}
	w.string(&t.Class)
	text := t.Message
	if !w.reading() {
		text = w.cut(text)
	}
	w.string(&text)
	if w.reading() {
		t.Message = text
	}
	if w.stackTrace && w.err == nil {
		w.trace(&t.Trace)
		w.causeOf(&t.Cause, causes+1)
	}
}

func (w *wire) trace(p *[]message.StackFrame) {
	if !w.reading() {
		n := min(len(*p), maxFrames)
		w.put16(uint16(n))
		for i := range n {
			w.stackFrame(&(*p)[i])
		}
		return
	}
	n := int(int16(w.get16()))
	w.bound(n, (len(w.buf)-w.pos)/4)
	for i := 0; i < n && w.err == nil; i++ {
		var f message.StackFrame
		w.stackFrame(&f)
		*p = append(*p, f)
	}
}

func (w *wire) stackFrame(f *message.StackFrame) {
	w.name(&f.Class)
	w.string(&f.Method)
	w.name(&f.File)
	w.int32(&f.Line)
}

// cut shortens an exception's message to what the version sends.
func (w *wire) cut(s string) string {
	limit := limitMessage
	if w.version == 1 || w.version == 10 {
		limit = cutMessage
	}
	if n, _ := message.ModifiedUTF8Len(s); n <= limit {
		return s
	}
	end := 0
	for left := limit - len("..."); end < len(s); {
		_, size := utf8.DecodeRuneInString(s[end:])
		n, _ := message.ModifiedUTF8Len(s[end : end+size])
		if left -= n; left < 0 {
			break
		}
		end += size
	}
	return s[:end] + "..."
}
