package message

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// everyType has a value of each type; its bytes are compared with ActiveMQ's
// in package openwire.
func everyType() Properties {
	return Properties{
		{"bool", true}, {"byte", int8(-1)}, {"char", Char(0x20AC)}, {"short", int16(math.MinInt16)},
		{"int", int32(math.MaxInt32)}, {"long", int64(math.MinInt64)}, {"float", float32(1.5)},
		{"double", math.Inf(-1)}, {"string", "h\u00e9\x00\U0001F600"}, {"empty", ""}, {"bytes", []byte{1, 0}},
		{"null", nil}, {"big", strings.Repeat("x", 100_000)},
		{"map", Properties{{"inner", Properties{{"deep", false}}}}},
		{"list", []any{int32(1), "two", []any{nil}}}, {"n\u00e4me", "last"},
	}
}

func TestPropertiesRoundTrip(t *testing.T) {
	p := everyType()
	b, err := AppendProperties([]byte("before"), p)
	require.NoError(t, err)
	b = b[len("before"):]
	got, err := ParseProperties(b)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(p, got))
	for _, want := range p {
		v, ok, err := LookupProperty(b, want.Name)
		require.NoError(t, err)
		require.True(t, ok, want.Name)
		require.Empty(t, cmp.Diff(want.Value, v))
	}
	_, ok, err := LookupProperty(b, "missing")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestPropertiesBytes(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{nil, "\x00"}, {true, "\x01\x01"}, {false, "\x01\x00"}, {int8(-1), "\x02\xff"}, {Char('a'), "\x03\x00a"},
		{int16(1), "\x04\x00\x01"}, {int32(1), "\x05\x00\x00\x00\x01"}, {int64(1), "\x06\x00\x00\x00\x00\x00\x00\x00\x01"},
		{7, "\x06\x00\x00\x00\x00\x00\x00\x00\x07"}, {1.0, "\x07\x3f\xf0\x00\x00\x00\x00\x00\x00"},
		{float32(1), "\x08\x3f\x80\x00\x00"}, {"a\x00", "\x09\x00\x03a\xc0\x80"}, {[]byte("b"), "\x0a\x00\x00\x00\x01b"},
		{Properties{{"k", int8(2)}}, "\x0b\x00\x00\x00\x01\x00\x01k\x02\x02"}, {[]any{nil}, "\x0c\x00\x00\x00\x01\x00"},
		{strings.Repeat("x", 8190), "\x09\x1f\xfe" + strings.Repeat("x", 8190)},
		{strings.Repeat("x", 8191), "\x0d\x00\x00\x1f\xff" + strings.Repeat("x", 8191)},
	}
	for _, tt := range tests {
		got, err := AppendValue(nil, tt.value)
		require.NoError(t, err)
		require.Equal(t, tt.want, string(got))
		v, rest, err := ParseValue(append(got, "rest"...))
		require.NoError(t, err)
		require.Equal(t, "rest", string(rest))
		if n, ok := tt.value.(int); ok {
			tt.value = int64(n)
		}
		require.Equal(t, tt.value, v)
	}
}

func TestPropertiesSet(t *testing.T) {
	p := Properties{}.Set("a", 1).Set("b", 2).Set("a", 3)
	require.Equal(t, Properties{{"a", 3}, {"b", 2}}, p)
	v, ok := p.Get("b")
	require.True(t, ok)
	require.Equal(t, 2, v)
	require.Equal(t, map[string]any{"a": 3, "b": 2}, p.Map())
	q := p.Remove("a").Remove("missing")
	require.Equal(t, Properties{{"b", 2}}, q)
	require.Equal(t, Properties{{"a", 3}, {"b", 2}}, p, "Remove leaves the original alone")
	_, ok = q.Get("a")
	require.False(t, ok)
}

func TestPropertiesRefused(t *testing.T) {
	for _, v := range []any{struct{}{}, uint8(1), map[string]any{}, Properties{{strings.Repeat("n", 65_536), nil}}, []any{struct{}{}}} {
		_, err := AppendValue(nil, v)
		require.ErrorIs(t, err, ErrPropertyType, fmt.Sprintf("%T", v))
	}
	deep := any("bottom")
	for range 200 {
		deep = []any{deep}
	}
	_, err := AppendValue(nil, deep)
	require.ErrorIs(t, err, ErrPropertyType)
}

