package message

// Body says which JMS message a Message is. (ActiveMQ: ActiveMQMessage and its
// subclasses)
type Body uint8

// The JMS message bodies.
const (
	Plain Body = iota // no body; also every advisory
	Text
	Bytes
	Map
	Stream
	Object
	Blob
)

// Blanks is a set of string fields that are present but empty, which Java
// distinguishes from null. In Message a field that is "" without its bit is
// null.
type Blanks uint8

// The fields that can be present but empty.
const (
	BlankCorrelationID Blanks = 1 << iota
	BlankType
	BlankGroupID
	BlankUserID
)

// Message is a JMS message as it travels. Content and Properties stay the
// bytes that OpenWire carries and are not parsed on the way through. A
// Message is immutable once a broker has accepted it, and its byte slices are
// never written again; whoever wants another header makes a shallow copy.
// (ActiveMQ: Message)
type Message struct {
	Body                Body
	Persistent          bool
	Compressed          bool
	Droppable           bool
	ReceivedByDFBridge  bool
	FirstForConsumer    bool // JMSXGroupFirstForConsumer
	Blanks              Blanks
	Priority            uint8 // 0–9
	GroupSequence       int32
	RedeliveryCounter   int32 // as stored or received; a delivery carries its own
	ID                  MessageID
	Producer            ProducerID
	Destination         Destination
	OriginalDestination Destination
	ReplyTo             Destination
	Transaction         TransactionID
	OriginalTransaction TransactionID
	TargetConsumer      ConsumerID
	CorrelationID       string
	Type                string // JMSType
	GroupID             string // JMSXGroupID
	UserID              string // JMSXUserID
	Expiration          int64  // ms since 1970, 0 never
	Timestamp           int64  // ms since 1970, JMSTimestamp
	Arrival             int64  // ms since 1970
	BrokerInTime        int64  // ms since 1970
	BrokerOutTime       int64  // ms since 1970
	Content             []byte // nil is null
	Properties          []byte // marshalled primitive map; nil is null
	// DataStructure is the command that an advisory carries: a pointer to one
	// of this package's Info types, or nil.
	DataStructure any
	BrokerPath    []BrokerID
	Cluster       []BrokerID
	// Of a Blob body only.
	RemoteBlobURL   string
	MimeType        string
	DeletedByBroker bool
}

// overhead is ActiveMQ's estimate of what a message costs in memory beside its
// bodies. (ActiveMQ: Message.DEFAULT_MINIMUM_MESSAGE_SIZE)
const overhead = 1024

// Size is the number of bytes that a message counts for in memory limits.
// (ActiveMQ: Message.getSize)
func (m *Message) Size() int64 {
	return int64(overhead + len(m.Content) + len(m.Properties))
}

// Expired reports whether the message had expired at nowMS, milliseconds since
// 1970.
func (m *Message) Expired(nowMS int64) bool {
	return m.Expiration > 0 && nowMS > m.Expiration
}

// Copy returns a shallow copy, whose header may be changed.
func (m *Message) Copy() *Message {
	c := *m
	return &c
}
