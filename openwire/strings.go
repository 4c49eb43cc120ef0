package openwire

import "github.com/conclavemq/conclave/message"

// Longest strings, in bytes of modified UTF-8.
const (
	maxLooseString = 1<<16 - 1 // Java: DataOutput.writeUTF
	maxTightString = 1<<15 - 2 // ActiveMQ: BaseDataStreamMarshaller.tightMarshalString1
)

// string walks a string; "" is null.
func (w *wire) string(p *string) {
	if w.reading() {
		*p, _ = w.getString()
		return
	}
	w.putString(*p, *p != "")
}

// text walks a string that is written even if it is empty, where Java's default
// is the empty string.
func (w *wire) text(p *string) {
	if w.reading() {
		*p, _ = w.getString()
		return
	}
	w.putString(*p, true)
}

// blank walks a string that can be present but empty, which bit of set says.
func (w *wire) blank(p *string, set *message.Blanks, bit message.Blanks) {
	if !w.reading() {
		w.putString(*p, *p != "" || *set&bit != 0)
		return
	}
	s, present := w.getString()
	*p = s
	if present && s == "" {
		*set |= bit
	}
}

// name walks a string that recurs, such as an identifier.
func (w *wire) name(p *string) {
	if !w.reading() {
		w.putString(*p, *p != "")
		return
	}
	raw, latin, present := w.rawString()
	switch {
	case !present:
		*p = ""
	case w.strings.find(raw) != "":
		*p = w.strings.find(raw)
	default:
		*p = w.parseString(raw, latin)
		w.strings.add(*p)
	}
}

func (w *wire) getString() (s string, present bool) {
	raw, latin, present := w.rawString()
	if !present {
		return "", false
	}
	return w.parseString(raw, latin), true
}

// rawString reads a string's bytes; latin says that each byte is a character.
func (w *wire) rawString() (raw []byte, latin, present bool) {
	if !w.flag(false) {
		return nil, false, false
	}
	if !w.tight() {
		return w.take(int(w.get16())), false, true
	}
	if w.getBit() {
		return w.take(int(int16(w.get16()))), true, true
	}
	return w.take(int(w.get16())), false, true
}

func (w *wire) parseString(raw []byte, latin bool) string {
	if latin {
		return parseLatin(raw)
	}
	s, err := message.ParseModifiedUTF8(raw)
	if err != nil {
		w.fail(ErrMalformed, "string is no modified UTF-8")
	}
	return s
}

// parseLatin reads a tight string whose writer said that it is ASCII; Java
// takes each byte for a character whatever it is.
func parseLatin(raw []byte) string {
	for _, c := range raw {
		if c >= 0x80 {
			return latinRunes(raw)
		}
	}
	return string(raw)
}

func latinRunes(raw []byte) string {
	runes := make([]rune, len(raw))
	for i, c := range raw {
		runes[i] = rune(c)
	}
	return string(runes)
}

func (w *wire) putString(s string, present bool) {
	w.flag(present)
	if !present {
		return
	}
	n, plain := message.ModifiedUTF8Len(s)
	limit := maxLooseString
	if w.tight() {
		w.putBit(plain)
		limit = maxTightString
	}
	if n > limit {
		w.fail(ErrTooLarge, "string too long to encode")
		return
	}
	w.put16(uint16(n))
	if plain {
		w.buf = append(w.buf, s...)
		return
	}
	w.buf = message.AppendModifiedUTF8(w.buf, s)
}

// internTable keeps names that were read lately, so that the identifiers and
// destinations of a stream of messages share their memory. A newcomer
// replaces what has its slot.
type internTable [64]string

const maxInterned = 256 // bytes of a name worth keeping

func internSlot[T string | []byte](s T) int {
	h := uint(len(s))
	for i := max(0, len(s)-8); i < len(s); i++ {
		h = h*31 + uint(s[i])
	}
	return int(h % 64)
}

// find returns the kept name with these bytes, or "".
func (t *internTable) find(raw []byte) string {
	if s := t[internSlot(raw)]; s == string(raw) {
		return s
	}
	return ""
}

func (t *internTable) add(s string) {
	if len(s) > 0 && len(s) <= maxInterned {
		t[internSlot(s)] = s
	}
}
