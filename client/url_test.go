package client

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	got, err := parseURL("tcp://host?wireFormat.cacheEnabled=false&wireFormat.maxInactivityDuration=5000"+
		"&socket.tcpNoDelay=false&jms.useAsyncSend=true&jms.prefetchPolicy.all=0&jms.redeliveryPolicy.maximumRedeliveries=0"+
		"&jms.closeTimeout=0", Options{})
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
	require.Equal(t, Never, got.options.Redelivery.Maximum)
	require.Zero(t, got.options.Redelivery.filled().Maximum)
	require.Negative(t, got.options.CloseTimeout)
}

func TestParseFailoverURL(t *testing.T) {
	for _, text := range []string{
		"failover:(tcp://a:1?wireFormat.cacheEnabled=false,tcp://b:2)?initialReconnectDelay=7&maxReconnectDelay=100&randomize=false&nested.wireFormat.tightEncodingEnabled=false&jms.userName=me",
		"failover://(tcp://a:1?wireFormat.cacheEnabled=false, tcp://b:2)?initialReconnectDelay=7&maxReconnectDelay=100&randomize=false&nested.wireFormat.tightEncodingEnabled=false&jms.userName=me",
		" failover: ( tcp://a:1?wireFormat.cacheEnabled=false ,\n tcp://b:2 ,) ?initialReconnectDelay=7&maxReconnectDelay=100&randomize=FALSE&&nested.socket.keepAlive=true&nested.wireFormat.tightEncodingEnabled=false&jms.userName=me ",
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
	got, err := parseURL("failover:tcp://a:1?wireFormat.cacheSize=5,tcp://b:2?tcpNoDelay=false", Options{})
	require.NoError(t, err)
	require.Len(t, got.endpoints, 2)
	require.Equal(t, defaultFailover(), *got.failover)
	require.False(t, got.endpoints[1].wire.noDelay)
}

func TestEveryFailoverOption(t *testing.T) {
	got, err := parseURL("failover:(ssl://a,tcp://b:2)?reconnectDelay=11&useExponentialBackOff=false&reconnectDelayExponent=3"+
		"&maxReconnectAttempts=4&startupMaxReconnectAttempts=5&warnAfterReconnectAttempts=6&backup=true&backupPoolSize=2"+
		"&priorityBackup=true&priorityURIs=tcp://b:2,tcp://c:3&timeout=1500&trackMessages=true&trackTransactionProducers=false"+
		"&maxCacheSize=77&updateURIsSupported=false&updateURIsURL=file:///x&rebalanceUpdateURIs=false&reconnectSupported=false", Options{})
	require.NoError(t, err)
	want := failoverOptions{
		initialReconnectDelay: 10 * time.Millisecond, maxReconnectDelay: 30 * time.Second, reconnectDelay: 11 * time.Millisecond,
		backOffMultiplier: 3, maxAttempts: 4, startupMaxAttempts: 5, warnAfter: 6, randomize: true, backup: true, backupPoolSize: 2,
		priorityBackup: true, priorityURIs: "tcp://b:2,tcp://c:3", timeout: 1500 * time.Millisecond, trackMessages: true,
		maxCacheSize: 77, updateURIsURL: "file:///x",
	}
	require.Equal(t, want, *got.failover)
	require.Len(t, got.priority, 2)
	require.Equal(t, "ssl://a:61617", got.endpoints[0].String())
}

func TestOtherLists(t *testing.T) {
	got, err := parseURL("masterslave:(tcp://a:1, tcp://b:2)?maxReconnectDelay=5", Options{})
	require.NoError(t, err)
	require.False(t, got.failover.randomize)
	require.Len(t, got.endpoints, 2)
	_, err = parseURL("masterslave:(tcp://a:1)", Options{})
	require.ErrorIs(t, err, ErrURL)
	got, err = parseURL("static:(tcp://a:1,tcp://b:2)?maxReconnectAttempts=0", Options{})
	require.NoError(t, err)
	require.Equal(t, time.Second, got.failover.initialReconnectDelay)
	require.Equal(t, -1, got.failover.maxAttempts, "without end")
	got, err = parseURL("discovery:(static:(tcp://a:1,tcp://b:2))?randomize=false&discovered.wireFormat.cacheSize=9", Options{})
	require.NoError(t, err)
	require.Len(t, got.endpoints, 2)
	require.False(t, got.failover.randomize)
	require.Equal(t, int32(9), got.endpoints[1].wire.cacheSize)
	_, err = parseURL("discovery:(multicast://default)", Options{})
	require.ErrorIs(t, err, ErrUnsupportedOption)
	require.ErrorContains(t, err, "Options.Discover")
	var asked string
	discover := func(uri string) (AddressSource, error) {
		asked = uri
		return sourceFunc(nil), nil
	}
	for _, text := range []string{"discovery:(multicast://group?x=1)?timeout=5", "multicast://group?x=1"} {
		got, err = parseURL(text, Options{Discover: discover})
		require.NoError(t, err)
		require.True(t, got.source != nil)
		require.Equal(t, "multicast://group?x=1", asked)
	}
}

type sourceFunc func(ctx context.Context, found, lost func(string)) error

func (f sourceFunc) Watch(ctx context.Context, found, lost func(string)) error {
	return f(ctx, found, lost)
}

func TestParseURLRefusesByName(t *testing.T) {
	for text, name := range map[string]string{
		"vm://a":               "vm",
		"tpc://a:1":            `did you mean "tcp"?`,
		"fialover:(tcp://a:1)": `did you mean "failover"?`,
		"tcp://a:1?trace=true": "trace",
		"tcp://a:1?jms.watchTopicAdvisories=true":     "jms.watchTopicAdvisories",
		"tcp://a:1?jms.useAsynSend=true":              `did you mean "jms.useAsyncSend"?`,
		"failover:(tcp://a:1)?randomise=false":        `did you mean "randomize"?`,
		"failover:(tcp://a:1)?nested.trace=true":      "trace",
		"failover:(tcp://a:1,vm://b)":                 "vm",
		"failover:tcp://a:1?randomize=false":          "randomize",
		"discovery:(static:(tcp://a:1)?x=1)":          "option x",
		"tcp://a:1?jms.trustStorePassword=x":          "PEM",
		"ssl://a:1?enabledProtocols=SSLv3":            "SSLv3",
		"tcp://a:1?jms.prefetchPolicy.inputStream=12": "jms.prefetchPolicy.inputStream",
	} {
		_, err := parseURL(text, Options{})
		require.ErrorIs(t, err, ErrUnsupportedOption, text)
		require.ErrorContains(t, err, name)
	}
	for _, text := range []string{
		"", "tcp", "failover:(tcp://a:1", "failover:tcp://a:1)", "failover:()", "failover:(tcp://a:1)randomize=false",
		"tcp://a:1?wireFormat.cacheSize=many", "tcp://%zz", "tcp://", "tcp://a:1/path", "tcp://me@a:1", "tcp://a:1#x",
		"failover:(tcp://a:1)?randomize", "failover:(tcp://a:1)?randomize=maybe", "failover:(tcp://a:1)?backOffMultiplier=NaN",
		"failover:(tcp://a:1)?backOffMultiplier=-1", "failover:(tcp://a:1)?maxReconnectAttempts=-2", "failover:(tcp://a:1)?backupPoolSize=100000",
		"failover:(" + strings.Repeat("tcp://a:1,", maxComponents+1) + ")", "tcp://" + strings.Repeat("a", maxURL),
		"discovery:(static:(tcp://a),static:(tcp://b))", "ssl://a?jms.trustStore=/no/such/file",
	} {
		_, err := parseURL(text, Options{})
		require.Error(t, err, "%.60q", text)
	}
}

func TestHosts(t *testing.T) {
	for text, want := range map[string]struct{ address, printed string }{
		"tcp://a":                           {"a:61616", "tcp://a:61616"},
		"tcp://a:":                          {"a:61616", "tcp://a:61616"},
		"ssl://[::1]":                       {"[::1]:61617", "ssl://[::1]:61617"},
		"TCP://My_Host.:0001":               {"My_Host.:1", "tcp://My_Host.:1"},
		"tcp://[fe80::1%25eth0]:2":          {"[fe80::1%eth0]:2", "tcp://[fe80::1%25eth0]:2"},
		"nio+ssl://[::ffff:1.2.3.4]:65535/": {"[::ffff:1.2.3.4]:65535", "ssl://[::ffff:1.2.3.4]:65535"},
	} {
		got, err := parseURL(text, Options{})
		require.NoError(t, err, text)
		require.Equal(t, want.address, got.endpoints[0].address)
		require.Equal(t, want.printed, got.endpoints[0].String())
		again, err := parseURL(want.printed, Options{})
		require.NoError(t, err, "what it prints can be read")
		require.Equal(t, want.address, again.endpoints[0].address)
	}
	for _, text := range []string{
		"tcp://:1", "tcp://::", "tcp://:::1", "tcp://a:b:1", "tcp://[:]:1", "tcp://[::1", "tcp://[1.2.3.4]:1", "tcp://[::1%25]:1",
		"tcp://[fe80::1%25a%2Fb]:1", "tcp://a%25b:1", "tcp://<a>:1", `tcp://"a":1`, "tcp://b%C3%BCcher:1", "tcp://bücher:1", "tcp://*:1",
		"tcp://a;b:1", "tcp://a:0", "tcp://a:65536", "tcp://a:99999999999999999999", "tcp://a:-1", "tcp://a:1x",
	} {
		_, err := parseURL(text, Options{})
		require.ErrorIs(t, err, ErrURL, text)
		_, err = parseURL("failover:("+text+")", Options{})
		require.ErrorIs(t, err, ErrURL, text)
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{
		"tcp://host:61616?wireFormat.cacheEnabled=false", "failover:(tcp://a:1, ssl://b:2?verifyHostName=false)?timeout=3&nested.soLinger=1",
		"failover://tcp://a,tcp://b", "discovery:(static:(tcp://a,tcp://b))?discovered.tcpNoDelay=true", "masterslave:(nio://[::1]:1,auto+ssl://b)",
		"failover:(((", "failover:(tcp://a)?priorityURIs=tcp%3A%2F%2Fb", "static:(tcp://a)?jms.redeliveryPolicy.backOffMultiplier=1e300",
		"tcp://::", "tcp://[fe80::1%25eth0]:1", "tcp://a%25b:", "failover:(tcp://a:0,tcp://<b>:65536)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "Store") {
			return // names files
		}
		got, err := parseURL(text, Options{})
		if err != nil {
			require.Nil(t, got)
			return
		}
		require.NotEmpty(t, got.endpoints)
		require.LessOrEqual(t, len(got.endpoints), maxComponents)
		for _, e := range got.endpoints {
			again, err := got.parseEndpoint(e.String(), lenient)
			require.NoError(t, err, "what it prints can be read")
			require.True(t, same(e, again))
		}
		if fo := got.failover; fo != nil {
			delay := fo.first(true)
			for range 100 {
				delay = fo.after(delay)
				require.GreaterOrEqual(t, delay, time.Duration(0))
				require.True(t, delay <= max(fo.maxReconnectDelay, fo.initialReconnectDelay))
			}
			require.GreaterOrEqual(t, fo.attempts(true), -1)
		}
		for repeat, delay := range []time.Duration{0, time.Second, maxDelay} {
			policy := got.options.Redelivery.filled()
			require.GreaterOrEqual(t, policy.next(delay, repeat > 0), time.Duration(0))
		}
	})
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
	fo = defaultFailover()
	fo.reconnectDelay = 500 * time.Millisecond
	require.Equal(t, 500*time.Millisecond, fo.first(false))
	require.Equal(t, 10*time.Millisecond, fo.first(true), "a broker that has served is looked for soon")
	require.Equal(t, []int{-1, -1}, []int{fo.attempts(false), fo.attempts(true)})
	fo.maxAttempts, fo.startupMaxAttempts = 3, 0
	require.Equal(t, []int{1, 3}, []int{fo.attempts(false), fo.attempts(true)})
}
