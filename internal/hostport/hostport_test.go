package hostport

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	for host, want := range map[string]string{
		"a": "a", "Host-1.example.org.": "Host-1.example.org.", "my_host": "my_host", "xn--bcher-kva": "xn--bcher-kva",
		"127.0.0.1": "127.0.0.1", "::": "[::]", "::1": "[::1]", "::ffff:1.2.3.4": "[::ffff:1.2.3.4]", "FE80::1%eth0.5": "[FE80::1%25eth0.5]",
	} {
		require.NoError(t, Check(host))
		uri := URI("tcp", host, 61616)
		require.Equal(t, "tcp://"+want+":61616", uri)
		u, err := url.Parse(uri)
		require.NoError(t, err, "what is printed can be read")
		require.Equal(t, host, u.Hostname())
		require.Equal(t, "61616", u.Port())
	}
	for _, host := range []string{
		"", ":", "a:b", "a:b:1", ":::", "[::1]", "::1]", "1.2.3.4:5", "::1%", "::1%a/b", "fe80::1%a]b", "fe80::1%ü", "1.2.3.4%eth0",
		"a b", "a\n", "a\x00", "\xff", "<a>", `"a"`, "a'", "a%b", "%25", "a/b", "a?b", "a#b", "a@b", "a,b", "(a)", "(none)", "a=b", "*",
		"bücher", "a。b", strings.Repeat("a", 256), "fe80::1%" + strings.Repeat("a", 256),
	} {
		require.ErrorIs(t, Check(host), ErrHost, "%q", host)
	}
}

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"tcp://": "", "tcp://:1": "", "tcp:a:1": "", "tcp://a": "a", "tcp://a:": "a", "tcp://[::1]:": "::1", "tcp://[fe80::1%25e]:1": "fe80::1%e",
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		host, err := Of(u)
		require.NoError(t, err, text)
		require.Equal(t, want, host, text)
	}
	for _, text := range []string{"tcp://::", "tcp://:::1", "tcp://2001:db8::1:61616", "tcp://a:b:1", "tcp://a%25b", "tcp://<a>"} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		_, err = Of(u)
		require.ErrorIs(t, err, ErrHost, text)
	}
}

func TestPort(t *testing.T) {
	for _, text := range []string{"", "-1", "+1", "1a", "65536", "99999999999999999999", "１"} {
		_, err := Port(text, 0)
		require.ErrorContains(t, err, "0 to 65535", text)
	}
	_, err := Port("0", 1)
	require.ErrorContains(t, err, "1 to 65535")
	n, err := Port("0065535", 1)
	require.NoError(t, err)
	require.Equal(t, 65535, n)
	n, err = Port("0", 0)
	require.NoError(t, err)
	require.Zero(t, n)
}
