package transport

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/conclavemq/conclave/internal/hostport"
)

// URI is a connector's URI, read and checked. Durations are given in
// milliseconds in the text. (ActiveMQ: TcpTransportServer and TcpTransport,
// whose property names the options are)
type URI struct {
	Scheme string // "tcp" or "nio", which are the same here
	Host   string
	Port   int // 0 lets the system choose

	MaximumConnections int
	Backlog            int
	// AllowLinkStealing lets a client id move to a new connection; it is the
	// broker's to obey.
	AllowLinkStealing bool

	// ConnectionTimeout and ConnectAttemptTimeout bound the time that a peer
	// may take until it has sent its wire format; 0 is no bound.
	ConnectionTimeout     time.Duration
	ConnectAttemptTimeout time.Duration
	// MinimumWireFormatVersion refuses older peers.
	MinimumWireFormatVersion int
	// Trace logs every command's type at level INFO; see StartLogging.
	Trace        bool
	StartLogging bool

	Socket     Socket
	WireFormat WireFormat
	Inactivity Inactivity

	// Warnings are for the log: options that were taken without effect.
	Warnings []string

	query string // as it was given
}

// Socket is what is set on each accepted socket.
type Socket struct {
	BufferSize   int           // bytes of SO_RCVBUF and SO_SNDBUF; 0 leaves it to the system
	IOBufferSize int           // bytes that a read may first take
	Linger       *int          // seconds; -1 turns SO_LINGER off, nil leaves it
	NoDelay      *bool         // nil: as the wire format negotiates
	KeepAlive    *bool         // nil: on
	TrafficClass int           // IP_TOS, 0 leaves it
	WriteTimeout time.Duration // soWriteTimeout; 0: see Inactivity
}

// WireFormat is what the broker offers in OpenWire's negotiation. (ActiveMQ:
// OpenWireFormatFactory)
type WireFormat struct {
	Version                   int
	StackTraceEnabled         bool
	TCPNoDelayEnabled         bool
	CacheEnabled              bool
	CacheSize                 int
	TightEncodingEnabled      bool
	MaxInactivityDuration     time.Duration
	MaxInactivityInitialDelay time.Duration
	MaxFrameSize              int64
	MaxFrameSizeEnabled       bool
	Host                      string
	IncludePlatformDetails    bool
	ProviderName              string
	ProviderVersion           string
	PlatformDetails           string
}

// Inactivity says how a silent peer is found. (ActiveMQ: InactivityMonitor)
type Inactivity struct {
	UseMonitor                bool // useInactivityMonitor
	UseKeepAlive              bool
	KeepAliveResponseRequired bool
}

// openWireVersion is the newest version of OpenWire that is spoken.
const openWireVersion = 12

func defaults() *URI {
	return &URI{
		MaximumConnections:    math.MaxInt32,
		Backlog:               5000,
		ConnectionTimeout:     30 * time.Second,
		ConnectAttemptTimeout: 30 * time.Second,
		StartLogging:          true,
		Socket:                Socket{IOBufferSize: 8 << 10},
		WireFormat: WireFormat{
			Version:                   openWireVersion,
			StackTraceEnabled:         true,
			TCPNoDelayEnabled:         true,
			CacheEnabled:              true,
			CacheSize:                 1024,
			TightEncodingEnabled:      true,
			MaxInactivityDuration:     30 * time.Second,
			MaxInactivityInitialDelay: 10 * time.Second,
			MaxFrameSize:              math.MaxInt64,
			MaxFrameSizeEnabled:       true,
		},
		Inactivity: Inactivity{UseMonitor: true, UseKeepAlive: true},
	}
}

// ParseURI reads a connector's URI such as
// "tcp://0.0.0.0:61616?maximumConnections=1000&wireFormat.maxFrameSize=104857600".
// Every option is checked; one that is not known or not supported is an error.
func ParseURI(s string) (*URI, error) {
	parsed, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	u := defaults()
	u.Scheme, u.query = parsed.Scheme, parsed.RawQuery
	if err := checkScheme(u.Scheme); err != nil {
		return nil, fmt.Errorf("connector uri %q: %w", s, err)
	}
	if parsed.User != nil || parsed.Fragment != "" || (parsed.Path != "" && parsed.Path != "/") {
		return nil, fmt.Errorf("%w %q: only scheme, host, port and options are understood", ErrURI, s)
	}
	if u.Host, err = hostport.Of(parsed); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	if u.Port, err = port(parsed.Port()); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	values, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrURI, s, err)
	}
	if err := u.apply(values); err != nil {
		return nil, fmt.Errorf("connector uri %q: %w", s, err)
	}
	return u, nil
}

func port(s string) (int, error) {
	if s == "" {
		return 0, fmt.Errorf("no port (0 lets the system choose one)")
	}
	return hostport.Port(s, 0)
}

// Address is what to bind, in the form of package net. As in ActiveMQ no host
// is localhost, and 0.0.0.0 is every address, IPv6 included where there is any.
func (u *URI) Address() string {
	host := u.Host
	switch host {
	case "":
		host = "localhost"
	case "0.0.0.0", "::":
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(u.Port))
}

// HandshakeTimeout is the time that a peer has to send its wire format; 0 is
// no bound.
func (u *URI) HandshakeTimeout() time.Duration {
	a, b := u.ConnectionTimeout, u.ConnectAttemptTimeout
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func checkScheme(scheme string) error {
	switch scheme {
	case "tcp", "nio":
		return nil
	case "":
		return fmt.Errorf("%w: no scheme; write tcp://host:port", ErrScheme)
	}
	reason := refusal(scheme)
	if reason == "" {
		return fmt.Errorf("%w %q: tcp and nio are available", ErrScheme, scheme)
	}
	return fmt.Errorf("%w %q: %s; tcp and nio are available", ErrScheme, scheme, reason)
}

// refusal says why one of ActiveMQ's schemes is not served, "" for others.
func refusal(scheme string) string {
	base, variant, _ := strings.Cut(scheme, "+")
	switch {
	case base == "ssl" || base == "nio" && variant == "ssl":
		return "TLS is not available yet"
	case base == "auto":
		return "protocol detection is not available yet"
	case base == "stomp" || base == "mqtt" || base == "amqp":
		return "only OpenWire is available yet"
	case base == "ws" || base == "wss":
		return "WebSockets are not available yet"
	case base == "http" || base == "https":
		return "HTTP tunnelling is not available"
	case base == "udp" || base == "multicast":
		return "datagram transports are not available"
	case base == "vm":
		return "there is no JVM to connect within"
	}
	return ""
}
