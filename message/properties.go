package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The bytes of Message.Properties, of a map message's content and of a
// WireFormatInfo's options are one "primitive map": an int32 count, then that
// many names, each a uint16 length with modified UTF-8, followed by a value: a
// type byte and its data, big-endian. (ActiveMQ: MarshallingSupport)

// Property is a name with one of the value types of [AppendValue].
type Property struct {
	Name  string
	Value any
}

// Properties is a primitive map in the order of its bytes.
type Properties []Property

// Char is Java's char, a UTF-16 unit.
type Char uint16

// Errors of the primitive encoding.
var (
	ErrMalformedProperties = errors.New("malformed properties")
	ErrPropertyType        = errors.New("value has no primitive encoding")
)

// Bounds of the primitive encoding.
const (
	maxPropertyDepth = 127     // nested maps and lists (ActiveMQ: Byte.MAX_VALUE)
	maxValues        = 1 << 20 // values read at once: one can take one byte here and 16 in memory
	maxUTFLen        = 0xFFFF  // bytes of a name or short string
	bigStringLen     = math.MaxInt16 / 4
)

const (
	nullValue byte = iota
	boolValue
	byteValue
	charValue
	shortValue
	intValue
	longValue
	doubleValue
	floatValue
	stringValue
	bytesValue
	mapValue
	listValue
	bigStringValue
)

// Get returns the value of name.
func (p Properties) Get(name string) (any, bool) {
	for i := range p {
		if p[i].Name == name {
			return p[i].Value, true
		}
	}
	return nil, false
}

// Set replaces the value of name, or appends it.
func (p Properties) Set(name string, value any) Properties {
	for i := range p {
		if p[i].Name == name {
			p[i].Value = value
			return p
		}
	}
	return append(p, Property{name, value})
}

// Remove deletes name.
func (p Properties) Remove(name string) Properties {
	for i := range p {
		if p[i].Name == name {
			return append(p[:i:i], p[i+1:]...)
		}
	}
	return p
}

// Map returns the properties by name.
func (p Properties) Map() map[string]any {
	m := make(map[string]any, len(p))
	for i := range p {
		m[p[i].Name] = p[i].Value
	}
	return m
}

// AppendProperties appends p as a primitive map.
func AppendProperties(dst []byte, p Properties) ([]byte, error) {
	return appendMap(dst, p, 0)
}

// AppendValue appends a type byte and v, which is nil, bool, int8, Char,
// int16, int32, int64, float32, float64, string, []byte, Properties or []any.
// An int is taken as int64.
func AppendValue(dst []byte, v any) ([]byte, error) { return appendValue(dst, v, 0) }

func appendMap(dst []byte, p Properties, depth int) ([]byte, error) {
	if depth > maxPropertyDepth {
		return dst, fmt.Errorf("nesting: %w", ErrPropertyType)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(p)))
	for i := range p {
		n, _ := ModifiedUTF8Len(p[i].Name)
		if n > maxUTFLen {
			return dst, fmt.Errorf("name of %d bytes: %w", n, ErrPropertyType)
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		dst = AppendModifiedUTF8(dst, p[i].Name)
		var err error
		if dst, err = appendValue(dst, p[i].Value, depth+1); err != nil {
			return dst, fmt.Errorf("property %q: %w", p[i].Name, err)
		}
	}
	return dst, nil
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, nullValue), nil
	case bool:
		if v {
			return append(dst, boolValue, 1), nil
		}
		return append(dst, boolValue, 0), nil
	case int8:
		return append(dst, byteValue, byte(v)), nil
	case Char:
		return binary.BigEndian.AppendUint16(append(dst, charValue), uint16(v)), nil
	case int16:
		return binary.BigEndian.AppendUint16(append(dst, shortValue), uint16(v)), nil
	case int32:
		return binary.BigEndian.AppendUint32(append(dst, intValue), uint32(v)), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(dst, longValue), uint64(v)), nil
	case int:
		return binary.BigEndian.AppendUint64(append(dst, longValue), uint64(v)), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, doubleValue), math.Float64bits(v)), nil
	case float32:
		return binary.BigEndian.AppendUint32(append(dst, floatValue), math.Float32bits(v)), nil
	case string:
		return appendString(dst, v), nil
	case []byte:
		dst = binary.BigEndian.AppendUint32(append(dst, bytesValue), uint32(len(v)))
		return append(dst, v...), nil
	case Properties:
		return appendMap(append(dst, mapValue), v, depth)
	case []any:
		return appendList(append(dst, listValue), v, depth)
	}
	return dst, fmt.Errorf("%T: %w", v, ErrPropertyType)
}

// appendString picks the encoding by Java's rule, so that bytes come out the
// same.
func appendString(dst []byte, s string) []byte {
	n, _ := ModifiedUTF8Len(s)
	if javaLen(s) < bigStringLen {
		dst = binary.BigEndian.AppendUint16(append(dst, stringValue), uint16(n))
	} else {
		dst = binary.BigEndian.AppendUint32(append(dst, bigStringValue), uint32(n))
	}
	return AppendModifiedUTF8(dst, s)
}

func appendList(dst []byte, list []any, depth int) ([]byte, error) {
	if depth > maxPropertyDepth {
		return dst, fmt.Errorf("nesting: %w", ErrPropertyType)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(list)))
	var err error
	for i, v := range list {
		if dst, err = appendValue(dst, v, depth+1); err != nil {
			return dst, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return dst, nil
}
