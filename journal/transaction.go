package journal

import (
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// transaction is a set of operations that take effect when a later record
// commits them.
type transaction struct {
	ops []heldOp
	// content is ops as the contract has them; of a prepared transaction that
	// was recovered.
	content []store.Op
}

// heldOp is an operation that waits for its commit.
type heldOp struct {
	action       store.Action // Add, Remove or Acknowledge
	unmatched    bool
	priority     uint8 // of an Add
	destination  message.Destination
	id           identity
	subscription string
	at           location
}

// commit makes a transaction's operations happen because of a record in file.
// Adds take their seq from next.
func (x *index) commit(t *transaction, file uint32, next func(i int) uint64) (duplicates int) {
	for i := range t.ops {
		op := &t.ops[i]
		x.end(file, op.at.file)
		switch op.action {
		case store.Add:
			if !x.add(x.destination(op.destination), op.id, op.at, next(i), op.priority) {
				duplicates++
			}
		default:
			if d := x.destinations[op.destination]; d != nil {
				h := x.find(d, op.id)
				if h != 0 && op.at.file != file {
					x.belated(h)
				}
				if h != 0 && op.action == store.Remove {
					x.remove(d, h, op.at.file)
				} else if h != 0 {
					x.acknowledge(d, op.subscription, h, op.at.file)
				}
			}
		}
	}
	return duplicates
}

// prepare keeps a transaction, and the files of its operations, until its
// outcome.
func (x *index) prepare(id message.TransactionID, t *transaction, file uint32) {
	if old := x.prepared[id]; old != nil {
		x.forget(id, file)
	}
	x.prepared[id] = t
	for i := range t.ops {
		x.file(t.ops[i].at.file).pins++
		x.end(file, t.ops[i].at.file)
	}
}

// forget lets go of a prepared transaction because of a record in file.
func (x *index) forget(id message.TransactionID, file uint32) {
	t := x.prepared[id]
	if t == nil {
		return
	}
	delete(x.prepared, id)
	for i := range t.ops {
		x.file(t.ops[i].at.file).pins--
		x.end(file, t.ops[i].at.file)
	}
}
