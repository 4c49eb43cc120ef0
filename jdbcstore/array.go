package jdbcstore

import "encoding/binary"

// Object ids of PostgreSQL's types.
const (
	oidBool  = 16
	oidBytea = 17
	oidInt8  = 20
	oidText  = 25
)

// arrayHead is the size of what comes before an array's elements.
const arrayHead = 20

// array is a parameter of an array type in PostgreSQL's binary format: one
// dimension from 1.
type array struct {
	buf []byte
	n   uint32
}

func (a *array) grow(oid uint32) {
	if len(a.buf) == 0 {
		a.buf = binary.BigEndian.AppendUint32(a.buf, 1)
		a.buf = binary.BigEndian.AppendUint32(a.buf, 0)
		a.buf = binary.BigEndian.AppendUint32(a.buf, oid)
		a.buf = binary.BigEndian.AppendUint32(a.buf, 0)
		a.buf = binary.BigEndian.AppendUint32(a.buf, 1)
	}
	a.n++
}

func (a *array) int(v int64) {
	a.grow(oidInt8)
	a.buf = binary.BigEndian.AppendUint32(a.buf, 8)
	a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(v))
}

func (a *array) text(v string) {
	a.grow(oidText)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(v)))
	a.buf = append(a.buf, v...)
}

func (a *array) bytes(v []byte) {
	a.grow(oidBytea)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(len(v)))
	a.buf = append(a.buf, v...)
}

func (a *array) bool(v bool) {
	a.grow(oidBool)
	a.buf = binary.BigEndian.AppendUint32(a.buf, 1)
	if v {
		a.buf = append(a.buf, 1)
	} else {
		a.buf = append(a.buf, 0)
	}
}

// none is an array of oid without elements.
func none(oid uint32) []byte {
	b := make([]byte, 0, 12)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, 0)
	return binary.BigEndian.AppendUint32(b, oid)
}

// value is the parameter; a has at least one element.
func (a *array) value() []byte {
	binary.BigEndian.PutUint32(a.buf[12:], a.n)
	return a.buf
}

// or is value, or an array of oid without elements.
func (a *array) or(oid uint32) []byte {
	if a.n == 0 {
		return none(oid)
	}
	return a.value()
}

func int8Value(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }

func textValue(v string) []byte { return []byte(v) }

func boolValue(v bool) []byte {
	if v {
		return []byte{1}
	}
	return []byte{0}
}
