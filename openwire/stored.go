package openwire

import (
	"encoding/binary"
	"fmt"

	"github.com/conclavemq/conclave/message"
)

// What KahaDB and the JDBC store keep are frames with their size prefix,
// loose and uncached, of version 11. (ActiveMQ: KahaDBStore.wireFormat)

// Store encodes and decodes stored objects. It is used by one goroutine at a
// time.
type Store struct {
	enc *Encoder
	dec *Decoder
}

// NewStore returns a codec of stored objects. The version is StoreVersion but
// for stores that older brokers wrote.
func NewStore(version int) *Store {
	f := StoreFormat()
	f.Version = version
	return &Store{enc: NewEncoder(f), dec: NewDecoder(f)}
}

// AppendMessage appends a message as it is stored.
func (s *Store) AppendMessage(dst []byte, m *message.Message) ([]byte, error) {
	return s.enc.Append(dst, Header{}, m)
}

// AppendAck appends an acknowledgement as it is stored.
func (s *Store) AppendAck(dst []byte, a *message.Ack) ([]byte, error) {
	return s.enc.Append(dst, Header{}, a)
}

// AppendSubscription appends a durable subscription as it is stored.
func (s *Store) AppendSubscription(dst []byte, info *message.SubscriptionInfo) ([]byte, error) {
	return s.enc.Append(dst, Header{}, info)
}

// Message reads a stored message; its byte slices alias b. Bytes after it are
// ignored.
func (s *Store) Message(b []byte) (*message.Message, error) { return stored[message.Message](s, b) }

// Ack reads a stored acknowledgement.
func (s *Store) Ack(b []byte) (*message.Ack, error) { return stored[message.Ack](s, b) }

// Subscription reads a stored durable subscription.
func (s *Store) Subscription(b []byte) (*message.SubscriptionInfo, error) {
	return stored[message.SubscriptionInfo](s, b)
}

func stored[T any](s *Store, b []byte) (*T, error) {
	if len(b) < 4 {
		return nil, &FrameError{Detail: "no size prefix", Err: ErrTruncated}
	}
	size := int64(int32(binary.BigEndian.Uint32(b)))
	if size < 0 || size > int64(len(b)-4) {
		return nil, &FrameError{Detail: "size prefix beyond the end", Err: ErrTruncated}
	}
	_, v, _, err := s.dec.decode(b[4 : 4+size])
	if err != nil {
		return nil, err
	}
	t, ok := v.(*T)
	if !ok {
		return nil, fmt.Errorf("stored %T: %w", v, &FrameError{Detail: "another object than expected", Err: ErrMalformed})
	}
	return t, nil
}
