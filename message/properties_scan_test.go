package message

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// entriesOf passes over b as Scan does.
func entriesOf(b []byte) (names []string, whole map[string]int64, plain bool) {
	whole = map[string]int64{}
	s := ScanProperties(b)
	for s.Next() {
		name := string(s.Name())
		names = append(names, name)
		if n, ok := s.Whole(); ok {
			whole[name] = n
		}
	}
	return names, whole, s.Plain()
}

func TestScan(t *testing.T) {
	p := everyType()
	b, err := AppendProperties(nil, p)
	require.NoError(t, err)
	names, whole, plain := entriesOf(b)
	require.Len(t, names, len(p))
	require.Equal(t, map[string]int64{"byte": -1, "short": -1 << 15, "int": 1<<31 - 1, "long": -1 << 63}, whole)
	require.False(t, plain, "it has nested values, and text beyond ASCII")
	for _, bad := range []Properties{{{"map", Properties{}}}, {{"list", []any{}}}, {{"text", "\u00e9"}}, {{"\u00e9", 1}}} {
		b, err := AppendProperties(nil, bad)
		require.NoError(t, err)
		_, _, plain := entriesOf(b)
		require.False(t, plain, "%v", bad)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s := ScanProperties(b)
		for s.Next() {
		}
	}))
}

// What is plain is read by ParseProperties, and the same is found in it;
// whatever the bytes are.
func TestScanFindsWhatIsParsed(t *testing.T) {
	value := rapid.OneOf(rapid.Int64().AsAny(), rapid.Int32().AsAny(), rapid.Int8().AsAny(), rapid.Bool().AsAny(),
		rapid.StringMatching("[a-z]{0,9}").AsAny(), rapid.SliceOf(rapid.Byte()).AsAny(), rapid.Just[any](nil),
		rapid.Just(any(Properties{{"a", int8(1)}})))
	rapid.Check(t, func(r *rapid.T) {
		var p Properties
		for range rapid.IntRange(0, 5).Draw(r, "entries") {
			p = append(p, Property{rapid.StringMatching("[a-e]{1,2}").Draw(r, "name"), value.Draw(r, "value")})
		}
		b, err := AppendProperties(nil, p)
		require.NoError(r, err)
		if rapid.Bool().Draw(r, "damaged") {
			b = b[:rapid.IntRange(0, len(b)).Draw(r, "end")]
			if len(b) > 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
			}
		}
		names, whole, plain := entriesOf(b)
		parsed, err := ParseProperties(b)
		if !plain {
			return
		}
		require.NoError(r, err)
		require.Len(r, names, len(parsed))
		want := map[string]int64{}
		for i := range parsed {
			require.Equal(r, parsed[i].Name, names[i])
			switch v := parsed[i].Value.(type) {
			case int8:
				want[names[i]] = int64(v)
			case int16:
				want[names[i]] = int64(v)
			case int32:
				want[names[i]] = int64(v)
			case int64:
				want[names[i]] = v
			}
		}
		require.Equal(r, want, whole)
	})
}
