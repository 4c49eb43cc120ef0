package selector

import (
	"math"
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// kind is the Java type of a value.
type kind uint8

const (
	nullKind   kind = iota
	brokenKind      // a property that cannot be read; unlike null, not even null
	boolKind
	byteKind // the numbers, from byteKind to doubleKind
	shortKind
	intKind
	longKind
	bigKind // an integer literal beyond long; java.math.BigDecimal
	floatKind
	doubleKind
	stringKind
	listKind
	otherKind // a byte array, map or character
)

// value is a Java value without boxing. The zero value is null.
type value struct {
	kind kind
	// bits is a boolean (0 or 1), an integer, or the bits of a float64. A
	// bigKind has its low 64 bits.
	bits uint64
	// text is a string, or the digits of a bigKind without leading zeros.
	text string
	list []value
}

func intValue(i int32) value      { return value{kind: intKind, bits: uint64(int64(i))} }
func longValue(i int64) value     { return value{kind: longKind, bits: uint64(i)} }
func doubleValue(f float64) value { return value{kind: doubleKind, bits: math.Float64bits(f)} }
func stringValue(s string) value  { return value{kind: stringKind, text: s} }

// optional is a string where "" is null unless present says otherwise.
func optional(s string, present bool) value {
	if s == "" && !present {
		return value{}
	}
	return stringValue(s)
}

// valueOf takes a property's value as package message decodes it.
func valueOf(v any) value {
	switch v := v.(type) {
	case nil:
		return value{}
	case string:
		return stringValue(v)
	case bool:
		return truthOf(v).value()
	case int8:
		return value{kind: byteKind, bits: uint64(int64(v))}
	case int16:
		return value{kind: shortKind, bits: uint64(int64(v))}
	case int32:
		return intValue(v)
	case int64:
		return longValue(v)
	case float32:
		return value{kind: floatKind, bits: math.Float64bits(float64(v))}
	case float64:
		return doubleValue(v)
	case message.Char:
		return value{kind: otherKind, text: string(rune(v))}
	}
	return value{kind: otherKind}
}

// missing reports null, and what cannot be told from it.
func (v value) missing() bool { return v.kind <= brokenKind }

func (v value) isNumber() bool { return v.kind >= byteKind && v.kind <= doubleKind }

func (v value) isFloating() bool { return v.kind == floatKind || v.kind == doubleKind }

// truth is what a boolean property is as a condition; other types are false.
func (v value) truth() truth {
	switch {
	case v.missing():
		return unknown
	case v.kind == boolKind && v.bits == 1:
		return yes
	}
	return no
}

// double is Java's Number.doubleValue.
func (v value) double() float64 {
	switch v.kind {
	case floatKind, doubleKind:
		return math.Float64frombits(v.bits)
	case bigKind:
		f, _ := strconv.ParseFloat(v.text, 64) // infinite where it is too big
		return f
	}
	return float64(int64(v.bits))
}

// float is Java's Number.floatValue, widened.
func (v value) float() float64 {
	if v.kind == bigKind || v.isFloating() {
		return float64(float32(v.double()))
	}
	return float64(float32(int64(v.bits)))
}

// String is Java's toString of the value.
func (v value) String() string {
	switch v.kind {
	case nullKind, brokenKind:
		return "null"
	case boolKind:
		return strconv.FormatBool(v.bits == 1)
	case byteKind, shortKind, intKind, longKind:
		return strconv.FormatInt(int64(v.bits), 10)
	case floatKind:
		return javaFloat(v.double(), 32)
	case doubleKind:
		return javaFloat(v.double(), 64)
	case listKind:
		return v.listString()
	}
	return v.text
}

func (v value) listString() string {
	parts := make([]string, len(v.list))
	for i, element := range v.list {
		parts[i] = element.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// javaFloat is Java's Double.toString or Float.toString: at least one digit
// after the point, and an exponent outside of 10^-3 to 10^7.
func javaFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0 || math.Abs(f) >= 1e-3 && math.Abs(f) < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent) // it is digits with a sign
	return mantissa + "E" + strconv.Itoa(n)
}