func TestPropertiesMalformed(t *testing.T) {
	tests := map[string]string{
		"count cut":             "\x00\x00",
		"more than bytes":       "\x7f\xff\xff\xff\x00\x01a",
		"unknown type":          "\x00\x00\x00\x01\x00\x01a\x0e",
		"name cut":              "\x00\x00\x00\x01\x00\x09a\x00",
		"name no modified UTF8": "\x00\x00\x00\x01\x00\x01\xff\x00",
		"value cut":             "\x00\x00\x00\x01\x00\x01a\x06\x00",
		"negative byte array":   "\x00\x00\x00\x01\x00\x01a\x0a\xff\xff\xff\xff",
		"huge byte array":       "\x00\x00\x00\x01\x00\x01a\x0a\x7f\xff\xff\xff",
		"huge list":             "\x00\x00\x00\x01\x00\x01a\x0c\x7f\xff\xff\xff",
		"deep nesting":          "\x00\x00\x00\x01\x00\x01a" + strings.Repeat("\x0c\x00\x00\x00\x01", 200) + "\x00",
		"many values":           "\x00\x00\x00\x01\x00\x01a\x0c\x00\x20\x00\x00" + strings.Repeat("\x00", 0x200000),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := ParseProperties([]byte(b))
			require.ErrorIs(t, err, ErrMalformedProperties)
			require.Nil(t, p)
			_, ok, _ := LookupProperty([]byte(b), "z")
			require.False(t, ok)
		})
	}
	p, err := ParseProperties([]byte("\xff\xff\xff\xff"))
	require.NoError(t, err)
	require.Nil(t, p)
	p, err = ParseProperties(nil)
	require.NoError(t, err)
	require.Nil(t, p)
}

func TestLookupDoesNotAllocate(t *testing.T) {
	b, err := AppendProperties(nil, everyType())
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = LookupProperty(b, "bool") }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _, _ = LookupProperty(b, "missing") }))
}

func TestModifiedUTF8(t *testing.T) {
	tests := []struct{ plain, java string }{
		{"", ""}, {"abc", "abc"}, {"\x00", "\xc0\x80"}, {"\x7f", "\x7f"}, {"\u0080", "\xc2\x80"},
		{"\u07ff", "\xdf\xbf"}, {"\u0800", "\xe0\xa0\x80"}, {"\uffff", "\xef\xbf\xbf"},
		{"\U00010000", "\xed\xa0\x80\xed\xb0\x80"}, {"\U0010FFFF", "\xed\xaf\xbf\xed\xbf\xbf"},
		{"x\xed\xa0\x80y", "x\xed\xa0\x80y"}, // a lone surrogate
	}
	for _, tt := range tests {
		require.Equal(t, tt.java, string(AppendModifiedUTF8(nil, tt.plain)))
		n, _ := ModifiedUTF8Len(tt.plain)
		require.Equal(t, len(tt.java), n)
		got, err := ParseModifiedUTF8([]byte(tt.java))
		require.NoError(t, err)
		require.Equal(t, tt.plain, got)
	}
	require.Equal(t, "\xef\xbf\xbd", string(AppendModifiedUTF8(nil, "\xff")), "no UTF-8 becomes U+FFFD")
	for _, bad := range []string{"\xff", "\xc3", "\xc3x", "\xe2\x82", "\xe2\x82x", "\xf0\x9f\x98\x80", "\x80"} {
		_, err := ParseModifiedUTF8([]byte(bad))
		require.ErrorIs(t, err, ErrMalformedString, "%x", bad)
	}
}

func TestModifiedUTF8Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		b := AppendModifiedUTF8(nil, s)
		n, plain := ModifiedUTF8Len(s)
		require.Len(t, b, n)
		require.Equal(t, plain, isPlain(b) && isPlain(s))
		require.False(t, bytes.Contains(b, []byte{0}))
		got, err := ParseModifiedUTF8(b)
		require.NoError(t, err)
		require.Equal(t, s, got)
	})
}

// FuzzProperties parses any bytes; what can be parsed encodes to bytes that
// parse to the same.
func FuzzProperties(f *testing.F) {
	b, err := AppendProperties(nil, everyType().Remove("big"))
	require.NoError(f, err)
	f.Add(b, "list")
	small, err := AppendProperties(nil, Properties{{"a", []any{int8(1)}}, {"b", Properties{{"c", "d"}}}})
	require.NoError(f, err)
	f.Add(small, "b")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		_, ok, lookupErr := LookupProperty(b, name)
		p, err := ParseProperties(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformedProperties)
			return
		}
		require.NoError(t, lookupErr)
		_, want := p.Get(name)
		if ok && isPlain(name) { // the bytes of a name need not be the shortest
			require.True(t, want)
		}
		once, err := AppendProperties(nil, p)
		if err != nil {
			return // a name that grew by being sanitized
		}
		p, err = ParseProperties(once)
		require.NoError(t, err)
		twice, err := AppendProperties(nil, p)
		require.NoError(t, err)
		require.Equal(t, once, twice)
	})
}
