package message

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// BrokerID identifies one start of one broker process; "" is null.
// (ActiveMQ: BrokerId)
type BrokerID string

// ConnectionID identifies a connection, as "ID:host-port-time-c:n"; "" is
// null. (ActiveMQ: ConnectionId)
type ConnectionID string

// SessionID identifies a session within a connection. (ActiveMQ: SessionId)
type SessionID struct {
	Connection ConnectionID
	Value      int64
}

// ProducerID identifies a producer. Its session is part of the identity; the
// zero value is null. (ActiveMQ: ProducerId)
type ProducerID struct {
	Connection ConnectionID
	Session    int64
	Value      int64
}

// ConsumerID identifies a consumer; the zero value is null.
// (ActiveMQ: ConsumerId)
type ConsumerID struct {
	Connection ConnectionID
	Session    int64
	Value      int64
}

// ErrMalformedID reports a textual identifier that does not have the form
// that ActiveMQ writes.
var ErrMalformedID = errors.New("malformed identifier")

// IsZero reports whether id is null.
func (id SessionID) IsZero() bool { return id == SessionID{} }

// IsZero reports whether id is null.
func (id ProducerID) IsZero() bool { return id == ProducerID{} }

// IsZero reports whether id is null.
func (id ConsumerID) IsZero() bool { return id == ConsumerID{} }

// SessionID returns the session that the producer belongs to.
func (id ProducerID) SessionID() SessionID { return SessionID{id.Connection, id.Session} }

// SessionID returns the session that the consumer belongs to.
func (id ConsumerID) SessionID() SessionID { return SessionID{id.Connection, id.Session} }

// String gives "connection:session", as ActiveMQ prints it.
func (id SessionID) String() string {
	return string(id.Connection) + ":" + strconv.FormatInt(id.Value, 10)
}

// String gives "connection:session:value", as ActiveMQ prints it.
func (id ProducerID) String() string { return string(id.append(nil)) }

func (id ProducerID) append(b []byte) []byte {
	b = append(b, id.Connection...)
	b = append(b, ':')
	b = strconv.AppendInt(b, id.Session, 10)
	b = append(b, ':')
	return strconv.AppendInt(b, id.Value, 10)
}

// String gives "connection:session:value", as ActiveMQ prints it.
func (id ConsumerID) String() string {
	return string(ProducerID(id).append(nil))
}

// ParseProducerID reads "connection:session:value"; the connection may itself
// contain colons. Numbers that are missing stay zero, as in ActiveMQ's
// ProducerId(String).
func ParseProducerID(s string) (ProducerID, error) {
	id := ProducerID{}
	rest := s
	for _, field := range []*int64{&id.Value, &id.Session} {
		i := strings.LastIndexByte(rest, ':')
		if i < 0 {
			break
		}
		v, err := strconv.ParseInt(rest[i+1:], 10, 64)
		if err != nil {
			return ProducerID{}, fmt.Errorf("producer id %q: %w", s, ErrMalformedID)
		}
		*field, rest = v, rest[:i]
	}
	id.Connection = ConnectionID(rest)
	return id, nil
}

// MessageID identifies a message: its producer and a number that rises with
// every message of that producer. (ActiveMQ: MessageId)
type MessageID struct {
	// TextView is what foreign JMS providers' identifiers look like; "" in
	// nearly all messages. It is not part of the identity.
	TextView         string
	Producer         ProducerID
	ProducerSequence int64
	// BrokerSequence is given by the broker that holds the message and rises
	// in the order of arrival; 0 is none. It is not part of the identity.
	BrokerSequence int64
}

// IsZero reports whether id is null.
func (id MessageID) IsZero() bool { return id == MessageID{} }

// MessageKey is the identity of a message, comparable.
type MessageKey struct {
	Producer ProducerID
	Sequence int64
}

// Key returns the identity alone.
func (id MessageID) Key() MessageKey { return MessageKey{id.Producer, id.ProducerSequence} }

// AppendProducerKey appends "connection:session:value:sequence", the key under
// which KahaDB and the JDBC store file a message. (ActiveMQ:
// MessageId.toProducerKey)
func (id MessageID) AppendProducerKey(b []byte) []byte {
	b = id.Producer.append(b)
	b = append(b, ':')
	return strconv.AppendInt(b, id.ProducerSequence, 10)
}

// ProducerKey returns what AppendProducerKey appends.
func (id MessageID) ProducerKey() string { return string(id.AppendProducerKey(nil)) }

// String gives the JMSMessageID that a client sees. (ActiveMQ:
// MessageId.toString)
func (id MessageID) String() string {
	if id.TextView == "" {
		return id.ProducerKey()
	}
	if strings.HasPrefix(id.TextView, "ID:") {
		return id.TextView
	}
	return "ID:" + id.TextView
}

// ParseMessageID reads a producer key.
func ParseMessageID(s string) (MessageID, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return MessageID{}, fmt.Errorf("message id %q: %w", s, ErrMalformedID)
	}
	seq, err := strconv.ParseInt(s[i+1:], 10, 64)
	if err != nil {
		return MessageID{}, fmt.Errorf("message id %q: %w", s, ErrMalformedID)
	}
	producer, err := ParseProducerID(s[:i])
	if err != nil {
		return MessageID{}, fmt.Errorf("message id %q: %w", s, ErrMalformedID)
	}
	return MessageID{Producer: producer, ProducerSequence: seq}, nil
}
