package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// entryType says which command a record holds. (ActiveMQ: KahaEntryType)
type entryType byte

const (
	entryTrace             entryType = 0
	entryAdd               entryType = 1
	entryRemove            entryType = 2
	entryPrepare           entryType = 3
	entryCommit            entryType = 4
	entryRollback          entryType = 5
	entryRemoveDestination entryType = 6
	entrySubscription      entryType = 7
	entryProducerAudit     entryType = 8
	entryAckFileMap        entryType = 9
	entryUpdate            entryType = 10
	entryRewrittenFile     entryType = 16
	lastEntryType          entryType = 16
)

// command is a decoded record. Its slices alias the record; a nil slice is an
// absent field.
type command struct {
	kind         entryType
	transaction  []byte // KahaTransactionInfo
	destination  destinationName
	id           []byte // message's producer key
	body         []byte // OpenWire message of an add or update
	ack          []byte // OpenWire acknowledgement of a removal
	subscription []byte // key
	info         []byte // OpenWire subscription
	text         []byte // of a trace
	source       uint32 // of a rewritten file
	retroactive  bool
	skipIfSource bool // of a rewritten file
	priority     int8 // of an add or update; -1 is absent
}

// destinationName is a destination whose name aliases a record.
type destinationName struct {
	kind message.Kind
	name []byte
}

// decodeCommand reads the data of a user record into c.
func decodeCommand(data []byte, c *command) error {
	*c = command{skipIfSource: true, priority: -1}
	if len(data) == 0 {
		return fmt.Errorf("%w: empty", errRecord)
	}
	c.kind = entryType(data[0])
	if c.kind > lastEntryType {
		return fmt.Errorf("%w: unknown type %d", errRecord, data[0])
	}
	size, n := binary.Uvarint(data[1:])
	if n <= 0 || size > uint64(len(data)-1-n) {
		return fmt.Errorf("%w: type %d has an impossible size", errRecord, data[0])
	}
	body := data[1+n : 1+n+int(size)]
	if err := c.fields(body); err != nil {
		return fmt.Errorf("type %d: %w", data[0], err)
	}
	if missing := c.missing(); missing != "" {
		return fmt.Errorf("%w: type %d has no %s", errRecord, data[0], missing)
	}
	return nil
}

func (c *command) fields(b []byte) (err error) {
	switch c.kind {
	case entryTrace:
		return eachField(b, func(f field) error {
			if f.tag == fieldTag(1, wireBytes) {
				c.text = f.bytes
			}
			return nil
		})
	case entryUpdate:
		return eachField(b, func(f field) error {
			if f.tag == fieldTag(1, wireBytes) {
				return eachField(f.bytes, c.addField)
			}
			return nil
		})
	case entryAdd:
		return eachField(b, c.addField)
	case entryRemove:
		return eachField(b, c.removeField)
	case entryPrepare, entryCommit, entryRollback:
		return eachField(b, func(f field) error {
			if f.tag == fieldTag(1, wireBytes) {
				c.transaction = f.bytes
			}
			return nil
		})
	case entryRemoveDestination, entrySubscription:
		return eachField(b, c.subscriptionField)
	case entryRewrittenFile:
		return eachField(b, c.rewrittenField)
	}
	return nil
}

func eachField(b []byte, visit func(field) error) error {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func (c *command) addField(f field) (err error) {
	switch f.tag {
	case fieldTag(1, wireBytes):
		c.transaction = f.bytes
	case fieldTag(2, wireBytes):
		err = c.destination.decode(f.bytes)
	case fieldTag(3, wireBytes):
		c.id = f.bytes
	case fieldTag(4, wireBytes):
		c.body = f.bytes
	case fieldTag(5, wireVarint):
		c.priority = int8(min(f.number, store.Priorities-1))
	}
	return err
}

func (c *command) removeField(f field) (err error) {
	switch f.tag {
	case fieldTag(1, wireBytes):
		c.transaction = f.bytes
	case fieldTag(2, wireBytes):
		err = c.destination.decode(f.bytes)
	case fieldTag(3, wireBytes):
		c.id = f.bytes
	case fieldTag(4, wireBytes):
		c.ack = f.bytes
	case fieldTag(5, wireBytes):
		c.subscription = f.bytes
	}
	return err
}

func (c *command) subscriptionField(f field) (err error) {
	switch f.tag {
	case fieldTag(1, wireBytes):
		err = c.destination.decode(f.bytes)
	case fieldTag(2, wireBytes):
		c.subscription = f.bytes
	case fieldTag(3, wireVarint):
		c.retroactive = f.number != 0
	case fieldTag(4, wireBytes):
		c.info = f.bytes
	}
	return err
}

func (c *command) rewrittenField(f field) error {
	switch f.tag {
	case fieldTag(1, wireVarint):
		c.source = uint32(f.number)
	case fieldTag(3, wireVarint):
		c.skipIfSource = f.number != 0
	}
	return nil
}

// missing names a required field that is absent, or returns "".
func (c *command) missing() string {
	switch c.kind {
	case entryAdd, entryUpdate, entryRemove:
		if c.destination.name == nil {
			return "destination"
		}
		if c.id == nil {
			return "message id"
		}
		if c.kind != entryRemove && c.body == nil {
			return "message"
		}
	case entryPrepare, entryCommit, entryRollback:
		if c.transaction == nil {
			return "transaction"
		}
	case entryRemoveDestination, entrySubscription:
		if c.destination.name == nil {
			return "destination"
		}
		if c.kind == entrySubscription && c.subscription == nil {
			return "subscription key"
		}
	}
	return ""
}

// decode reads a KahaDestination.
func (d *destinationName) decode(b []byte) error {
	return eachField(b, func(f field) error {
		switch f.tag {
		case fieldTag(1, wireVarint):
			if f.number > uint64(message.TempTopic) {
				return fmt.Errorf("%w: destination type %d", errRecord, f.number)
			}
			d.kind = message.Kind(f.number)
		case fieldTag(2, wireBytes):
			d.name = f.bytes
		}
		return nil
	})
}

// decodeTransaction reads a KahaTransactionInfo.
func decodeTransaction(b []byte) (id message.TransactionID, err error) {
	err = eachField(b, func(f field) error {
		switch f.tag {
		case fieldTag(1, wireBytes):
			return eachField(f.bytes, func(f field) error {
				switch f.tag {
				case fieldTag(1, wireBytes):
					id.Connection = message.ConnectionID(f.bytes)
				case fieldTag(1, wireVarint):
					id.Value = int64(f.number)
				}
				return nil
			})
		case fieldTag(2, wireBytes):
			id.XA = true
			return eachField(f.bytes, func(f field) error {
				switch f.tag {
				case fieldTag(1, wireVarint):
					id.XID.FormatID = int32(f.number)
				case fieldTag(2, wireBytes):
					id.XID.Branch = string(f.bytes)
				case fieldTag(3, wireBytes):
					id.XID.Global = string(f.bytes)
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && id.IsZero() {
		err = fmt.Errorf("%w: transaction without an id", errRecord)
	}
	return id, err
}
