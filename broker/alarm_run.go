package broker

import (
	"encoding/binary"

	"github.com/conclavemq/conclave/store"
)

// alarmRun is alarms in order, each written as what it differs in from the one
// before it: uvarint of due, varint of seq, varint of size, two bytes of hash.
// What has been read is given back, a chunk at a time.
type alarmRun struct {
	head   alarm
	n      int // head included
	chunks [][]byte
	at     int // in the first chunk
}

const (
	longestRun = 65536 // alarms; longer ones would take long to merge
	runChunk   = 4096  // bytes
	// longestAlarm is how many bytes one takes at most.
	longestAlarm = 3*binary.MaxVarintLen64 + 2
)

// next moves on to the alarm after head; false if there is none.
func (r *alarmRun) next() bool {
	if r.n--; r.n == 0 {
		return false
	}
	if r.at == len(r.chunks[0]) {
		r.chunks, r.at = r.chunks[1:], 0
	}
	b := r.chunks[0][r.at:]
	due, i := binary.Uvarint(b)
	seq, j := binary.Varint(b[i:])
	size, k := binary.Varint(b[i+j:])
	end := i + j + k + 2
	r.head = alarm{
		due: r.head.due + int64(due), seq: r.head.seq + store.Seq(seq), size: uint32(int64(r.head.size) + size),
		hash: binary.BigEndian.Uint16(b[end-2:]),
	}
	r.at += end
	return true
}

// runWriter makes a run of alarms that come in order. The run may be read at
// the same time.
type runWriter struct {
	run  *alarmRun
	last alarm
}

func (w *runWriter) add(a alarm) {
	r, last := w.run, w.last
	w.last = a
	if r.n++; r.n == 1 {
		r.head = a
		return
	}
	n := len(r.chunks)
	if n == 0 || cap(r.chunks[n-1])-len(r.chunks[n-1]) < longestAlarm {
		r.chunks = append(r.chunks, make([]byte, 0, runChunk))
		n++
	}
	b := binary.AppendUvarint(r.chunks[n-1], uint64(a.due-last.due))
	b = binary.AppendVarint(b, int64(a.seq-last.seq))
	b = binary.AppendVarint(b, int64(a.size)-int64(last.size))
	r.chunks[n-1] = binary.BigEndian.AppendUint16(b, a.hash)
}

// merge writes one run of two, which it uses up.
func merge(a, b *alarmRun) runWriter {
	w := runWriter{run: &alarmRun{}}
	moreA, moreB := a.n > 0, b.n > 0
	for moreA || moreB {
		if !moreB || moreA && a.head.before(b.head) {
			w.add(a.head)
			moreA = a.next()
		} else {
			w.add(b.head)
			moreB = b.next()
		}
	}
	return w
}
