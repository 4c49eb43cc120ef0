package client

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/conclavemq/conclave/message"
)

// ErrBody reports a message whose body is not what was asked for, or is
// malformed.
var ErrBody = errors.New("message body")

// maxBody bounds what a compressed body may grow to.
const maxBody = 100 << 20

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

// Text returns the body of a text message; a null text is "".
func Text(m *message.Message) (string, error) {
	if m.Body != message.Text {
		return "", fmt.Errorf("%w: not a text message", ErrBody)
	}
	b := m.Content
	if m.Compressed {
		var err error
		if b, err = inflate(b); err != nil {
			return "", err
		}
	}
	if len(b) == 0 {
		return "", nil
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
func Bytes(m *message.Message) ([]byte, error) {
	if m.Body != message.Bytes {
		return nil, fmt.Errorf("%w: not a bytes message", ErrBody)
	}
	if !m.Compressed {
		return m.Content, nil
	}
	if len(m.Content) < 4 { // the plain length stands before the deflated bytes
		return nil, fmt.Errorf("%w: compressed bytes without their length", ErrBody)
	}
	return inflate(m.Content[4:])
}

func inflate(b []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	out, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	if len(out) > maxBody {
		return nil, fmt.Errorf("%w: grows beyond %d bytes", ErrBody, maxBody)
	}
	return out, nil
}

// Properties returns the application's properties of a message.
func Properties(m *message.Message) (message.Properties, error) {
	return message.ParseProperties(m.Properties)
}

// SetProperties replaces the application's properties of a message.
func SetProperties(m *message.Message, p message.Properties) error {
	b, err := message.AppendProperties(nil, p)
	if err != nil {
		return err
	}
	m.Properties = b
	return nil
}
