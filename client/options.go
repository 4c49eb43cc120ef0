package client

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// Options of a connection. The zero value suits. What the URL says goes before
// what is said here.
type Options struct {
	UserName string // jms.userName
	Password string // jms.password
	ClientID string // jms.clientID; "" lets the client make one

	// AsyncSend makes Send of a persistent message return without the broker's
	// answer. (jms.useAsyncSend)
	AsyncSend bool
	// SyncSend makes Send of every message wait for the broker's answer.
	// (jms.alwaysSyncSend)
	SyncSend bool
	Prefetch Prefetch

	// OnError is told what a broker reports about commands that wait for no
	// answer, such as asynchronous sends. It is called by the connection's
	// reader and must not block. May be nil.
	OnError func(error)
	// Transport is told of interruptions, resumptions, the connection's end and
	// every command.
	Transport TransportListener

	Log *slog.Logger
	// DialContext opens a network connection; nil is net.Dialer's.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// Prefetch is how many messages a broker may send to a consumer before they
// are acknowledged; 0 is the default of each, -1 none. (ActiveMQ:
// ActiveMQPrefetchPolicy)
type Prefetch struct {
	Queue        int32 // jms.prefetchPolicy.queuePrefetch, default 1000
	QueueBrowser int32 // jms.prefetchPolicy.queueBrowserPrefetch, default 500
	Topic        int32 // jms.prefetchPolicy.topicPrefetch, default 32767
	DurableTopic int32 // jms.prefetchPolicy.durableTopicPrefetch, default 100
}

func (p Prefetch) withDefaults() Prefetch {
	return Prefetch{
		Queue:        prefetchOr(p.Queue, 1000),
		QueueBrowser: prefetchOr(p.QueueBrowser, 500),
		Topic:        prefetchOr(p.Topic, 32767),
		DurableTopic: prefetchOr(p.DurableTopic, 100),
	}
}

// prefetchOr maps an option's value to that of the wire.
func prefetchOr(value, byDefault int32) int32 {
	switch {
	case value == 0:
		return byDefault
	case value < 0:
		return 0
	}
	return value
}

// wireOptions are the wireFormat.* and socket options of one broker's URI.
type wireOptions struct {
	version           int32
	cacheEnabled      bool
	cacheSize         int32
	tightEncoding     bool
	stackTrace        bool
	maxFrameSize      int64
	inactivity        time.Duration // longest silence, 0 unbounded
	inactivityInitial time.Duration // also how long the negotiation may take
	noDelay           bool
	connectTimeout    time.Duration
	bufferSize        int
}

// defaultWire is what ActiveMQ's own client asks for.
func defaultWire() wireOptions {
	return wireOptions{
		version:           12,
		cacheEnabled:      true,
		cacheSize:         1024,
		tightEncoding:     true,
		stackTrace:        true,
		maxFrameSize:      defaultMaxFrameSize,
		inactivity:        30 * time.Second,
		inactivityInitial: 10 * time.Second,
		noDelay:           true,
		connectTimeout:    30 * time.Second,
		bufferSize:        64 << 10,
	}
}

// info is what the client proposes to a broker.
func (w *wireOptions) info() *openwire.WireFormatInfo {
	info := openwire.DefaultWireFormatInfo()
	info.Version = w.version
	info.CacheEnabled, info.CacheSize = w.cacheEnabled, w.cacheSize
	info.TightEncodingEnabled = w.tightEncoding
	info.StackTraceEnabled = w.stackTrace
	info.TCPNoDelayEnabled = w.noDelay
	info.MaxFrameSize = w.maxFrameSize
	info.MaxInactivityMS = w.inactivity.Milliseconds()
	info.MaxInactivityInitialDelayMS = w.inactivityInitial.Milliseconds()
	info.ProviderName = "Conclave"
	return info
}

// defaultMaxFrameSize bounds what a broker can make this client allocate.
// ActiveMQ's client has no bound; its stock broker sends at most 100 MiB.
const defaultMaxFrameSize = 100 << 20

// failoverOptions are those of "failover:(…)?…".
type failoverOptions struct {
	initialReconnectDelay time.Duration
	maxReconnectDelay     time.Duration
	exponentialBackOff    bool
	backOffMultiplier     float64
	maxAttempts           int // -1 for ever
	startupMaxAttempts    int // -1: as maxAttempts
	randomize             bool
}

func defaultFailover() failoverOptions {
	return failoverOptions{
		initialReconnectDelay: 10 * time.Millisecond,
		maxReconnectDelay:     30 * time.Second,
		exponentialBackOff:    true,
		backOffMultiplier:     2,
		maxAttempts:           -1,
		startupMaxAttempts:    -1,
		randomize:             true,
	}
}
