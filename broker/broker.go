package broker

import (
	"context"
	"log/slog"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Lease is what the broker asks of the lock on the store, before it delivers
// or acknowledges anything that the store does not check by itself.
type Lease interface{ Valid() bool }

// Options says how a Broker works. Name, ID and Store are needed.
type Options struct {
	Name  string           // brokerName
	ID    message.BrokerID // unique for every start of a process
	URL   string           // originBrokerURL in advisories; "" leaves it out
	Store store.Store
	Lease Lease // nil: always valid

	// MemoryLimit bounds the bytes of messages held in memory; 0 is 1 GiB.
	MemoryLimit int64
	// ConcurrentStoreAndDispatchQueues lets a message go to a consumer while
	// its write waits. (ActiveMQ: KahaDB's option of that name)
	ConcurrentStoreAndDispatchQueues bool
	// DisableAdvisories is the opposite of advisorySupport.
	DisableAdvisories bool
	// AllowLinkStealing lets a new connection with a client id end the old
	// one instead of being refused.
	AllowLinkStealing bool

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: slog.Default()
}

// Broker is one message broker.
type Broker struct {
	options Options
}

// New starts a broker on what the store holds.
func New(options Options) (*Broker, error) {
	return &Broker{options: options}, nil
}

// Close stops dispatch, lets appended work finish until ctx ends, and joins
// the broker's goroutines. It does not close the store.
func (b *Broker) Close(ctx context.Context) error { return nil }

// Connect begins a connection.
func (b *Broker) Connect(info *message.ConnectionInfo, peer Peer) (*Connection, error) {
	return &Connection{}, nil
}
