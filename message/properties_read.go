package message

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// ParseProperties reads a primitive map. It returns nil for no bytes and for
// a null map. Byte arrays among the values alias b.
func ParseProperties(b []byte) (Properties, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := primitiveReader{b: b}
	p := r.properties(0)
	if r.bad != "" {
		return nil, r.err()
	}
	return p, nil
}

// ParseValue reads one value, as AppendValue writes it, and returns what
// follows it. A byte array aliases b.
func ParseValue(b []byte) (value any, rest []byte, err error) {
	r := primitiveReader{b: b}
	value = r.value(0)
	if r.bad != "" {
		return nil, nil, r.err()
	}
	return value, b[r.pos:], nil
}

// LookupProperty finds the value of name in a primitive map, whose other
// entries it skips without allocating.
func LookupProperty(b []byte, name string) (value any, ok bool, err error) {
	if len(b) == 0 {
		return nil, false, nil
	}
	var room [64]byte
	want := AppendModifiedUTF8(room[:0], name)
	r := primitiveReader{b: b}
	for range r.count(minEntry) {
		if bytes.Equal(r.take(int(r.uint16())), want) && r.bad == "" {
			value, ok = r.value(1), true
			break
		}
		r.skip(1)
		if r.bad != "" {
			break
		}
	}
	if r.bad != "" {
		return nil, false, r.err()
	}
	return value, ok, nil
}

// Property returns the value of an application property, without parsing the
// others.
func (m *Message) Property(name string) (value any, ok bool, err error) {
	return LookupProperty(m.Properties, name)
}

// Smallest encodings, to bound a count by the bytes that are left.
const (
	minEntry = 3 // a name's length and a type byte
	minValue = 1
)

// primitiveReader reads values from b; once bad is set everything reads as
// zero.
type primitiveReader struct {
	b      []byte
	pos    int
	values int // announced by maps and lists so far
	bad    string
}

func (r *primitiveReader) err() error {
	return fmt.Errorf("%s at offset %d: %w", r.bad, r.pos, ErrMalformedProperties)
}

func (r *primitiveReader) fail(why string) {
	if r.bad == "" {
		r.bad = why
	}
}

func (r *primitiveReader) take(n int) []byte {
	if r.bad != "" {
		return nil
	}
	if n < 0 || n > len(r.b)-r.pos {
		r.fail("truncated value")
		return nil
	}
	r.pos += n
	return r.b[r.pos-n : r.pos : r.pos]
}

func (r *primitiveReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *primitiveReader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *primitiveReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *primitiveReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// count reads how many entries follow; negative means null.
func (r *primitiveReader) count(size int) int {
	n := int(int32(r.uint32()))
	if n > (len(r.b)-r.pos)/size {
		r.fail("more entries than bytes")
	}
	if r.values += max(n, 0); r.values > maxValues {
		r.fail("too many values")
	}
	if r.bad != "" {
		return 0
	}
	return n
}

func (r *primitiveReader) string(n int) string {
	s, err := ParseModifiedUTF8(r.take(n))
	if err != nil {
		r.fail("malformed string")
	}
	return s
}

// properties reads a map whose nesting is depth.
func (r *primitiveReader) properties(depth int) Properties {
	n := r.count(minEntry)
	if n < 0 || !r.enter(depth) {
		return nil
	}
	p := make(Properties, 0, min(n, 128))
	for range n {
		name := r.string(int(r.uint16()))
		value := r.value(depth + 1)
		if r.bad != "" {
			return nil
		}
		p = append(p, Property{name, value})
	}
	return p
}

func (r *primitiveReader) list(depth int) []any {
	n := r.count(minValue)
	if n < 0 || !r.enter(depth) {
		return nil
	}
	list := make([]any, 0, min(n, 128))
	for range n {
		v := r.value(depth + 1)
		if r.bad != "" {
			return nil
		}
		list = append(list, v)
	}
	return list
}

func (r *primitiveReader) enter(depth int) bool {
	if depth > maxPropertyDepth {
		r.fail("nesting too deep")
	}
	return r.bad == ""
}

func (r *primitiveReader) value(depth int) any {
	switch t := r.byte(); t {
	case boolValue:
		return r.byte() != 0
	case byteValue:
		return int8(r.byte())
	case charValue:
		return Char(r.uint16())
	case shortValue:
		return int16(r.uint16())
	case intValue:
		return int32(r.uint32())
	case longValue:
		return int64(r.uint64())
	case doubleValue:
		return math.Float64frombits(r.uint64())
	case floatValue:
		return math.Float32frombits(r.uint32())
	case stringValue:
		return r.string(int(r.uint16()))
	case bigStringValue:
		return r.bigString()
	case bytesValue:
		return r.take(int(int32(r.uint32())))
	case mapValue:
		return r.properties(depth)
	case listValue:
		return r.list(depth)
	case nullValue:
		return nil
	default:
		r.fail("unknown value type")
		return nil
	}
}

// bigString reads a long string; length -1 is null, as in Java's readUTF8.
func (r *primitiveReader) bigString() any {
	n := int(int32(r.uint32()))
	if n == -1 {
		return nil
	}
	return r.string(n)
}

// skip passes over a value.
func (r *primitiveReader) skip(depth int) {
	switch t := r.byte(); t {
	case nullValue:
	case boolValue, byteValue:
		r.take(1)
	case charValue, shortValue:
		r.take(2)
	case intValue, floatValue:
		r.take(4)
	case longValue, doubleValue:
		r.take(8)
	case stringValue:
		r.take(int(r.uint16()))
	case bigStringValue, bytesValue:
		r.take(max(int(int32(r.uint32())), 0))
	case mapValue:
		r.skipAll(minEntry, depth)
	case listValue:
		r.skipAll(minValue, depth)
	default:
		r.fail("unknown value type")
	}
}

func (r *primitiveReader) skipAll(size, depth int) {
	n := r.count(size)
	if !r.enter(depth) {
		return
	}
	for range n {
		if size == minEntry {
			r.take(int(r.uint16()))
		}
		if r.skip(depth + 1); r.bad != "" {
			return
		}
	}
}
