package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// Record is a user record of a journal file, for tools. What it returns
// aliases the batch that it is part of, unless it is a string.
type Record struct {
	Offset int64 // of its head in the file
	Size   int   // bytes, head included
	// Err says why the record cannot be decoded; there is nothing else then.
	Err error
	c   command
}

// Records calls visit for the user records of a batch.
func (b *Batch) Records(visit func(*Record) error) error {
	offset, payload := b.Offset+batchHead, b.Payload
	var r Record
	for len(payload) > 0 {
		kind, record, rest, ok := nextRecord(payload)
		if !ok {
			return nil // a valid batch is tiled
		}
		if kind == userRecord {
			r.Offset, r.Size = offset, len(record)
			r.Err = decodeCommand(record[recordHead:], &r.c)
			if err := visit(&r); err != nil {
				return err
			}
		}
		offset += int64(len(record))
		payload = rest
	}
	return nil
}

// Without returns the records of a batch but those at the given offsets.
func (b *Batch) Without(offsets map[int64]bool) (records []byte) {
	offset, payload := b.Offset+batchHead, b.Payload
	for len(payload) > 0 {
		_, record, rest, ok := nextRecord(payload)
		if !ok {
			break
		}
		if !offsets[offset] {
			records = append(records, record...)
		}
		offset += int64(len(record))
		payload = rest
	}
	return records
}

// Salvage calls visit for whatever in b, which lies at offset of a file, looks
// like a user record and decodes. No checksum vouches for it.
func Salvage(b []byte, offset int64, visit func(*Record)) {
	var r Record
	for i := 0; i+recordHead < len(b); {
		size := int64(binary.BigEndian.Uint32(b[i:]))
		if b[i+4] != userRecord || size <= recordHead || size > int64(len(b)-i) || !exact(b[i+recordHead:i+int(size)]) {
			i++
			continue
		}
		r = Record{Offset: offset + int64(i), Size: int(size)}
		if r.Err = decodeCommand(b[i+recordHead:i+int(size)], &r.c); r.Err != nil {
			i++
			continue
		}
		visit(&r)
		i += int(size)
	}
}

// exact reports that data says itself how long it is, and is.
func exact(data []byte) bool {
	if len(data) < 2 || entryType(data[0]) > lastEntryType {
		return false
	}
	size, n := binary.Uvarint(data[1:])
	return n > 0 && size == uint64(len(data)-1-n)
}

var entryNames = [lastEntryType + 1]string{
	entryTrace: "trace", entryAdd: "add", entryRemove: "remove", entryPrepare: "prepare", entryCommit: "commit",
	entryRollback: "rollback", entryRemoveDestination: "remove-destination", entrySubscription: "subscription",
	entryProducerAudit: "producer-audit", entryAckFileMap: "ack-map", entryUpdate: "update", entryRewrittenFile: "rewritten-file",
}

// RecordTypes are the names that Type gives.
func RecordTypes() (names []string) {
	for _, name := range entryNames {
		if name != "" {
			names = append(names, name)
		}
	}
	return append(names, "acknowledge", "unsubscribe", "damaged")
}

// Type names what the record does.
func (r *Record) Type() string {
	switch {
	case r.Err != nil:
		return "damaged"
	case r.c.kind == entryRemove && r.c.subscription != nil:
		return "acknowledge"
	case r.c.kind == entrySubscription && r.c.info == nil:
		return "unsubscribe"
	case entryNames[r.c.kind] != "":
		return entryNames[r.c.kind]
	}
	return fmt.Sprintf("type-%d", r.c.kind)
}

// Adds reports that the record holds a message.
func (r *Record) Adds() bool {
	return r.Err == nil && (r.c.kind == entryAdd || r.c.kind == entryUpdate)
}

// Removes reports that the record takes a message away, or acknowledges it.
func (r *Record) Removes() bool { return r.Err == nil && r.c.kind == entryRemove }

// Destination is the record's; false if it has none.
func (r *Record) Destination() (message.Destination, bool) {
	if r.Err != nil || r.c.destination.name == nil {
		return message.Destination{}, false
	}
	return message.Destination{Kind: r.c.destination.kind, Name: string(r.c.destination.name)}, true
}

// MessageID is the producer key of the message that the record is about, or nil.
func (r *Record) MessageID() []byte { return r.c.id }

// Subscription is the key of the subscription that the record is about, or nil.
func (r *Record) Subscription() []byte { return r.c.subscription }

// Text is a trace's.
func (r *Record) Text() []byte { return r.c.text }

// Transaction is the one that the record belongs to or ends; zero if none.
func (r *Record) Transaction() (message.TransactionID, error) {
	if r.c.transaction == nil {
		return message.TransactionID{}, nil
	}
	return decodeTransaction(r.c.transaction)
}

// Message decodes the message that the record holds.
func (r *Record) Message(codec *openwire.Store) (*message.Message, error) {
	if !r.Adds() {
		return nil, fmt.Errorf("%w: %s holds no message", errRecord, r.Type())
	}
	return codec.Message(r.c.body)
}

// Check decodes everything that the record holds.
func (r *Record) Check(codec *openwire.Store) error {
	if r.Err != nil {
		return r.Err
	}
	if _, err := r.Transaction(); err != nil {
		return err
	}
	var err error
	switch {
	case r.Adds():
		_, err = codec.Message(r.c.body)
	case len(r.c.ack) > 0:
		_, err = codec.Ack(r.c.ack)
	case r.c.info != nil:
		_, err = codec.Subscription(r.c.info)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.Type(), err)
	}
	return nil
}

// Trace returns a copy of a trace that may be kept.
func (r *Record) Trace() Record {
	return Record{Offset: r.Offset, Size: r.Size, c: command{kind: r.c.kind, text: bytes.Clone(r.c.text)}}
}
