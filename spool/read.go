package spool

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// ErrCorrupt: what was read from the file is not what was written.
var ErrCorrupt = errors.New("spool: damaged record")

// Read gives messages from a position on, or from the first that was not
// released, until each returns false or there are no more. next is the
// position behind the message. The messages alias memory that is theirs.
func (l *List) Read(from int64, each func(m *message.Message, seq, sub uint64, next int64) bool) error {
	codec := l.s.codecs.Get().(*openwire.Store)
	defer l.s.codecs.Put(codec)
	for want := blockSize; ; {
		b, at, err := l.readAt(from, want)
		if err != nil || len(b) == 0 {
			return err
		}
		from = at
		n, size, more, err := walk(b, codec, from, each)
		if err != nil || !more {
			return err
		}
		from += int64(n)
		want = blockSize
		if n == 0 { // one record is longer than that
			if size <= len(b) {
				return fmt.Errorf("%w at %d", ErrCorrupt, from)
			}
			want = size
		}
	}
}

// walk gives the whole records in b, whose position is at, and says how many
// bytes these are. size is what the first record needs, if b is too short for
// it.
func walk(b []byte, codec *openwire.Store, at int64, each func(*message.Message, uint64, uint64, int64) bool) (n, size int, more bool, err error) {
	for n < len(b) {
		body, head := binary.Uvarint(b[n:])
		if head < 0 || body > maxRecord {
			return n, 0, false, fmt.Errorf("%w at %d", ErrCorrupt, at+int64(n))
		}
		if head == 0 || body > uint64(len(b)-n-head) {
			return n, head + int(body), true, nil
		}
		record := b[n+head : n+head+int(body)]
		n += head + int(body)
		m, seq, sub, err := parse(record, codec)
		if err != nil {
			return n, 0, false, fmt.Errorf("%w before %d: %w", ErrCorrupt, at+int64(n), err)
		}
		if !each(m, seq, sub, at+int64(n)) {
			return n, 0, false, nil
		}
	}
	return n, 0, true, nil
}

// maxRecord is more than any message has.
const maxRecord = 1 << 31

func parse(b []byte, codec *openwire.Store) (m *message.Message, seq, sub uint64, err error) {
	seq, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, 0, 0, ErrCorrupt
	}
	b = b[n:]
	if sub, n = binary.Uvarint(b); n <= 0 {
		return nil, 0, 0, ErrCorrupt
	}
	m, err = codec.Message(b[n:])
	return m, seq, sub, err
}

// piece is a part of the stream that lies in one block.
type piece struct {
	block  uint32
	offset int
	b      []byte
}

// readAt returns up to want bytes from a position on, or from the head, if
// that has passed it.
func (l *List) readAt(from int64, want int) ([]byte, int64, error) {
	for {
		b, at, pieces := l.plan(from, want)
		var err error
		for _, p := range pieces {
			if err = l.s.file.readAt(p.b, p.block, p.offset); err != nil {
				break
			}
		}
		l.mu.Lock()
		passed, closed := l.head > at, l.closed
		l.mu.Unlock()
		switch {
		case closed:
			return nil, at, nil
		case passed: // the blocks may be others' by now
			from = at
		default:
			return b, at, err
		}
	}
}

// plan says where to read, and fills in what is in memory.
func (l *List) plan(from int64, want int) (b []byte, at int64, pieces []piece) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at = max(from, l.head)
	b = make([]byte, max(0, min(int64(want), l.endLocked()-at)))
	rest, pos := b, at
	for len(rest) > 0 && pos < l.written {
		i, offset := int((pos-l.base)/blockSize), int((pos-l.base)%blockSize)
		n := int(min(int64(min(len(rest), blockSize-offset)), l.written-pos))
		pieces = append(pieces, piece{l.chain[i], offset, rest[:n]})
		rest, pos = rest[n:], pos+int64(n)
	}
	if len(rest) > 0 {
		copy(rest, l.tail[pos-l.written:])
	}
	return b, at, pieces
}
