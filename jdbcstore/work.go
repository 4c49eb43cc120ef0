package jdbcstore

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// work is what the store knows of a unit from Append to Done.
type work struct {
	stage  atomic.Int32
	size   int64
	adds   bool     // needs space for new messages
	data   [][]byte // of each Op: the stored form of its message
	one    [1][]byte
	buf    *[]byte // what data lies in; back in the pool after Done
	branch *branch // that the unit prepares or ends
	err    error   // for Done; the unit has no effect
}

// Stages of a unit. Who moves it on from waiting owns it: the committer to
// taken, Cancel to cancelled.
const (
	waiting int32 = iota
	taken
	cancelled
)

const (
	// maxMessage is the largest stored form of a message: PostgreSQL takes a
	// parameter, and keeps a value, of less than 1 GiB.
	maxMessage = 512 << 20
	// maxUnit bounds the bytes of a unit, which go into one parameter.
	maxUnit = 768 << 20
	// opCost is what an operation without a message counts in a batch.
	opCost = 100
	// maxPooled is the largest buffer that is kept for the next unit.
	maxPooled = 1 << 20
)

var (
	codecs  = sync.Pool{New: func() any { return openwire.NewStore(openwire.StoreVersion) }}
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}
)

func (w *work) release() {
	if w.buf != nil && cap(*w.buf) <= maxPooled {
		*w.buf = (*w.buf)[:0]
		buffers.Put(w.buf)
	}
	w.buf, w.data, w.one[0] = nil, nil, nil
}

// encode makes the work of u on the caller's goroutine.
func (s *Store) encode(u *store.Unit) *work {
	w := &work{}
	if len(u.Ops) == 1 {
		w.data = w.one[:]
	} else {
		w.data = make([][]byte, len(u.Ops))
	}
	for i := range u.Ops {
		if w.err = s.encodeOp(w, i, &u.Ops[i]); w.err != nil {
			return w
		}
		if w.size += opCost + int64(len(w.data[i])); w.size > maxUnit {
			w.err = fmt.Errorf("unit of more than %d bytes: %w", maxUnit, store.ErrTooLarge)
			return w
		}
	}
	return w
}

func (s *Store) encodeOp(w *work, i int, op *store.Op) error {
	if err := s.limits.check(op); err != nil {
		return err
	}
	if op.Action != store.Add && op.Action != store.Update {
		return nil
	}
	w.adds = true
	if w.buf == nil {
		w.buf = buffers.Get().(*[]byte)
	}
	codec := codecs.Get().(*openwire.Store)
	defer codecs.Put(codec)
	start := len(*w.buf)
	b, err := codec.AppendMessage(*w.buf, op.Message)
	if err != nil {
		return fmt.Errorf("encode message %s: %w", op.Message.ID.String(), err)
	}
	*w.buf = b
	if len(b)-start > maxMessage {
		return fmt.Errorf("message %s of %d bytes: %w", op.Message.ID.String(), len(b)-start, store.ErrTooLarge)
	}
	w.data[i] = b[start:len(b):len(b)]
	return nil
}

// limits are what the columns hold, in characters.
type limits struct{ container, producer, text int }

// check refuses what a column cannot hold, so that it does not spoil a
// transaction of many units.
func (l *limits) check(op *store.Op) error {
	if err := fits("destination", op.Destination.Name, l.container-len("temp-queue://")); err != nil {
		return err
	}
	switch op.Action {
	case store.Add:
		return fits("producer id", string(op.Message.ID.Producer.Connection), l.producer-42)
	case store.AddSubscription:
		for _, v := range []struct{ what, text string }{
			{"client id", op.Info.ClientID}, {"subscription name", op.Info.Name},
			{"selector", op.Info.Selector}, {"destination", op.Info.SubscribedDestination.String()},
		} {
			if err := fits(v.what, v.text, l.text); err != nil {
				return err
			}
		}
	}
	return nil
}

func fits(what, text string, most int) error {
	if len(text) > most && utf8.RuneCountInString(text) > most {
		return fmt.Errorf("%s of more than %d characters: %w", what, most, store.ErrTooLarge)
	}
	if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return fmt.Errorf("%s %q: %w", what, text, errText)
	}
	return nil
}

// subscriptionName is the client and the name of a key "client:name" that no
// subscription of ours has.
func subscriptionName(key string) (client, name string) {
	client, name, _ = strings.Cut(key, ":")
	return client, name
}

func producerName(id message.ProducerID) string { return id.String() }
