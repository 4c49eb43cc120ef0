package discovery

import (
	"log/slog"
)

// Service is a broker that was found, one time: after it has failed it comes
// again as another value. It can be compared.
type Service struct {
	Name   string // as it was written or announced; the same each time
	URI    string // what to connect to: Name with the options "discovered."
	Broker string // the broker's name as it was announced, "" if it was not

	turn uint64 // of this appearance among those of the agent
}

// Listener is told of services by an agent: of one at a time, each first
// Added, then Removed. It may call the agent's Failed, and should not take
// long.
type Listener interface {
	Added(Service)
	Removed(Service)
}

// Agent finds services. (ActiveMQ: DiscoveryAgent)
type Agent interface {
	// Start begins to report to l. It is called once.
	Start(l Listener)
	// Failed says that a service cannot be reached, or not any more. Unless
	// that is known the service is Removed, and Added again after a while. It
	// does not block.
	Failed(Service)
	// Close ends the agent; the listener is not called any more when it
	// returns. It must not be called by the listener.
	Close()
}

// Options are an agent's surroundings.
type Options struct {
	// Self has URIs of this broker's own connectors as they are announced;
	// services of these names are not reported.
	Self []string
	Log  *slog.Logger // nil: slog.Default()

	open opener // nil: openUDP
}

func (o *Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.Default()
	}
	return o.Log
}

// New makes the agent of a discovery URI.
func New(u *URI, options Options) Agent {
	if u.Scheme == Multicast {
		return newMulticast(u, options)
	}
	return newStatic(u, options)
}
