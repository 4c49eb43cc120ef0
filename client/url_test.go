package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	got, err := parseURL("tcp://host?wireFormat.cacheEnabled=false&wireFormat.maxInactivityDuration=5000"+
		"&socket.tcpNoDelay=false&jms.useAsyncSend=true&jms.prefetchPolicy.all=0", Options{})
	require.NoError(t, err)
	require.Nil(t, got.failover)
	require.Len(t, got.endpoints, 1)
	end := got.endpoints[0]
	require.Equal(t, "host:61616", end.address)
	require.False(t, end.wire.cacheEnabled)
	require.True(t, end.wire.tightEncoding)
	require.False(t, end.wire.noDelay)
	require.Equal(t, 5*time.Second, end.wire.inactivity)
	require.True(t, got.options.AsyncSend)
	require.Equal(t, Prefetch{-1, -1, -1, -1}, got.options.Prefetch)
	require.Zero(t, got.options.Prefetch.withDefaults(), "0 in a URL means none")
	require.Equal(t, int32(1000), Prefetch{}.withDefaults().Queue)
}

func TestParseFailoverURL(t *testing.T) {
	for _, text := range []string{
		"failover:(tcp://a:1?wireFormat.cacheEnabled=false,tcp://b:2)?initialReconnectDelay=7&maxReconnectDelay=100&randomize=false&nested.wireFormat.tightEncodingEnabled=false&jms.userName=me",
		"failover://(tcp://a:1?wireFormat.cacheEnabled=false, tcp://b:2)?initialReconnectDelay=7&maxReconnectDelay=100&randomize=false&nested.wireFormat.tightEncodingEnabled=false&jms.userName=me",
	} {
		got, err := parseURL(text, Options{UserName: "other"})
		require.NoError(t, err)
		require.Len(t, got.endpoints, 2)
		require.Equal(t, "a:1", got.endpoints[0].address)
		require.False(t, got.endpoints[0].wire.cacheEnabled)
		require.True(t, got.endpoints[1].wire.cacheEnabled)
		require.False(t, got.endpoints[1].wire.tightEncoding)
		require.Equal(t, 7*time.Millisecond, got.failover.initialReconnectDelay)
		require.Equal(t, 100*time.Millisecond, got.failover.maxReconnectDelay)
		require.False(t, got.failover.randomize)
		require.Equal(t, "me", got.options.UserName)
	}
	got, err := parseURL("failover:tcp://a:1,tcp://b:2", Options{})
	require.NoError(t, err)
	require.Len(t, got.endpoints, 2)
	require.Equal(t, defaultFailover(), *got.failover)
}

func TestParseURLRefusesByName(t *testing.T) {
	for text, name := range map[string]string{
		"ssl://a:1":            "ssl",
		"tcp://a:1?trace=true": "trace",
		"tcp://a:1?jms.watchTopicAdvisories=true":  "jms.watchTopicAdvisories",
		"failover:(tcp://a:1)?backup=true":         "backup",
		"failover:(tcp://a:1)?priorityBackup=true": "priorityBackup",
		"failover:(tcp://a:1)?nested.trace=true":   "trace",
		"failover:(tcp://a:1,vm://b)":              "vm",
	} {
		_, err := parseURL(text, Options{})
		require.ErrorIs(t, err, ErrUnsupportedOption, text)
		require.ErrorContains(t, err, name)
	}
	for _, text := range []string{"failover:(tcp://a:1", "failover:()", "tcp://a:1?wireFormat.cacheSize=many", "tcp://%zz"} {
		_, err := parseURL(text, Options{})
		require.Error(t, err, text)
	}
}

func TestBackOff(t *testing.T) {
	fo := defaultFailover()
	fo.maxReconnectDelay = 50 * time.Millisecond
	delay := fo.initialReconnectDelay
	var got []time.Duration
	for range 4 {
		delay = fo.after(delay)
		got = append(got, delay/time.Millisecond)
	}
	require.Equal(t, []time.Duration{20, 40, 50, 50}, got)
	fo.exponentialBackOff = false
	require.Equal(t, 10*time.Millisecond, fo.after(10*time.Millisecond))
}
