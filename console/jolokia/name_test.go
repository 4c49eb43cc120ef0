package jolokia

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseName(t *testing.T) {
	for text, want := range map[string]string{
		"broken": "Key properties cannot be empty", "a:": "Key properties cannot be empty", "a:b": "Unterminated key property part",
		"a:b=1,b=2": "key `b' already defined", "x:a=b=c": "Invalid character '=' in value part of property",
		"x:a=b,": "Invalid ending comma", "x:=b": "Invalid key (empty)", `x:a="b`: "Unterminated quoted value",
		`x:a="b"c`: "Invalid ending character `c'", "x:a=b:c": "Invalid character ':' in value part of property",
		"x:a*=b": "Invalid character '*' in key part of property", "x:*,*": "Cannot have several '*' characters in pattern property list",
		"x:,a=b": "Invalid character ',' in key part of property", "x:a=b\n": `Invalid character '\n' in value part of property`,
		`x:a=b"c`: `Invalid character '"' in value part of property`, "x:a,b=c": "Invalid character ',' in key part of property",
	} {
		_, err := ParseName(text)
		require.EqualError(t, err, "java.lang.IllegalArgumentException : Invalid object name. "+want, text)
	}
	for text, canonical := range map[string]string{
		"": "*:*", ":b=1": ":b=1", "x:b=2,a=1": "x:a=1,b=2", "x:b=2,*,a=1": "x:a=1,b=2,*", "x:a=": "x:a=",
		`x:a="q,=:\"\*"`: `x:a="q,=:\"\*"`, "a/b:c=d": "a/b:c=d",
	} {
		n, err := ParseName(text)
		require.NoError(t, err, text)
		require.Equal(t, canonical, n.Canonical())
	}
}

func TestPatterns(t *testing.T) {
	name, err := ParseName("d.e:a=1,b=x/y,c=z")
	require.NoError(t, err)
	for pattern, want := range map[string]bool{
		"*:*": true, "d.?:*": true, "d:*": false, "d.e:c=z,b=*,a=1": true, "d.e:c=z,a=1": false, "d.e:c=z,*": true,
		"d.e:a=*,b=x*y,c=?": true, "d.e:a=2,*": false, "d.e:d=1,*": false, "d.e:c=z,b=x/y,a=1": true,
	} {
		p, err := ParseName(pattern)
		require.NoError(t, err)
		require.Equal(t, want, p.Matches(&name), pattern)
	}
	quotedStar, err := ParseName(`d:a="\*"`)
	require.NoError(t, err)
	require.False(t, quotedStar.IsPattern())
}

// A wildcard means what the same regular expression means.
func TestGlob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*?]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "text")
		same := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".").Replace(pattern) + "$")
		require.Equal(t, same.MatchString(text), glob(pattern, text))
	})
}

// Whatever ActiveMQ's names are made of can be read again.
func TestEncodedNamesAreNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := NewName("d", "type", "Broker", "brokerName", Encode(rapid.String().Draw(t, "text")))
		read, err := ParseName(name.String())
		require.NoError(t, err)
		require.Equal(t, name.Canonical(), read.Canonical())
		require.False(t, read.IsPattern())
	})
}

// A path that is put together is split into the same parts.
func TestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a!/*]{1,5}x`), 1, 4).Draw(t, "parts")
		path, err := steps(parts)
		require.NoError(t, err)
		require.Equal(t, parts, splitPath(joinPath(path)))
	})
}

func FuzzRequest(f *testing.F) {
	for _, c := range answers {
		f.Add(c.path, c.body)
	}
	f.Fuzz(func(t *testing.T, path, body string) {
		if r, err := parseGet(path, parameters{}); err == nil {
			r.object()
		}
		given, err := decode(strings.NewReader(body))
		o, ok := given.(map[string]any)
		if err != nil || !ok {
			return
		}
		if r, err := parsePost(o, parameters{}); err == nil {
			r.object()
		}
	})
}
