package transport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseURIReadsEveryOption(t *testing.T) {
	off, five := false, 5
	for name, test := range map[string]struct {
		query string
		want  func(*URI)
	}{
		"defaults":        {"", func(*URI) {}},
		"limits":          {"maximumConnections=1000&backlog=17", func(u *URI) { u.MaximumConnections, u.Backlog = 1000, 17 }},
		"stealing":        {"allowLinkStealing=true", func(u *URI) { u.AllowLinkStealing = true }},
		"frame":           {"wireFormat.maxFrameSize=104857600", func(u *URI) { u.WireFormat.MaxFrameSize = 104857600 }},
		"frame unchecked": {"wireFormat.maxFrameSizeEnabled=false", func(u *URI) { u.WireFormat.MaxFrameSizeEnabled = false }},
		"inactivity": {"wireFormat.maxInactivityDuration=1500&wireFormat.maxInactivityDurationInitalDelay=200",
			func(u *URI) {
				u.WireFormat.MaxInactivityDuration = 1500 * time.Millisecond
				u.WireFormat.MaxInactivityInitialDelay = 200 * time.Millisecond
			}},
		"encoding": {"wireFormat.tightEncodingEnabled=false&wireFormat.cacheEnabled=false&wireFormat.cacheSize=16&wireFormat.version=9",
			func(u *URI) {
				w := &u.WireFormat
				w.TightEncodingEnabled, w.CacheEnabled, w.CacheSize, w.Version = false, false, 16, 9
			}},
		"identity": {"wireFormat.host=h&wireFormat.providerName=p&wireFormat.providerVersion=1&wireFormat.platformDetails=d&wireFormat.includePlatformDetails=true",
			func(u *URI) {
				w := &u.WireFormat
				w.Host, w.ProviderName, w.ProviderVersion, w.PlatformDetails = "h", "p", "1", "d"
				w.IncludePlatformDetails = true
			}},
		"socket": {"transport.soLinger=5&transport.tcpNoDelay=false&transport.keepAlive=false&socketBufferSize=131072&transport.ioBufferSize=16384",
			func(u *URI) {
				u.Socket = Socket{BufferSize: 131072, IOBufferSize: 16384, Linger: &five, NoDelay: &off, KeepAlive: &off}
			}},
		"both spellings": {"transport.socketBufferSize=4096&transport.connectionTimeout=10", func(u *URI) {
			u.Socket.BufferSize, u.ConnectionTimeout = 4096, 10*time.Millisecond
		}},
		"class":          {"transport.trafficClass=8", func(u *URI) { u.Socket.TrafficClass = 8 }},
		"code point":     {"transport.diffServ=AF23", func(u *URI) { u.Socket.TrafficClass = 22 << 2 }},
		"expedited":      {"transport.diffServ=EF", func(u *URI) { u.Socket.TrafficClass = 46 << 2 }},
		"class selector": {"transport.diffServ=CS3", func(u *URI) { u.Socket.TrafficClass = 24 << 2 }},
		"write timeout":  {"transport.soWriteTimeout=15000", func(u *URI) { u.Socket.WriteTimeout = 15 * time.Second }},
		"monitor": {"transport.useInactivityMonitor=false&transport.useKeepAlive=false&transport.keepAliveResponseRequired=true",
			func(u *URI) { u.Inactivity = Inactivity{KeepAliveResponseRequired: true} }},
		"trace": {"trace=true&startLogging=false&logWriterName=default&jmxPort=1099&dynamicManagement=false",
			func(u *URI) { u.Trace, u.StartLogging = true, false }},
		"no effect in ActiveMQ": {"transport.soTimeout=0&soTimeout=0&useQueueForAccept=false&daemon=true&transport.closeAsync=false", func(*URI) {}},
		"handshake":             {"minmumWireFormatVersion=5&transport.connectAttemptTimeout=0", func(u *URI) { u.MinimumWireFormatVersion, u.ConnectAttemptTimeout = 5, 0 }},
		"warned about": {"maxInactivityDuration=5", func(u *URI) {
			u.Warnings = []string{"maxInactivityDuration has no effect: wireFormat.maxInactivityDuration is the one that is negotiated"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults()
			want.Scheme, want.Host, want.Port, want.query = "tcp", "0.0.0.0", 61616, test.query
			test.want(want)
			got, err := ParseURI("tcp://0.0.0.0:61616?" + test.query)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestParseURIRefuses(t *testing.T) {
	for _, test := range []struct {
		uri  string
		kind error
		says string
	}{
		{"ssl://0.0.0.0:61617", ErrScheme, "TLS is not available yet"},
		{"nio+ssl://0.0.0.0:61617", ErrScheme, "TLS is not available yet"},
		{"auto+nio://0.0.0.0:61617", ErrScheme, "protocol detection"},
		{"stomp+nio://0.0.0.0:61617", ErrScheme, "only OpenWire"},
		{"vm://localhost:1", ErrScheme, "no JVM"},
		{"tpc://localhost:1", ErrScheme, `"tpc"`},
		{"localhost:1", ErrScheme, "localhost"},
		{"//localhost:1", ErrScheme, "no scheme"},
		{"tcp://localhost", ErrURI, "no port"},
		{"tcp://localhost:99999", ErrURI, "0 to 65535"},
		{"tcp://localhost:1/path", ErrURI, "only scheme"},
		{"tcp://%zz:1", ErrURI, ""},
		{"tcp://:::1", ErrURI, "no name of a host"},
		{"tcp://a:b:1", ErrURI, "no name of a host"},
		{"tcp://a%25b:1", ErrURI, "no name of a host"},
		{"tcp://*:1", ErrURI, "no name of a host"},
		{"tcp://<a>:1", ErrURI, "no name of a host"},
		{"tcp://[fe80::1%25a(b]:1", ErrURI, "no name of a host"},
		{"tcp://2001:db8::1:61616", ErrURI, "brackets"},
		{"tcp://[::]x:1", ErrURI, ""},
		{"tcp://localhost:1?maximumConections=10", ErrUnknownOption, "did you mean maximumConnections?"},
		{"tcp://localhost:1?wireFormat.maxFramesize=10", ErrUnknownOption, "did you mean wireFormat.maxFrameSize?"},
		{"tcp://localhost:1?keepAlive=true", ErrUnknownOption, "did you mean transport.keepAlive?"},
		{"tcp://localhost:1?zzz=true", ErrUnknownOption, "zzz"},
		{"tcp://localhost:1?maximumConnections=-1", ErrOption, "0 to 2147483647"},
		{"tcp://localhost:1?maximumConnections=ten", ErrOption, "maximumConnections=ten"},
		{"tcp://localhost:1?maximumConnections=1&maximumConnections=2", ErrOption, "2 times"},
		{"tcp://localhost:1?trace=yes", ErrOption, "neither true nor false"},
		{"tcp://localhost:1?wireFormat.version=13", ErrOption, "1 to 12"},
		{"tcp://localhost:1?wireFormat.sizePrefixDisabled=true", ErrOption, "cannot be bounded"},
		{"tcp://localhost:1?needClientAuth=true", ErrOption, "ssl"},
		{"tcp://localhost:1?transport.diffServ=AF49", ErrOption, "class"},
		{"tcp://localhost:1?transport.diffServ=64", ErrOption, "0 to 63"},
	} {
		t.Run(test.uri, func(t *testing.T) {
			_, err := ParseURI(test.uri)
			require.ErrorIs(t, err, test.kind)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestHandshakeTimeoutIsTheShorterOne(t *testing.T) {
	for _, test := range []struct{ a, b, want time.Duration }{
		{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {3, 5, 3}, {5, 3, 3},
	} {
		u := URI{ConnectionTimeout: test.a, ConnectAttemptTimeout: test.b}
		require.Equal(t, test.want, u.HandshakeTimeout())
	}
}

func TestPublishedHosts(t *testing.T) {
	for uri, want := range map[string]string{
		"tcp://:7":                          "tcp://localhost:7",
		"tcp://my_host:7":                   "tcp://my_host:7",
		"nio://[::1]:7":                     "nio://[::1]:7",
		"tcp://[fe80::1%25eth0]:7":          "tcp://[fe80::1%25eth0]:7",
		"tcp://inside:7":                    "tcp://outside:8?x=1",
		"tcp://[2001:db8::1]:7?trace=false": "tcp://[2001:db8::2]:7",
	} {
		u, err := ParseURI(uri)
		require.NoError(t, err)
		var p AddressPolicy
		if u.Host == "inside" {
			p.Query = "x=1"
			p.Ports, err = ParsePorts("7=8")
			require.NoError(t, err)
		}
		p.Hosts, err = ParseHosts("inside=outside, 2001:db8::1=2001:db8::2")
		require.NoError(t, err)
		require.Equal(t, want, p.URI(u, u.Port))
	}
	for _, text := range []string{"a=b:1", "a=[::1]", "a=b c", "a=b%25c", "a", "a="} {
		_, err := ParseHosts(text)
		require.Error(t, err, text)
	}
}
