package spool

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// List is a first-in, first-out list of messages. Positions in it are bytes of
// the stream of its records, from 0; they only rise.
type List struct {
	s *Spool

	mu       sync.Mutex
	chain    []uint32 // mu; blocks of the stream from base on
	base     int64    // mu; where the first block begins
	head     int64    // mu; what is before it was released
	written  int64    // mu; what is before it is in the file
	tail     []byte   // mu; what is not
	buffered bool     // mu; counted in Spool.buffers
	closed   bool     // mu
}

// Append puts a message at the end. seq and sub are the caller's, to be given
// back by Read. The error is that of a message that cannot be encoded.
func (l *List) Append(m *message.Message, seq, sub uint64) error {
	codec := l.s.codecs.Get().(*openwire.Store)
	defer l.s.codecs.Put(codec)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.bufferLocked()
	before := len(l.tail)
	b, err := appendRecord(l.tail, codec, m, seq, sub)
	if err != nil {
		l.tail = l.tail[:before]
		return fmt.Errorf("spool message %s: %w", m.ID.String(), err)
	}
	l.tail = b
	if len(l.tail) >= blockSize || !l.buffered {
		l.flushLocked()
	}
	return nil
}

// headroom is the longest record head: three varints.
const headroom = 3 * binary.MaxVarintLen64

func appendRecord(b []byte, codec *openwire.Store, m *message.Message, seq, sub uint64) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, headroom)...)
	b, err := codec.AppendMessage(b, m)
	if err != nil {
		return b, err
	}
	var head [headroom]byte
	keys := binary.AppendUvarint(head[:0], seq)
	keys = binary.AppendUvarint(keys, sub)
	size := len(b) - start - headroom
	n := copy(b[start:], binary.AppendUvarint(nil, uint64(len(keys)+size)))
	n += copy(b[start+n:], keys)
	copy(b[start+n:], b[start+headroom:])
	return b[:start+n+size], nil
}

// bufferLocked asks for the right to write by the block.
func (l *List) bufferLocked() {
	if l.buffered {
		return
	}
	if l.s.buffers.Add(1) > maxBuffers {
		l.s.buffers.Add(-1)
		return
	}
	l.buffered = true
}

func (l *List) unbufferLocked() {
	l.tail = nil
	if l.buffered {
		l.buffered = false
		l.s.buffers.Add(-1)
	}
}

// flushLocked writes the tail, as far as that works.
func (l *List) flushLocked() {
	done := 0
	for done < len(l.tail) {
		n, err := l.writeLocked(l.tail[done:])
		if err != nil {
			l.s.failed(err)
			break
		}
		done += n
	}
	if done == len(l.tail) {
		l.s.stuck.Store(0)
	}
	rest := copy(l.tail, l.tail[done:])
	if l.tail = l.tail[:rest]; cap(l.tail) > 2*blockSize && rest < blockSize {
		l.tail = append(make([]byte, 0, rest), l.tail...)
	}
}

// writeLocked writes as much of b as goes into one block.
func (l *List) writeLocked(b []byte) (int, error) {
	at := l.written - l.base
	i, offset := int(at/blockSize), int(at%blockSize)
	if i == len(l.chain) {
		block, err := l.s.file.take()
		if err != nil {
			return 0, err
		}
		l.chain = append(l.chain, block)
		l.s.blocks.Add(1)
	}
	n := min(len(b), blockSize-offset)
	if err := l.s.file.writeAt(b[:n], l.chain[i], offset); err != nil {
		return 0, err
	}
	l.written += int64(n)
	return n, nil
}

// End is the position behind the last message.
func (l *List) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endLocked()
}

func (l *List) endLocked() int64 { return l.written + int64(len(l.tail)) }

// Release takes away what is before a position that Read has given.
func (l *List) Release(to int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = max(l.head, min(to, l.endLocked()))
	if l.head == l.endLocked() {
		l.emptyLocked()
		return
	}
	n := min(int(max(min(l.head, l.written)-l.base, 0)/blockSize), len(l.chain))
	l.giveLocked(n)
	l.base += int64(n) * blockSize
}

// emptyLocked takes all away; the stream goes on at its end.
func (l *List) emptyLocked() {
	end := l.endLocked()
	l.giveLocked(len(l.chain))
	l.unbufferLocked()
	l.chain, l.base, l.head, l.written = nil, end, end, end
}

func (l *List) giveLocked(n int) {
	if n == 0 {
		return
	}
	l.s.file.give(l.chain[:n])
	l.s.blocks.Add(int64(-n))
	l.chain = l.chain[n:]
}

// Close takes all away, for good.
func (l *List) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.emptyLocked()
}
