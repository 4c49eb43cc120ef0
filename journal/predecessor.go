package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/conclavemq/conclave/store"
)

// An ActiveMQ leaves no trace of what it has delivered. Where one was the last
// master and did not stop cleanly, every message that is still there may have
// been. That it was the last shows in the journal: it writes a trace when it
// has started and its audits at every checkpoint, and files that it begins
// have no head of ours. How it ended shows in its index, which knows whether
// it was closed. (ActiveMQ: MessageDatabase.load, PageFile.unload)

// indexState says how ActiveMQ left its index.
type indexState uint8

const (
	indexAbsent indexState = iota
	indexClosed            // the last ActiveMQ stopped cleanly
	indexOpen              // it did not, or still runs
)

// indexCopy is the size of each of the two copies of the properties that the
// index begins with. (ActiveMQ: PageFile.storeMetaData)
const indexCopy = 2048

// readIndexState reads the properties of ActiveMQ's index. What is not
// certainly closed is open.
func readIndexState(o *Options) (indexState, error) {
	handle, err := o.FS.Open(filepath.Join(o.Directory, "db.data"))
	if errors.Is(err, fs.ErrNotExist) {
		return indexAbsent, nil
	}
	if err != nil {
		return indexOpen, fmt.Errorf("open ActiveMQ's index: %w", err)
	}
	defer handle.Close()
	header := make([]byte, 2*indexCopy)
	if n, _ := handle.ReadAt(header, 0); n < len(header) {
		return indexOpen, nil
	}
	closed := []byte("\ncleanShutdown=true\n")
	if bytes.Contains(header[:indexCopy], closed) && bytes.Contains(header[indexCopy:], closed) {
		return indexClosed, nil
	}
	return indexOpen, nil
}

// foreignEnd reports whether ActiveMQ wrote to the newest file: it began it,
// or r has read records of it there.
func (inv *inventory) foreignEnd(r *replayer) bool {
	last := len(inv.files) - 1
	return last >= 0 && (inv.files[last].head == nil || r.foreign == inv.files[last].number)
}

// exposeAll counts every stored message as delivered, after an ActiveMQ that
// did not stop cleanly. The records that say so go into our first file with
// its head: before there is one, what ActiveMQ wrote last is what a next
// master finds.
func (j *Journal) exposeAll(inv *inventory) {
	x, end := j.index, inv.files[len(inv.files)-1].number
	j.inaugural = nil
	exposed := 0
	for _, d := range x.destinations {
		if d.order.n == 0 {
			continue
		}
		d.exposed = max(d.exposed, store.Segment(end))
		j.inaugural = append(j.inaugural, d)
		exposed += d.order.n
	}
	j.o.Log.Warn("the last master was an ActiveMQ that did not stop cleanly; its messages count as possibly redelivered",
		"directory", j.o.Directory, "messages", exposed)
}

// inauguralBatches encodes what the first file says after its head, and notes
// in the index that file says it.
func (j *Journal) inauguralBatches(b []byte, file uint32) []byte {
	list := j.inaugural
	j.inaugural = nil
	var records []byte
	for i, d := range list {
		d.exposedFile = file
		records = appendTrace(records, exposedText(d.name, d.exposed))
		if len(records) >= j.o.MaxWriteBatchSize || i == len(list)-1 {
			b = j.appendBatch(b, records)
			records = records[:0]
		}
	}
	return b
}

// appendBatch appends records with a batch head before them.
func (j *Journal) appendBatch(b, records []byte) []byte {
	start := len(b)
	b = append(append(b, make([]byte, batchHead)...), records...)
	sum := uint32(0)
	if !j.o.NoChecksum {
		sum = checksum(records)
	}
	putBatchHead(b[start:], len(records), sum)
	return b
}
