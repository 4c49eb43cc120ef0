package journal

import (
	"encoding/binary"
	"math/bits"
)

// The protocol buffer encoding, as far as KahaDB's commands need it. Fields
// are told apart by the whole tag, wire type included, because
// KahaLocalTransactionId has two fields with the number 1.

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// fieldTag is the tag of a field.
func fieldTag(number, wireType int) uint64 { return uint64(number)<<3 | uint64(wireType) }

// field is a decoded field: number or bytes, by its wire type.
type field struct {
	tag    uint64
	number uint64
	bytes  []byte
}

// nextField splits the first field off b. The bytes alias b.
func nextField(b []byte) (f field, rest []byte, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 {
		return f, nil, errRecord
	}
	f.tag, b = tag, b[n:]
	switch tag & 7 {
	case wireVarint:
		if f.number, n = binary.Uvarint(b); n <= 0 {
			return f, nil, errRecord
		}
		return f, b[n:], nil
	case wireFixed64:
		if len(b) < 8 {
			return f, nil, errRecord
		}
		f.number = binary.LittleEndian.Uint64(b)
		return f, b[8:], nil
	case wireFixed32:
		if len(b) < 4 {
			return f, nil, errRecord
		}
		f.number = uint64(binary.LittleEndian.Uint32(b))
		return f, b[4:], nil
	case wireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, nil, errRecord
		}
		end := n + int(size)
		f.bytes = b[n:end:end]
		return f, b[end:], nil
	}
	return f, nil, errRecord
}

func varintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// bytesSize is the size of a field of n bytes, with a tag below 16.
func bytesSize(n int) int { return 1 + varintSize(uint64(n)) + n }

func appendBytesTag(b []byte, number, size int) []byte {
	b = append(b, byte(fieldTag(number, wireBytes)))
	return binary.AppendUvarint(b, uint64(size))
}

func appendBytesField[T ~string | ~[]byte](b []byte, number int, value T) []byte {
	return append(appendBytesTag(b, number, len(value)), value...)
}

func appendVarintField(b []byte, number int, value uint64) []byte {
	return binary.AppendUvarint(append(b, byte(fieldTag(number, wireVarint))), value)
}
