package openwire

import (
	"log/slog"
	"math"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/transport"
)

// Options says how connections of one connector are served. URI and Broker are
// needed.
type Options struct {
	URI        *transport.URI
	Broker     *broker.Broker
	BrokerName string
	BrokerID   message.BrokerID
	// BrokerURL gives what clients are told of the broker's address; nil
	// tells nothing. It is asked for each connection.
	BrokerURL func() string

	// Attributes of a transportConnector.
	MaximumProducersAllowedPerConnection int // 0 is no bound
	MaximumConsumersAllowedPerConnection int // 0 is no bound
	WarnOnRemoteClose                    bool
	AllowLinkStealing                    bool

	// Bridges is asked about brokers that connect; nil: they are ordinary
	// clients.
	Bridges Bridges

	// Cluster says what clients learn of the network's other brokers.
	Cluster Cluster

	farewell time.Duration // 0 is farewellTime

	ProviderVersion string       // in WireFormatInfo, "" is not sent
	Log             *slog.Logger // nil: slog.Default()
}

// Protocol makes OpenWire sessions and reaches all of them. It implements
// transport.Protocol.
type Protocol struct {
	options Options
	log     *slog.Logger
	offer   codec.WireFormatInfo // what each session begins with
	connect func(*message.ConnectionInfo, broker.Peer) (connection, error)

	mu       sync.Mutex
	sessions map[*session]struct{} // guarded by mu
	cluster  cluster
}

// New makes the protocol of one connector.
func New(options Options) *Protocol {
	p := &Protocol{options: options, log: options.Log, sessions: make(map[*session]struct{})}
	if p.log == nil {
		p.log = slog.Default()
	}
	if options.MaximumProducersAllowedPerConnection <= 0 {
		p.options.MaximumProducersAllowedPerConnection = math.MaxInt32
	}
	if options.MaximumConsumersAllowedPerConnection <= 0 {
		p.options.MaximumConsumersAllowedPerConnection = math.MaxInt32
	}
	if options.farewell == 0 {
		p.options.farewell = farewellTime
	}
	p.cluster = cluster{options: options.Cluster, self: options.BrokerURL}
	p.offer = offer(options.URI, options.ProviderVersion)
	p.connect = func(info *message.ConnectionInfo, peer broker.Peer) (connection, error) {
		connect := options.Broker.Connect
		if options.AllowLinkStealing {
			connect = options.Broker.Steal
		}
		c, err := connect(info, peer)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	return p
}

// offer is the broker's side of the negotiation. (ActiveMQ:
// OpenWireFormatFactory.createWireFormat)
func offer(u *transport.URI, version string) codec.WireFormatInfo {
	w := &u.WireFormat
	info := codec.WireFormatInfo{
		Version:                     int32(w.Version),
		CacheEnabled:                w.CacheEnabled,
		CacheSize:                   int32(w.CacheSize),
		StackTraceEnabled:           w.StackTraceEnabled,
		TCPNoDelayEnabled:           w.TCPNoDelayEnabled,
		TightEncodingEnabled:        w.TightEncodingEnabled,
		MaxFrameSize:                w.MaxFrameSize,
		MaxFrameSizeEnabled:         w.MaxFrameSizeEnabled,
		MaxInactivityMS:             w.MaxInactivityDuration.Milliseconds(),
		MaxInactivityInitialDelayMS: w.MaxInactivityInitialDelay.Milliseconds(),
		Host:                        w.Host,
		ProviderName:                "ActiveMQ", // what clients compare with
		ProviderVersion:             version,
		PlatformDetails:             "Conclave",
	}
	if w.IncludePlatformDetails {
		info.PlatformDetails += ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH
	}
	for _, given := range []struct {
		to    *string
		value string
	}{{&info.ProviderName, w.ProviderName}, {&info.ProviderVersion, w.ProviderVersion}, {&info.PlatformDetails, w.PlatformDetails}} {
		if given.value != "" {
			*given.to = given.value
		}
	}
	return info
}

// NewSession makes the session of an accepted socket.
func (p *Protocol) NewSession(socket net.Conn) transport.Session {
	s := newSession(p, socket)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions[s] = struct{}{}
	return s
}

func (p *Protocol) forget(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, s)
}

// brokerInfo introduces the broker to a client.
func (p *Protocol) brokerInfo() *codec.BrokerInfo {
	info := &codec.BrokerInfo{ID: p.options.BrokerID, Name: p.options.BrokerName}
	if p.options.BrokerURL != nil {
		info.URL = p.options.BrokerURL()
	}
	info.Peers = p.cluster.infos()
	return info
}

// lastWords is how long a session that has ended may take to write what is
// queued, and how long a client whose connection was refused may stay.
// (ActiveMQ: TransportConnection.delayedStop)
const lastWords = 2 * time.Second
