package message

import (
	"errors"
	"unicode/utf8"
)

// Java writes strings as modified UTF-8: NUL is C0 80, and a character beyond
// the basic plane is two surrogates of three bytes each. Here strings are
// UTF-8; a lone surrogate, which UTF-8 cannot hold, keeps its three bytes.

// ErrMalformedString reports bytes that are no modified UTF-8.
var ErrMalformedString = errors.New("malformed modified UTF-8")

// isPlain reports whether s is the same in both encodings because it consists
// of the bytes 0x01–0x7F alone.
func isPlain[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == 0 || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ModifiedUTF8Len gives the bytes that AppendModifiedUTF8 would append, and
// whether all of them are in 0x01–0x7F.
func ModifiedUTF8Len(s string) (n int, plain bool) {
	if isPlain(s) {
		return len(s), true
	}
	for i := 0; i < len(s); {
		unit, size := decodeUnit(s[i:])
		n += modifiedLen(unit)
		i += size
	}
	return n, false
}

// AppendModifiedUTF8 appends s in Java's encoding, without a length. What is
// not UTF-8 in s becomes U+FFFD.
func AppendModifiedUTF8(dst []byte, s string) []byte {
	if isPlain(s) {
		return append(dst, s...)
	}
	for i := 0; i < len(s); {
		unit, size := decodeUnit(s[i:])
		dst = appendModified(dst, unit)
		i += size
	}
	return dst
}

// ParseModifiedUTF8 reads Java's encoding.
func ParseModifiedUTF8(b []byte) (string, error) {
	if isPlain(b) {
		return string(b), nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		unit, size := parseUnit(b[i:])
		if size == 0 {
			return "", ErrMalformedString
		}
		i += size
		if isHighSurrogate(unit) {
			if low, n := parseUnit(b[i:]); n > 0 && isLowSurrogate(low) {
				unit = 0x10000 + (unit-0xD800)<<10 + (low - 0xDC00)
				i += n
			}
		}
		if unit >= 0xD800 && unit < 0xE000 {
			out = appendModified(out, unit)
			continue
		}
		out = utf8.AppendRune(out, unit)
	}
	return string(out), nil
}

// javaLen gives the length of s in UTF-16 units, as Java counts.
func javaLen(s string) int {
	if isPlain(s) {
		return len(s)
	}
	n := 0
	for i := 0; i < len(s); {
		unit, size := decodeUnit(s[i:])
		n++
		if unit >= 0x10000 {
			n++
		}
		i += size
	}
	return n
}

func isHighSurrogate(r rune) bool { return r >= 0xD800 && r < 0xDC00 }
func isLowSurrogate(r rune) bool  { return r >= 0xDC00 && r < 0xE000 }

// decodeUnit reads one character of UTF-8, or the three bytes of a surrogate.
func decodeUnit(s string) (unit rune, size int) {
	unit, size = utf8.DecodeRuneInString(s)
	if unit == utf8.RuneError && size == 1 && len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 && s[1] < 0xC0 && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return unit, size
}

func modifiedLen(unit rune) int {
	switch {
	case unit > 0 && unit < 0x80:
		return 1
	case unit < 0x800:
		return 2
	case unit < 0x10000:
		return 3
	}
	return 6
}

func appendModified(dst []byte, unit rune) []byte {
	switch modifiedLen(unit) {
	case 1:
		return append(dst, byte(unit))
	case 2:
		return append(dst, 0xC0|byte(unit>>6), 0x80|byte(unit&0x3F))
	case 3:
		return append(dst, 0xE0|byte(unit>>12), 0x80|byte(unit>>6&0x3F), 0x80|byte(unit&0x3F))
	}
	unit -= 0x10000
	dst = appendModified(dst, 0xD800|unit>>10)
	return appendModified(dst, 0xDC00|unit&0x3FF)
}

// parseUnit reads one UTF-16 unit; size is 0 where there is none. A NUL byte
// is taken as such, as Java's DataInput does.
func parseUnit(b []byte) (unit rune, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	c := b[0]
	switch {
	case c < 0x80:
		return rune(c), 1
	case c>>5 == 6 && len(b) >= 2 && b[1]&0xC0 == 0x80:
		return rune(c&0x1F)<<6 | rune(b[1]&0x3F), 2
	case c>>4 == 14 && len(b) >= 3 && b[1]&0xC0 == 0x80 && b[2]&0xC0 == 0x80:
		return rune(c&0x0F)<<12 | rune(b[1]&0x3F)<<6 | rune(b[2]&0x3F), 3
	}
	return 0, 0
}
