package transport

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/conclavemq/conclave/internal/spelling"
)

// setter reads the text of one option into the place that it was made for.
type setter func(text string) error

// apply sets every option of a query.
func (u *URI) apply(values url.Values) error {
	table := u.options()
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		set, ok := table[name]
		if !ok {
			return unknownOption(name, table)
		}
		if len(values[name]) > 1 {
			return fmt.Errorf("%w: %s is given %d times", ErrOption, name, len(values[name]))
		}
		if err := set(values[name][0]); err != nil {
			return fmt.Errorf("%w: %s=%s: %w", ErrOption, name, values[name][0], err)
		}
	}
	return nil
}

// options is the table of a connector's options: ActiveMQ takes the bare
// names on its server, those with "transport." on each connection's transport,
// which also gets a copy of the bare ones.
func (u *URI) options() map[string]setter {
	table := map[string]setter{
		"maximumConnections":             integer(&u.MaximumConnections, 0, math.MaxInt32),
		"backlog":                        integer(&u.Backlog, 1, math.MaxInt32),
		"allowLinkStealing":              boolean(&u.AllowLinkStealing),
		"useQueueForAccept":              boolean(new(bool)), // accepting never waits for a handshake here
		"wireFormat":                     only("default", "tcp and nio speak OpenWire"),
		"wireFormat.sizePrefixDisabled":  only("false", "a frame without a size cannot be bounded"),
		"transport.threadName":           u.ignored("transport.threadName", "goroutines have no names"),
		"transport.closeAsync":           boolean(new(bool)), // a close never waits for a lingering socket here
		"transport.socket.reuseAddress":  only("true", "the port is always reused"),
		"transport.reuseAddress":         only("true", "the port is always reused"),
		"transport.ioBufferSize":         integer(&u.Socket.IOBufferSize, 512, maxBuffer),
		"transport.soLinger":             optionalInteger(&u.Socket.Linger, -1, math.MaxUint16),
		"transport.tcpNoDelay":           optionalBoolean(&u.Socket.NoDelay),
		"transport.keepAlive":            optionalBoolean(&u.Socket.KeepAlive),
		"transport.trafficClass":         integer(&u.Socket.TrafficClass, 0, 255),
		"transport.typeOfService":        integer(&u.Socket.TrafficClass, 0, 255),
		"transport.diffServ":             diffServ(&u.Socket.TrafficClass),
		"transport.soWriteTimeout":       milliseconds(&u.Socket.WriteTimeout, 0),
		"transport.useInactivityMonitor": boolean(&u.Inactivity.UseMonitor),
		"transport.useKeepAlive":         boolean(&u.Inactivity.UseKeepAlive),
		"transport.keepAliveResponseRequired": boolean(
			&u.Inactivity.KeepAliveResponseRequired),
		"transport.connectAttemptTimeout": milliseconds(&u.ConnectAttemptTimeout, 0),
	}
	u.shared(table)
	u.wireFormat(table)
	tlsOnly(table)
	return table
}

// shared adds what ActiveMQ takes with and without "transport.".
func (u *URI) shared(table map[string]setter) {
	for name, set := range map[string]setter{
		"soTimeout":                        milliseconds(new(time.Duration), 0), // in ActiveMQ it only wakes the reader
		"socketBufferSize":                 integer(&u.Socket.BufferSize, 1, maxBuffer),
		"connectionTimeout":                milliseconds(&u.ConnectionTimeout, 0),
		"minmumWireFormatVersion":          integer(&u.MinimumWireFormatVersion, 0, openWireVersion),
		"maxInactivityDuration":            u.ignored("maxInactivityDuration", "wireFormat.maxInactivityDuration is the one that is negotiated"),
		"maxInactivityDurationInitalDelay": u.ignored("maxInactivityDurationInitalDelay", "wireFormat.maxInactivityDurationInitalDelay is the one that is negotiated"),
		"trace":                            boolean(&u.Trace),
		"startLogging":                     boolean(&u.StartLogging),
		"logWriterName":                    only("default", "there is one form of trace"),
		"dynamicManagement":                only("false", "tracing is set in the configuration alone"),
		"jmxPort":                          only("1099", "there is no JMX server"),
		"daemon":                           boolean(new(bool)), // of JVM threads
	} {
		table[name], table["transport."+name] = set, set
	}
}

