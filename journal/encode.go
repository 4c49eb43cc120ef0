package journal

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// encoder turns operations into records. One goroutine uses it at a time.
type encoder struct {
	codec       *openwire.Store
	scratch     []byte // an encoded message, acknowledgement or subscription
	id          []byte // a producer key
	transaction []byte // KahaTransactionInfo of the current unit, or empty
}

// maxScratch is the largest scratch space that is kept for the next unit.
const maxScratch = 1 << 20

var encoders = sync.Pool{New: func() any {
	return &encoder{codec: openwire.NewStore(openwire.StoreVersion)}
}}

func (e *encoder) release() {
	if cap(e.scratch) <= maxScratch {
		encoders.Put(e)
	}
}

// unit appends the records of u: one for each operation, and one that ends
// its transaction.
func (e *encoder) unit(b []byte, u *store.Unit) ([]byte, error) {
	e.transaction = e.transaction[:0]
	if u.Outcome != store.None {
		e.transaction = appendTransaction(e.transaction, u.Transaction)
	}
	var err error
	for i := range u.Ops {
		if b, err = e.op(b, &u.Ops[i], u); err != nil {
			return b, err
		}
		if len(b) > maxRecord {
			return b, fmt.Errorf("unit of more than %d bytes: %w", maxRecord, store.ErrTooLarge)
		}
	}
	switch u.Outcome {
	case store.Prepare:
		b = e.end(b, entryPrepare)
	case store.Commit:
		b = e.end(b, entryCommit)
	case store.Rollback:
		b = e.end(b, entryRollback)
	}
	return b, nil
}

func (e *encoder) op(b []byte, op *store.Op, u *store.Unit) ([]byte, error) {
	switch op.Action {
	case store.Add:
		return e.add(b, op)
	case store.Update:
		return e.update(b, op)
	case store.Remove, store.Acknowledge:
		return e.remove(b, op, u)
	case store.AddSubscription:
		return e.addSubscription(b, op.Destination, op.Info, op.Retroactive)
	case store.RemoveSubscription:
		size := destinationFieldSize(op.Destination) + bytesSize(len(op.Subscription))
		b = appendCommandHead(b, entrySubscription, size)
		b = appendDestination(b, 1, op.Destination)
		return appendBytesField(b, 2, op.Subscription), nil
	case store.RemoveDestination:
		b = appendCommandHead(b, entryRemoveDestination, destinationFieldSize(op.Destination))
		return appendDestination(b, 1, op.Destination), nil
	case store.Expose:
		return appendTrace(b, exposedText(op.Destination, op.Segment)), nil
	case store.Recount:
		return appendTrace(b, redeliveredText(op.Destination, &op.ID, op.Redeliveries)), nil
	}
	return b, fmt.Errorf("journal: unknown operation %d", op.Action)
}

// addBody is the size of a KahaAddMessageCommand whose message is in scratch
// and whose id is in id.
func (e *encoder) addBody(op *store.Op) int {
	size := destinationFieldSize(op.Destination) + bytesSize(len(e.id)) + bytesSize(len(e.scratch)) + 2
	if op.Prioritized {
		size += 2
	}
	if len(e.transaction) > 0 {
		size += bytesSize(len(e.transaction))
	}
	return size
}

func (e *encoder) appendAddBody(b []byte, op *store.Op) []byte {
	if len(e.transaction) > 0 {
		b = appendBytesField(b, 1, e.transaction)
	}
	b = appendDestination(b, 2, op.Destination)
	b = appendBytesField(b, 3, e.id)
	b = appendBytesField(b, 4, e.scratch)
	b = appendVarintField(b, 5, uint64(op.Message.Priority&0x7f))
	if op.Prioritized {
		b = appendVarintField(b, 6, 1)
	}
	return b
}

func (e *encoder) message(op *store.Op) (err error) {
	if e.scratch, err = e.codec.AppendMessage(e.scratch[:0], op.Message); err != nil {
		return fmt.Errorf("encode message %s: %w", op.Message.ID.String(), err)
	}
	if len(e.scratch) > maxRecord {
		return fmt.Errorf("message of %d bytes: %w", len(e.scratch), store.ErrTooLarge)
	}
	e.id = op.Message.ID.AppendProducerKey(e.id[:0])
	return nil
}

func (e *encoder) add(b []byte, op *store.Op) ([]byte, error) {
	if err := e.message(op); err != nil {
		return b, err
	}
	b = appendCommandHead(b, entryAdd, e.addBody(op))
	return e.appendAddBody(b, op), nil
}

