package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConsole(t *testing.T) {
	c, err := load(t, pair)
	require.NoError(t, err)
	require.Nil(t, c.Console, "there is none without the element")
	c, err = load(t, pair+"\nconsole:\n")
	require.NoError(t, err)
	require.Equal(t, &Console{Host: "127.0.0.1", Port: 8161}, c.Console)
	c, err = load(t, pair+"\nconsole: {host: 0.0.0.0, port: 0, users: [{username: a, password: p}, {username: b, password: $2y$04$yLvrxSmlWxR4NUBcDIVRgOAcuxOYEW5KWfyrnsVWfkl1OdAEQiFW.}]}\n")
	require.NoError(t, err)
	require.Len(t, c.Console.Users, 2)
	c, err = load(t, pair+"\nconsole: {host: '[::1]'}\n")
	require.NoError(t, err)
	require.Equal(t, "::1", c.Console.Host)
	t.Setenv("CONCLAVE_CONSOLE_PORT", "99")
	c, err = load(t, pair)
	require.NoError(t, err)
	require.Equal(t, 99, c.Console.Port)
}

func TestConsoleRefusals(t *testing.T) {
	for text, wants := range map[string]string{
		"{host: 0.0.0.0}": "needs users",
		"{host: ''}":      "is empty",
		"{host: 'a:b'}":   "no name of a host",
		"{host: '[::1'}":  "no name of a host",
		"{host: ' a b '}": "no name of a host",
		"{port: 65536}":   "not within",
		"{prot: 1}":       "is not known",
		"{users: [{username: a, password: p}, {username: a, password: q}]}": "second user",
		"{users: [{username: a}]}":                   "password: is empty",
		"{users: [{username: 'a:b', password: p}]}":  "username",
		"{users: [{username: a, password: $2y$zz}]}": "bcrypt",
		"{users: [{username: a, pasword: p}]}":       "did you mean password",
	} {
		_, err := load(t, pair+"\nconsole: "+text+"\n")
		require.ErrorContains(t, err, wants, text)
	}
}