func (u *URI) wireFormat(table map[string]setter) {
	w := &u.WireFormat
	for name, set := range map[string]setter{
		"version":                          integer(&w.Version, 1, openWireVersion),
		"stackTraceEnabled":                boolean(&w.StackTraceEnabled),
		"tcpNoDelayEnabled":                boolean(&w.TCPNoDelayEnabled),
		"cacheEnabled":                     boolean(&w.CacheEnabled),
		"cacheSize":                        integer(&w.CacheSize, 0, math.MaxInt16),
		"tightEncodingEnabled":             boolean(&w.TightEncodingEnabled),
		"maxInactivityDuration":            milliseconds(&w.MaxInactivityDuration, 0),
		"maxInactivityDurationInitalDelay": milliseconds(&w.MaxInactivityInitialDelay, 0),
		"maxFrameSize":                     long(&w.MaxFrameSize, 1024),
		"maxFrameSizeEnabled":              boolean(&w.MaxFrameSizeEnabled),
		"host":                             text(&w.Host),
		"includePlatformDetails":           boolean(&w.IncludePlatformDetails),
		"providerName":                     text(&w.ProviderName),
		"providerVersion":                  text(&w.ProviderVersion),
		"platformDetails":                  text(&w.PlatformDetails),
	} {
		table["wireFormat."+name] = set
	}
}

// tlsOnly adds the options that make sense with TLS.
func tlsOnly(table map[string]setter) {
	const reason = "it needs the scheme ssl, which is not available yet"
	for _, name := range []string{"needClientAuth", "wantClientAuth", "verifyHostName"} {
		table[name], table["transport."+name] = only("false", reason), only("false", reason)
	}
	for _, name := range []string{"enabledProtocols", "enabledCipherSuites"} {
		table["transport."+name], table["socket."+name] = only("", reason), only("", reason)
	}
}

func unknownOption(name string, table map[string]setter) error {
	candidates := make([]string, 0, len(table))
	for candidate := range table {
		candidates = append(candidates, candidate)
	}
	near := spelling.Nearest(name, candidates, "transport.")
	if near == "" {
		return fmt.Errorf("%w %s", ErrUnknownOption, name)
	}
	return fmt.Errorf("%w %s; did you mean %s?", ErrUnknownOption, name, near)
}

// maxBuffer bounds socket and reading buffers.
const maxBuffer = 64 << 20

func integer(to *int, low, high int64) setter {
	return func(s string) error {
		n, err := bounded(s, low, high)
		*to = int(n)
		return err
	}
}

func optionalInteger(to **int, low, high int64) setter {
	return func(s string) error {
		n, err := bounded(s, low, high)
		v := int(n)
		*to = &v
		return err
	}
}

func long(to *int64, low int64) setter {
	return func(s string) (err error) {
		*to, err = bounded(s, low, math.MaxInt64)
		return err
	}
}

// longestMS bounds durations, 24 days and more, as Java's int milliseconds do.
const longestMS = math.MaxInt32

func milliseconds(to *time.Duration, low int64) setter {
	return func(s string) error {
		n, err := bounded(s, low, longestMS)
		*to = time.Duration(n) * time.Millisecond
		return err
	}
}

func bounded(s string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("not a whole number of %d to %d", low, high)
	}
	return n, nil
}

func boolean(to *bool) setter {
	return func(s string) error {
		switch strings.ToLower(s) {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return fmt.Errorf("neither true nor false")
		}
		return nil
	}
}

func optionalBoolean(to **bool) setter {
	return func(s string) error {
		v := false
		*to = &v
		return boolean(&v)(s)
	}
}

func text(to *string) setter {
	return func(s string) error { *to = s; return nil }
}

// only admits the one value that is true here; others are refused by reason.
func only(value, reason string) setter {
	return func(s string) error {
		if s != value {
			return fmt.Errorf("not supported: %s", reason)
		}
		return nil
	}
}

// ignored admits everything, with a warning: ActiveMQ takes the option and
// does nothing that a client could see.
func (u *URI) ignored(name, reason string) setter {
	return func(string) error {
		u.Warnings = append(u.Warnings, name+" has no effect: "+reason)
		return nil
	}
}

// diffServ reads a differentiated services code point, by name or number,
// into the upper six bits of the traffic class. (RFC 2474, RFC 2597, RFC 3246)
func diffServ(to *int) setter {
	return func(s string) error {
		var class, drop int
		switch {
		case s == "EF":
			*to = 46 << 2
		case len(s) == 3 && s[:2] == "CS" && s[2] >= '0' && s[2] <= '7':
			*to = int(s[2]-'0') << 3 << 2
		case len(s) == 4 && s[:2] == "AF":
			class, drop = int(s[2]-'0'), int(s[3]-'0')
			if class < 1 || class > 4 || drop < 1 || drop > 3 {
				return fmt.Errorf("no such assured forwarding class")
			}
			*to = (class<<3 + drop<<1) << 2
		default:
			n, err := bounded(s, 0, 63)
			if err != nil {
				return fmt.Errorf("neither a code point's name nor a number of 0 to 63")
			}
			*to = int(n) << 2
		}
		return nil
	}
}
