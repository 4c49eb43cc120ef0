package client

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	chunkSize  = 64 << 10
	prefixSize = 4
)

// frames cuts a stream into frames. Each frame is a part of a chunk that is
// never written again, so that a decoded message may alias it.
type frames struct {
	r     io.Reader
	limit int64  // largest frame, without its prefix
	chunk []byte // what was read; its capacity is free for more
	pos   int    // start of the next frame in chunk
}

// buffered says how many bytes have been read beyond the frames given out.
func (f *frames) buffered() int { return len(f.chunk) - f.pos }

// next returns the next frame without its size prefix.
func (f *frames) next() ([]byte, error) {
	if err := f.need(prefixSize); err != nil {
		return nil, err
	}
	size := int64(int32(binary.BigEndian.Uint32(f.chunk[f.pos:])))
	if size < 1 || size > f.limit {
		return nil, fmt.Errorf("%w: frame of %d bytes, limit %d", ErrProtocol, size, f.limit)
	}
	end := prefixSize + int(size)
	if err := f.need(end); err != nil {
		return nil, err
	}
	frame := f.chunk[f.pos+prefixSize : f.pos+end : f.pos+end]
	f.pos += end
	return frame, nil
}

// need reads until n bytes from pos are there.
func (f *frames) need(n int) error {
	if f.buffered() >= n {
		return nil
	}
	if f.pos+n > cap(f.chunk) {
		f.renew(n)
	}
	for f.buffered() < n {
		if len(f.chunk) == cap(f.chunk) {
			f.renew(n)
		}
		got, err := f.r.Read(f.chunk[len(f.chunk):cap(f.chunk)])
		f.chunk = f.chunk[:len(f.chunk)+got]
		if err != nil && f.buffered() < n {
			if err == io.EOF && f.buffered() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// renew goes on in a new chunk. A frame larger than a chunk is given memory as
// its bytes come, so that a size alone allocates little.
func (f *frames) renew(n int) {
	size := chunkSize
	if n > size {
		size = min(n, max(chunkSize, 4*f.buffered()))
	}
	chunk := make([]byte, f.buffered(), size)
	copy(chunk, f.chunk[f.pos:])
	f.chunk, f.pos = chunk, 0
}
