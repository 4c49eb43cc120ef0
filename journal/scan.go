package journal

import (
	"bytes"
	"errors"
	"io"

	"github.com/conclavemq/conclave/journal/vfs"
)

// scanner reads the batches of one file, in order, and steps over damage.
type scanner struct {
	file   vfs.File
	length int64 // of the file, or where it is sealed
	buf    []byte
	start  int64  // offset of buf[0]
	sum    uint64 // that the last valid batch states
	damage func(offset, length int64, reason string)
	// renew, if not nil, returns the buffer of n bytes for the next read: the
	// one before is not overwritten.
	renew func(n int64) ([]byte, error)
}

const (
	scanBuffer = 1 << 20
	// maxScanBuffer is the largest buffer that is kept between batches.
	maxScanBuffer = 8 << 20
)

// scan calls batch for the payload of every valid batch, with its offset, and
// returns the offset after the last one. An error of batch ends the scan.
func (s *scanner) scan(batch func(offset int64, payload []byte) error) (end int64, err error) {
	return s.scanFrom(0, batch)
}

// scanFrom is scan that begins at offset, where a batch may begin.
func (s *scanner) scanFrom(offset int64, batch func(offset int64, payload []byte) error) (end int64, err error) {
	end = offset
	for {
		payload, state, err := s.next(offset)
		if err != nil {
			return end, err
		}
		switch state {
		case batchEnd:
			return end, nil
		case batchValid:
			if err := batch(offset+batchHead, payload); err != nil {
				return offset + batchHead + int64(len(payload)), err
			}
			offset += batchHead + int64(len(payload))
			end = offset
			continue
		}
		next, err := s.search(offset + 1)
		if err != nil {
			return end, err
		}
		if next < 0 {
			if state != batchZeros {
				s.damage(offset, s.length-offset, state.String())
			}
			return end, nil
		}
		s.damage(offset, next-offset, state.String())
		offset = next
	}
}

// batchState says what is at an offset.
type batchState uint8

const (
	batchValid batchState = iota
	batchEnd
	batchZeros // the end where no batch follows, a hole where one does
	batchNoHead
	batchBadSize
	batchBadSum
	batchBadRecords
)

func (b batchState) String() string {
	switch b {
	case batchZeros:
		return "zeros where a batch has been"
	case batchNoHead:
		return "no batch begins here"
	case batchBadSize:
		return "batch has an impossible size"
	case batchBadSum:
		return "checksum does not match"
	case batchBadRecords:
		return "record has an impossible size"
	}
	return "valid"
}

// next reads the batch at offset. The payload is valid until the next call.
func (s *scanner) next(offset int64) ([]byte, batchState, error) {
	room := s.length - offset
	head, err := s.peek(offset, min(batchHead, room))
	if err != nil {
		return nil, 0, err
	}
	if len(head) == 0 || bytes.HasPrefix(head, eofRecord) {
		return nil, batchEnd, nil
	}
	if allZero(head[:min(len(head), eofSize)]) {
		return nil, batchZeros, nil
	}
	if !bytes.HasPrefix(head, batchMagic) || len(head) < batchHead {
		return nil, batchNoHead, nil
	}
	size, sum, ok := batchPayload(head, room-batchHead)
	if !ok {
		return nil, batchBadSize, nil
	}
	b, err := s.peek(offset, batchHead+size)
	if err != nil {
		return nil, 0, err
	}
	if int64(len(b)) < batchHead+size {
		return nil, batchBadSize, nil
	}
	payload := b[batchHead:]
	if sum != 0 && sum != uint64(checksum(payload)) {
		return nil, batchBadSum, nil
	}
	if !tiled(payload) {
		return nil, batchBadRecords, nil
	}
	s.sum = sum
	return payload, batchValid, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// peek returns n bytes at offset, which the caller knows to be in the file. A
// file that is shorter yields fewer.
func (s *scanner) peek(offset, n int64) ([]byte, error) {
	if offset >= s.start && offset+n <= s.start+int64(len(s.buf)) {
		return s.buf[offset-s.start:][:n], nil
	}
	want := min(max(n, scanBuffer), s.length-offset)
	if s.renew != nil {
		b, err := s.renew(want)
		if err != nil {
			return nil, err
		}
		s.buf = b
	} else if int64(cap(s.buf)) < want || cap(s.buf) > maxScanBuffer && want <= maxScanBuffer {
		s.buf = make([]byte, want)
	}
	got, err := s.file.ReadAt(s.buf[:want], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		s.buf = s.buf[:0]
		return nil, err
	}
	s.start, s.buf = offset, s.buf[:got]
	if int64(got) < want {
		s.length = offset + int64(got)
	}
	return s.buf[:min(n, int64(got))], nil
}

// search returns the offset of the next batch head from offset on, or -1.
func (s *scanner) search(offset int64) (int64, error) {
	for offset < s.length {
		b, err := s.peek(offset, min(scanBuffer, s.length-offset))
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(b, batchMagic); i >= 0 {
			return offset + int64(i), nil
		}
		if len(b) < len(batchMagic) {
			return -1, nil
		}
		offset += int64(len(b) - len(batchMagic) + 1)
	}
	return -1, nil
}
