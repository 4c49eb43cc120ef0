package client

import (
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// wireOptions are the wireFormat.* and socket options of one broker's URI.
type wireOptions struct {
	version           int32
	cacheEnabled      bool
	cacheSize         int32
	tightEncoding     bool
	stackTrace        bool
	maxFrameSize      int64
	maxFrameEnabled   bool
	inactivity        time.Duration // longest silence, 0 unbounded
	inactivityInitial time.Duration // also how long the negotiation may take
	noInactivity      bool          // useInactivityMonitor=false
	noKeepAlive       bool          // useKeepAlive=false
	host              string        // wireFormat.host
	socketOptions
	tlsOptions
}

// socketOptions are those of TCP.
type socketOptions struct {
	noDelay        bool
	connectTimeout time.Duration
	writeTimeout   time.Duration // soWriteTimeout, 0: the inactivity time
	bufferSize     int           // of the kernel's buffers, 0: as it likes
	keepAlive      bool
	linger         int // seconds, -1: not set
}

// tlsOptions are those of ssl: URIs.
type tlsOptions struct {
	secure       bool // by the scheme
	noVerify     bool // verifyHostName=false: the certificate's name is not checked, its issuer is
	protocols    string
	cipherSuites string
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
		maxFrameEnabled:   true,
		inactivity:        30 * time.Second,
		inactivityInitial: 10 * time.Second,
		socketOptions: socketOptions{
			noDelay:        true,
			connectTimeout: 30 * time.Second,
			linger:         -1,
		},
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
	info.MaxFrameSize, info.MaxFrameSizeEnabled = w.maxFrameSize, w.maxFrameEnabled
	info.MaxInactivityMS = w.inactivity.Milliseconds()
	if w.noInactivity {
		info.MaxInactivityMS = 0
	}
	info.MaxInactivityInitialDelayMS = w.inactivityInitial.Milliseconds()
	info.Host = w.host
	info.ProviderName = "Conclave"
	return info
}

// defaultMaxFrameSize bounds what a broker can make this client allocate.
// ActiveMQ's client has no bound; its stock broker sends at most 100 MiB.
const defaultMaxFrameSize = 100 << 20
