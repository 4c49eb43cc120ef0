package console

import (
	"context"
	"errors"
	"time"
)

// Broker is what the console asks of a master. Any goroutine may ask.
type Broker interface {
	Summary() Summary
	// Destinations lists what there is, by kind and name.
	Destinations() []Destination
	Connectors() []Connector
	NetworkConnectors() []NetworkConnector
	// Bridges lists the ways to other brokers, whether there is a bridge or not.
	Bridges() []Bridge

	// Purge removes what waits in a queue; Remove, Move, Copy and Retry do with
	// what a selection names and return how many messages that were.
	Purge(ctx context.Context, queue string) error
	Remove(ctx context.Context, queue string, s Selection) (int, error)
	Move(ctx context.Context, queue string, s Selection, to string) (int, error)
	Copy(ctx context.Context, queue string, s Selection, to string) (int, error)
	Retry(ctx context.Context, queue string, s Selection) (int, error)

	// ScheduledJobs lists the messages that are due from and to these times,
	// both included, in order, at most so many; RemoveJobs removes them, and
	// RemoveJob the one with an id, if there is one.
	ScheduledJobs(ctx context.Context, from, to time.Time, most int) ([]Job, error)
	RemoveJobs(ctx context.Context, from, to time.Time) error
	RemoveJob(ctx context.Context, id string) error
}

// Job is a message that is to be delivered later. Times that are not known are
// zero.
type Job struct {
	ID, Cron      string
	Sent, Next    time.Time
	Delay, Period time.Duration
	Repeat        int // negative: for ever
}

// Errors that a Broker returns, which have classes of Java's of their own.
var (
	ErrSelector  = errors.New("the selector is not valid")
	ErrMessageID = errors.New("the message id is not valid")
	// ErrNotDeadLetters: the queue has none.
	ErrNotDeadLetters = errors.New("the queue has no dead letters")
)

// Selection names messages. What is zero does not restrict.
type Selection struct {
	Selector string
	ID       string
	Max      int
}

// Summary is a broker as a whole. Limits of 0 are none.
type Summary struct {
	ID            string
	Name          string
	Persistent    bool
	DataDirectory string
	Began         time.Time

	Connections      int // now
	TotalConnections int64

	MemoryUsed, MemoryLimit int64
	StoreUsed, StoreLimit   int64
	TempUsed, TempLimit     int64
	Scheduler               bool  // there is one
	Jobs                    int64 // scheduled messages

	// Gone has the counts of destinations that there are no more, together.
	Gone Destination
}

// Kind is what a destination is, in ActiveMQ's words.
type Kind string

// The kinds.
const (
	Queue     Kind = "Queue"
	Topic     Kind = "Topic"
	TempQueue Kind = "TempQueue"
	TempTopic Kind = "TempTopic"
)

// Destination is a snapshot of one.
type Destination struct {
	Kind Kind
	Name string

	Size       int64 // messages in a queue
	Enqueued   int64
	Dequeued   int64
	Dispatched int64
	InFlight   int64
	Expired    int64
	Consumers  int64
	Producers  int64

	DeadLettered int64
	Discarded    int64 // for slow or absent consumers
	Duplicates   int64
	BlockedSends int64 // that found no space
	BlockedFor   time.Duration

	MemoryUsed  int64
	MemoryLimit int64 // its own, or the broker's

	ProducerFlowControl bool
	Prioritized         bool
	AlwaysRetroactive   bool
	DeadLetters         bool // it is a dead letter queue
	WarnInterval        time.Duration
}

// Connector is a port.
type Connector struct {
	Name string
	URI  string // that clients are told

	Connections int
	Accepted    int64 // since its start
	Refused     int64

	LinkStealing          bool
	UpdateClients         bool
	UpdateClientsOnRemove bool
	RebalanceClients      bool
	UpdateFilter          string
}

// NetworkConnector is what is configured of ways to other brokers.
type NetworkConnector struct {
	Name, URI                string
	Duplex                   bool
	MessageTTL, ConsumerTTL  int
	PrefetchSize             int
	AdvisoryPrefetchSize     int
	UserName, RemoteUserName string

	BridgeTempDestinations              bool
	ConduitSubscriptions                bool
	DecreaseNetworkConsumerPriority     bool
	DispatchAsync                       bool
	DynamicOnly                         bool
	SuppressDuplicateQueueSubscriptions bool
	SuppressDuplicateTopicSubscriptions bool
}

// Bridge is one way to another broker.
type Bridge struct {
	Connector string // its name, that of the other broker's if CreatedByDuplex
	URI       string // "" if CreatedByDuplex
	State     string // connecting, bridged, waiting or stopped
	Bridged   bool
	Since     time.Time

	Duplex, CreatedByDuplex bool

	RemoteBroker, RemoteBrokerID, RemoteAddress string

	Subscriptions int
	// Messages that it took here, that it passed on and the other broker has
	// confirmed, that came on a duplex connection, and that were refused or lost
	// with the connection.
	Enqueued, Dequeued, Received, Failed int64
	// Tries to make it, and times that it was made.
	Tries, Made int64
	LastError   string
	LastErrorAt time.Time
}
