package message

// ConnectionInfo announces a connection. (ActiveMQ: ConnectionInfo)
type ConnectionInfo struct {
	ID                    ConnectionID
	ClientID              string
	UserName              string
	Password              string
	ClientIP              string
	BrokerPath            []BrokerID
	BrokerMasterConnector bool
	Manageable            bool
	ClientMaster          bool
	FaultTolerant         bool
	FailoverReconnect     bool // this client was connected to a member of the group before
}

// SessionInfo announces a session. (ActiveMQ: SessionInfo)
type SessionInfo struct{ ID SessionID }

// ProducerInfo announces a producer. (ActiveMQ: ProducerInfo)
type ProducerInfo struct {
	ID            ProducerID
	Destination   Destination // null for an anonymous producer
	BrokerPath    []BrokerID
	DispatchAsync bool
	WindowSize    int32 // bytes, 0 none
}

// ConsumerInfo announces a consumer. (ActiveMQ: ConsumerInfo)
type ConsumerInfo struct {
	ID                         ConsumerID
	Browser                    bool
	DispatchAsync              bool
	NoLocal                    bool
	Exclusive                  bool
	Retroactive                bool
	NetworkSubscription        bool
	OptimizedAcknowledge       bool
	NoRangeAcks                bool
	Priority                   int8 // 0–127
	PrefetchSize               int32
	MaximumPendingMessageLimit int32
	Destination                Destination
	Selector                   string // "" none
	ClientID                   string
	SubscriptionName           string // "" not durable
	BrokerPath                 []BrokerID
	NetworkConsumerPath        []ConsumerID
	// AdditionalPredicate is a *NetworkBridgeFilter, or nil.
	AdditionalPredicate *NetworkBridgeFilter
}

// Durable reports whether the consumer is a durable topic subscriber.
func (c *ConsumerInfo) Durable() bool { return c.SubscriptionName != "" }

// NetworkBridgeFilter keeps messages from going back where they came from.
// (ActiveMQ: NetworkBridgeFilter)
type NetworkBridgeFilter struct {
	NetworkBroker BrokerID
	MessageTTL    int32
	ConsumerTTL   int32
}

// SubscriptionInfo is a durable subscription as it is stored. (ActiveMQ:
// SubscriptionInfo)
type SubscriptionInfo struct {
	ClientID              string
	Name                  string
	Destination           Destination // where messages are stored
	SubscribedDestination Destination // what the client named, patterns included
	Selector              string
	NoLocal               bool
}

// Key is "clientId:name", the key under which KahaDB files a subscription.
func (s *SubscriptionInfo) Key() string { return s.ClientID + ":" + s.Name }

// DestinationOperation says what a DestinationInfo asks for.
type DestinationOperation uint8

// The operations. (ActiveMQ: DestinationInfo.ADD_OPERATION_TYPE and
// REMOVE_OPERATION_TYPE)
const (
	AddDestination    DestinationOperation = 0
	RemoveDestination DestinationOperation = 1
)

// DestinationInfo creates or removes a destination. (ActiveMQ: DestinationInfo)
type DestinationInfo struct {
	Connection  ConnectionID
	Destination Destination
	Operation   DestinationOperation
	TimeoutMS   int64
	BrokerPath  []BrokerID
}

// RemoveInfo removes a connection, session, producer or consumer: whatever
// Object names, a ConnectionID, SessionID, ProducerID or ConsumerID.
// (ActiveMQ: RemoveInfo)
type RemoveInfo struct {
	Object any
	// LastDelivered is the broker sequence of the last message that the
	// consumer gave to the application; see LastDeliveredUnset and
	// LastDeliveredUnknown.
	LastDelivered int64
}

// Values of RemoveInfo.LastDelivered that are no sequence. (ActiveMQ:
// RemoveInfo)
const (
	LastDeliveredUnset   int64 = -1 // nothing
	LastDeliveredUnknown int64 = -2 // whoever removes it cannot tell; 0 is what those say who cannot say it
)

// RemoveSubscriptionInfo deletes a durable subscription. (ActiveMQ:
// RemoveSubscriptionInfo)
type RemoveSubscriptionInfo struct {
	Connection ConnectionID
	ClientID   string
	Name       string
}

// AckType says what an acknowledgement means.
type AckType int8

// The acknowledgements. (ActiveMQ: MessageAck)
const (
	DeliveredAck   AckType = 0 // was given to the application: extends the prefetch window
	PoisonAck      AckType = 1 // could not be consumed: dead letter
	StandardAck    AckType = 2 // consumed, with all before it
	RedeliveredAck AckType = 3 // rolled back: the redelivery counter rises
	IndividualAck  AckType = 4 // consumed, this one alone
	UnmatchedAck   AckType = 5 // not wanted by the subscription's selector
	ExpiredAck     AckType = 6 // had expired when the client looked at it
)

// Ack acknowledges a message, or a range in the order of delivery to one
// consumer. (ActiveMQ: MessageAck)
type Ack struct {
	Type        AckType
	Count       int32
	Destination Destination
	Transaction TransactionID
	Consumer    ConsumerID
	First       MessageID // null: the first not yet acknowledged
	Last        MessageID
	PoisonCause *Throwable
}

// Pull asks for a message on a consumer without prefetch. (ActiveMQ:
// MessagePull)
type Pull struct {
	Consumer      ConsumerID
	Destination   Destination
	TimeoutMS     int64 // 0 waits for ever, -1 answers at once
	CorrelationID string
	Message       MessageID
}

// Delivery is one message on its way to one consumer. Message is nil where a
// pull's time ran out or a browse has ended. (ActiveMQ: MessageDispatch)
type Delivery struct {
	Consumer          ConsumerID
	Destination       Destination
	Message           *Message
	RedeliveryCounter int32
}

// Throwable is a Java exception as it crosses the wire. Class is a name only:
// nothing is ever loaded or created by it.
type Throwable struct {
	Class   string
	Message string
	Trace   []StackFrame
	Cause   *Throwable
}

// StackFrame is an element of a Throwable's stack trace.
type StackFrame struct {
	Class  string
	Method string
	File   string
	Line   int32
}
