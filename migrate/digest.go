package migrate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// digester makes digests of messages. One goroutine uses it.
type digester struct {
	codec   *openwire.Store
	scratch []byte
}

// keepScratch is the largest scratch space that is kept for the next message.
const keepScratch = 1 << 20

func newDigester() *digester { return &digester{codec: openwire.NewStore(openwire.StoreVersion)} }

// bytes is what counts of a message: as it is stored, but for the transaction
// that it was sent in, which some stores keep. It is good until the next call.
func (d *digester) bytes(m *message.Message) ([]byte, error) {
	if !m.Transaction.IsZero() || !m.OriginalTransaction.IsZero() {
		m = m.Copy()
		m.Transaction, m.OriginalTransaction = message.TransactionID{}, message.TransactionID{}
	}
	if cap(d.scratch) > keepScratch {
		d.scratch = nil
	}
	var err error
	if d.scratch, err = d.codec.AppendMessage(d.scratch[:0], m); err != nil {
		return nil, fmt.Errorf("message %s: %w", m.ID.String(), err)
	}
	return d.scratch, nil
}

// of is the digest of one stored message.
func (d *digester) of(e *store.Entry) (sum [sha256.Size]byte, err error) {
	b, err := d.bytes(e.Message)
	if err != nil {
		return sum, err
	}
	b = binary.BigEndian.AppendUint32(b, uint32(e.Redeliveries))
	d.scratch = b
	return sha256.Sum256(b), nil
}

// Account is what one side holds of a destination or subscription.
type Account struct {
	Messages int64
	Bytes    int64 // of the messages as they are stored
	Digest   string
}

// account adds up messages in their order.
type account struct {
	messages, bytes int64
	sum             hash.Hash
}

func newAccount() *account { return &account{sum: sha256.New()} }

func (a *account) add(d *digester, e *store.Entry) error {
	one, err := d.of(e)
	if err != nil {
		return err
	}
	a.messages++
	a.bytes += int64(len(d.scratch)) - 4
	a.sum.Write(one[:])
	return nil
}

func (a *account) total() Account {
	return Account{Messages: a.messages, Bytes: a.bytes, Digest: fmt.Sprintf("%x", a.sum.Sum(nil))}
}
