package journal

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

// Layout of a file; FORMAT.md has the whole of it. (ActiveMQ: Journal)
const (
	recordHead    = 5 // int32 size, which counts the head, and a type
	userRecord    = 1
	controlRecord = 2
	batchHead     = 28
	eofSize       = 5
	batchLength   = 16 // offset of the payload's length in a batch head
	batchSum      = 20 // offset of its Adler-32, int64
)

var (
	batchMagic = []byte("\x00\x00\x00\x1c\x02WRITE BATCH")
	eofRecord  = []byte("-qMa4")
)

// putBatchHead writes the control record of a payload into b.
func putBatchHead(b []byte, payload int, sum uint32) {
	copy(b, batchMagic)
	binary.BigEndian.PutUint32(b[batchLength:], uint32(payload))
	binary.BigEndian.PutUint64(b[batchSum:], uint64(sum))
}

// batchPayload reads a control record; ok is false if b does not begin with
// one whose payload fits into room bytes. No batch is empty.
func batchPayload(b []byte, room int64) (size int64, sum uint64, ok bool) {
	if len(b) < batchHead || !bytes.HasPrefix(b, batchMagic) {
		return 0, 0, false
	}
	size = int64(int32(binary.BigEndian.Uint32(b[batchLength:])))
	return size, binary.BigEndian.Uint64(b[batchSum:]), size > 0 && size <= room
}

// putRecordHead writes the head of a user record of size bytes, head
// included.
func putRecordHead(b []byte, size int) {
	binary.BigEndian.PutUint32(b, uint32(size))
	b[4] = userRecord
}

// nextRecord splits the first record off a payload. ok is false if its size
// is impossible.
func nextRecord(payload []byte) (kind byte, record, rest []byte, ok bool) {
	if len(payload) < recordHead {
		return 0, nil, nil, false
	}
	size := int64(int32(binary.BigEndian.Uint32(payload)))
	if size < recordHead || size > int64(len(payload)) {
		return 0, nil, nil, false
	}
	return payload[4], payload[:size], payload[size:], true
}

// tiled reports whether records fill a payload exactly.
func tiled(payload []byte) bool {
	for len(payload) > 0 {
		var ok bool
		if _, _, payload, ok = nextRecord(payload); !ok {
			return false
		}
	}
	return true
}

// fileName is the name of journal file n.
func fileName(n uint32) string { return "db-" + strconv.FormatUint(uint64(n), 10) + ".log" }

// fileNumber reads the name of a journal file. (ActiveMQ ignores names that
// are not a decimal number between prefix and suffix.)
func fileNumber(name string) (uint32, bool) {
	digits, ok := strings.CutPrefix(name, "db-")
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, ".log"); !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || fileName(uint32(n)) != name {
		return 0, false
	}
	return uint32(n), true
}
