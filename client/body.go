package client

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/message"
)

// ErrBody reports a message whose body is not what was asked for, or is
// malformed.
var ErrBody = errors.New("message body")

// New returns a message without a body, of properties alone. (ActiveMQ:
// ActiveMQMessage)
func New() *message.Message { return &message.Message{Body: message.Plain} }

// NewText returns a text message. (ActiveMQ: ActiveMQTextMessage)
func NewText(text string) *message.Message {
	n, _ := message.ModifiedUTF8Len(text)
	content := make([]byte, 4, 4+n)
	binary.BigEndian.PutUint32(content, uint32(n))
	return &message.Message{Body: message.Text, Content: message.AppendModifiedUTF8(content, text)}
}

// NewBytes returns a bytes message that holds b itself. (ActiveMQ:
// ActiveMQBytesMessage)
func NewBytes(b []byte) *message.Message {
	return &message.Message{Body: message.Bytes, Content: b}
}

// NewMap returns a map message of the entries, whose values are of the types
// that message.AppendValue names. (ActiveMQ: ActiveMQMapMessage)
func NewMap(entries message.Properties) (*message.Message, error) {
	content, err := message.AppendProperties(nil, entries)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return &message.Message{Body: message.Map, Content: content}, nil
}

// NewStream returns a stream message of the values, each nil, bool, int8,
// message.Char, int16, int32, int64, float32, float64, string or []byte; an int
// is taken as int64. (ActiveMQ: ActiveMQStreamMessage)
func NewStream(values ...any) (*message.Message, error) {
	content := []byte{}
	for i, v := range values {
		switch v.(type) {
		case message.Properties, []any:
			return nil, fmt.Errorf("%w: value %d: %T in a stream", ErrBody, i, v)
		}
		var err error
		if content, err = message.AppendValue(content, v); err != nil {
			return nil, fmt.Errorf("%w: value %d: %w", ErrBody, i, err)
		}
	}
	return &message.Message{Body: message.Stream, Content: content}, nil
}

// NewObject returns an object message of what Java's serialization has made.
// (ActiveMQ: ActiveMQObjectMessage)
func NewObject(serialized []byte) *message.Message {
	return &message.Message{Body: message.Object, Content: serialized}
}

// Text returns the body of a text message; a null text is "".
func Text(m *message.Message) (string, error) {
	b, err := plain(m, message.Text, "a text")
	if err != nil || len(b) == 0 {
		return "", err
	}
	if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
		return "", fmt.Errorf("%w: text shorter than its length says", ErrBody)
	}
	text, err := message.ParseModifiedUTF8(b[4 : 4+binary.BigEndian.Uint32(b)])
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBody, err)
	}
	return text, nil
}

// Bytes returns the body of a bytes message, which aliases the message unless
// it is compressed.
func Bytes(m *message.Message) ([]byte, error) { return plain(m, message.Bytes, "a bytes") }

// Map returns the entries of a map message, in their order.
func Map(m *message.Message) (message.Properties, error) {
	b, err := plain(m, message.Map, "a map")
	if err != nil {
		return nil, err
	}
	entries, err := message.ParseProperties(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return entries, nil
}

// Stream returns the values of a stream message.
func Stream(m *message.Message) ([]any, error) {
	b, err := plain(m, message.Stream, "a stream")
	var values []any
	for err == nil && len(b) > 0 {
		if len(values) == maxValues {
			return nil, fmt.Errorf("%w: more than %d values", ErrBody, maxValues)
		}
		var v any
		if v, b, err = message.ParseValue(b); err == nil {
			values = append(values, v)
		} else {
			err = fmt.Errorf("%w: %w", ErrBody, err)
		}
	}
	return values, err
}

// maxValues bounds what is read of a stream message: a value takes one byte
// there and 16 in memory.
const maxValues = 1 << 20

// Object returns the serialized bytes of an object message. Nothing is made
// from them.
func Object(m *message.Message) ([]byte, error) { return plain(m, message.Object, "an object") }