// update is an add within a KahaUpdateMessageCommand; it belongs to no
// transaction.
func (e *encoder) update(b []byte, op *store.Op) ([]byte, error) {
	if err := e.message(op); err != nil {
		return b, err
	}
	transaction := e.transaction
	e.transaction = transaction[:0]
	size := e.addBody(op)
	b = appendCommandHead(b, entryUpdate, bytesSize(size))
	b = e.appendAddBody(appendBytesTag(b, 1, size), op)
	e.transaction = transaction
	return b, nil
}

func (e *encoder) remove(b []byte, op *store.Op, u *store.Unit) ([]byte, error) {
	e.id = op.ID.AppendProducerKey(e.id[:0])
	e.scratch = e.scratch[:0]
	withAck := op.Unmatched
	if u.Outcome == store.Prepare && !op.Unmatched {
		// ActiveMQ reads the acknowledgements of prepared transactions back.
		withAck = true
		ack := message.Ack{Type: message.IndividualAck, Count: 1, Destination: op.Destination,
			Transaction: u.Transaction, First: op.ID, Last: op.ID}
		var err error
		if e.scratch, err = e.codec.AppendAck(e.scratch, &ack); err != nil {
			return b, fmt.Errorf("encode acknowledgement of %s: %w", op.ID.String(), err)
		}
	}
	size := destinationFieldSize(op.Destination) + bytesSize(len(e.id))
	if len(e.transaction) > 0 {
		size += bytesSize(len(e.transaction))
	}
	if withAck {
		size += bytesSize(len(e.scratch))
	}
	if op.Action == store.Acknowledge {
		size += bytesSize(len(op.Subscription))
	}
	b = appendCommandHead(b, entryRemove, size)
	if len(e.transaction) > 0 {
		b = appendBytesField(b, 1, e.transaction)
	}
	b = appendDestination(b, 2, op.Destination)
	b = appendBytesField(b, 3, e.id)
	if withAck {
		b = appendBytesField(b, 4, e.scratch)
	}
	if op.Action == store.Acknowledge {
		b = appendBytesField(b, 5, op.Subscription)
	}
	return b, nil
}

func (e *encoder) addSubscription(b []byte, dest message.Destination, info *message.SubscriptionInfo, retroactive bool) ([]byte, error) {
	var err error
	if e.scratch, err = e.codec.AppendSubscription(e.scratch[:0], info); err != nil {
		return b, fmt.Errorf("encode subscription %s: %w", info.Key(), err)
	}
	key := info.Key()
	b = appendCommandHead(b, entrySubscription,
		destinationFieldSize(dest)+bytesSize(len(key))+2+bytesSize(len(e.scratch)))
	b = appendDestination(b, 1, dest)
	b = appendBytesField(b, 2, key)
	flag := uint64(0)
	if retroactive {
		flag = 1
	}
	b = appendVarintField(b, 3, flag)
	return appendBytesField(b, 4, e.scratch), nil
}

func (e *encoder) end(b []byte, kind entryType) []byte {
	b = appendCommandHead(b, kind, bytesSize(len(e.transaction)))
	return appendBytesField(b, 1, e.transaction)
}

// appendCommandHead appends what precedes the body of a command: the record's
// head, the type, and the size of the body.
func appendCommandHead(b []byte, kind entryType, body int) []byte {
	var head [recordHead]byte
	putRecordHead(head[:], recordHead+1+varintSize(uint64(body))+body)
	b = append(b, head[:]...)
	b = append(b, byte(kind))
	return binary.AppendUvarint(b, uint64(body))
}

func appendTrace(b []byte, text string) []byte {
	b = appendCommandHead(b, entryTrace, bytesSize(len(text)))
	return appendBytesField(b, 1, text)
}

func destinationSize(d message.Destination) int { return 2 + bytesSize(len(d.Name)) }

func destinationFieldSize(d message.Destination) int { return bytesSize(destinationSize(d)) }

func appendDestination(b []byte, number int, d message.Destination) []byte {
	b = appendBytesTag(b, number, destinationSize(d))
	b = appendVarintField(b, 1, uint64(d.Kind))
	return appendBytesField(b, 2, d.Name)
}

// appendTransaction appends a KahaTransactionInfo.
func appendTransaction(b []byte, id message.TransactionID) []byte {
	if id.XA {
		format := uint64(int64(id.XID.FormatID))
		size := 1 + varintSize(format) + bytesSize(len(id.XID.Branch)) + bytesSize(len(id.XID.Global))
		b = appendBytesTag(b, 2, size)
		b = appendVarintField(b, 1, format)
		b = appendBytesField(b, 2, id.XID.Branch)
		return appendBytesField(b, 3, id.XID.Global)
	}
	size := bytesSize(len(id.Connection)) + 1 + varintSize(uint64(id.Value))
	b = appendBytesTag(b, 1, size)
	b = appendBytesField(b, 1, id.Connection)
	return appendVarintField(b, 1, uint64(id.Value))
}
