package openwire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	prefix       = 4       // bytes of a frame's size
	leastBuffer  = 1 << 10 // of a reader
	mostBuffer   = 64 << 10
	strangersCap = 64 << 10 // bytes of a frame before ConnectionInfo is accepted
	firstStep    = 1 << 20  // bytes set aside on a frame's own word
)

// errFrameSize reports a frame whose size is over the bound or negative.
var errFrameSize = errors.New("frame size")

// frameReader cuts a stream into frames. Small frames share one buffer, which
// grows with the traffic up to mostBuffer; larger ones get a buffer each, set
// aside in steps as the bytes come. Its owner is the connection's reader.
type frameReader struct {
	source io.Reader
	limit  int64 // bytes of a frame after its size
	buf    []byte
	read   int // buf[read:write] has come and was not used yet
	write  int
	torn   bool // a frame was lost half-way: what follows has no beginning
}

func newFrameReader(source io.Reader, size int) *frameReader {
	size = min(max(size, leastBuffer), mostBuffer)
	return &frameReader{source: source, limit: strangersCap, buf: make([]byte, size)}
}

// next gives the next frame without its size. The bytes are the reader's and
// stay as they are only until the next call, unless own is true: then nobody
// else has them. io.EOF is the end between two frames, io.ErrUnexpectedEOF
// that within one.
func (f *frameReader) next() (frame []byte, own bool, err error) {
	if err := f.fill(prefix); err != nil {
		if err == io.EOF && f.write > f.read {
			err = io.ErrUnexpectedEOF
		}
		return nil, false, err
	}
	size := int32(binary.BigEndian.Uint32(f.buf[f.read:]))
	if size < 0 {
		return nil, false, fmt.Errorf("%w %d is negative", errFrameSize, size)
	}
	if int64(size) > f.limit {
		return nil, false, fmt.Errorf("%w %d is larger than the allowed %d", errFrameSize, size, f.limit)
	}
	if prefix+int(size) > mostBuffer {
		frame, err = f.large(int(size))
		return frame, true, ended(err)
	}
	if err := f.fill(prefix + int(size)); err != nil {
		return nil, false, ended(err)
	}
	frame = f.buf[f.read+prefix : f.read+prefix+int(size) : f.read+prefix+int(size)]
	f.read += prefix + int(size)
	return frame, false, nil
}

// behind reports whether more has come than was used.
func (f *frameReader) behind() bool { return f.write > f.read }

func ended(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fill reads until n bytes are in the buffer; n is at most mostBuffer.
func (f *frameReader) fill(n int) error {
	if f.write-f.read >= n {
		return nil
	}
	if f.read == f.write {
		f.read, f.write = 0, 0
	}
	if f.read+n > len(f.buf) {
		f.makeRoom(n)
	}
	for f.write-f.read < n {
		got, err := f.source.Read(f.buf[f.write:])
		f.write += got
		if err != nil && f.write-f.read < n {
			return err
		}
	}
	return nil
}

// makeRoom moves what is there to the front; a buffer that traffic has filled
// or that is too small for n bytes doubles.
func (f *frameReader) makeRoom(n int) {
	full := f.write == len(f.buf)
	size := len(f.buf)
	for size < n || full && size < mostBuffer {
		size, full = 2*size, false
	}
	to := f.buf
	if size = min(size, mostBuffer); size > len(f.buf) {
		to = make([]byte, size)
	}
	f.write = copy(to, f.buf[f.read:f.write])
	f.read, f.buf = 0, to
}

// large reads a frame of size bytes into a buffer of its own. What is set
// aside is at most twice what has come, so that a size alone costs little.
func (f *frameReader) large(size int) ([]byte, error) {
	f.read += prefix
	frame := make([]byte, 0, min(size, firstStep))
	frame = append(frame, f.buf[f.read:min(f.write, f.read+size)]...)
	f.read += len(frame)
	for len(frame) < size {
		if len(frame) == cap(frame) {
			frame = slices.Grow(frame, min(len(frame), size-len(frame)))
		}
		got, err := f.source.Read(frame[len(frame):min(cap(frame), size)])
		frame = frame[:len(frame)+got]
		if err != nil && len(frame) < size {
			f.torn = true
			return nil, err
		}
	}
	return frame, nil
}
