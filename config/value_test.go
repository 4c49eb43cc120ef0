package config

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

func typeOf(m model) reflect.Type { return reflect.TypeOf(m) }

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1048576": 1 << 20, "10b": 10, "10 B": 10, "32mb": 32 << 20, "1 gb": 1 << 30,
		" 4K ": 4 << 10, "4kB": 4 << 10, "2m": 2 << 20, "3G": 3 << 30, "8589934591gb": (1<<33 - 1) << 30,
	} {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "mb", "-1", "1.5mb", "1 tb", "1mbb", "9223372036854775808", "8589934592gb", "0x10", "1 m b"} {
		_, err := ParseBytes(text)
		require.ErrorIs(t, err, ErrValue, text)
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, seed := range []string{"32mb", "1 gb", "", "99999999999999999999", "1k"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseBytes(text)
		if err == nil && n < 0 {
			t.Fatalf("%q gave %d", text, n)
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte(pair))
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte("broker: {systemUsage: {systemUsage: {memoryUsage: {memoryUsage: {limit: 64 mb}}}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		root, err := parseYAML("fuzz.yaml", text)
		if err != nil {
			return
		}
		c := blank()
		b := binder{origins: map[string]Origin{}}
		b.bind(root, reflect.ValueOf(c).Elem(), "")
		if len(b.errors) == 0 {
			b.check(c)
		}
	})
}
