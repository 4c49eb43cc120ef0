package client

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/conclavemq/conclave/message"
)

// maxBody bounds what a compressed body may grow to.
const maxBody = 100 << 20

// Compress deflates a message's body in place, as Options.Compression does with
// every message; one that is compressed, or has none, stays as it is.
// (ActiveMQ: useCompression)
func Compress(m *message.Message) error {
	if m.Compressed || m.Content == nil || m.Body == message.Plain || m.Body == message.Blob {
		return nil
	}
	var out bytes.Buffer
	if m.Body == message.Bytes { // the plain length stands before the deflated bytes
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(m.Content)))
		out.Write(size[:])
	}
	w := zlib.NewWriter(&out)
	if _, err := w.Write(m.Content); err != nil {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	m.Content, m.Compressed = out.Bytes(), true
	return nil
}

// plain is the body of a message of that kind without its compression. It
// aliases the message unless it is compressed.
func plain(m *message.Message, kind message.Body, name string) ([]byte, error) {
	if m.Body != kind {
		return nil, fmt.Errorf("%w: not %s message", ErrBody, name)
	}
	if !m.Compressed || len(m.Content) == 0 {
		return m.Content, nil
	}
	if kind != message.Bytes {
		return inflate(m.Content)
	}
	if len(m.Content) < 4 {
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
