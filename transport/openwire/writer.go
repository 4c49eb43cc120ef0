package openwire

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	codec "github.com/conclavemq/conclave/openwire"
)

const (
	flushSize  = 64 << 10      // bytes encoded before they are written
	keepBuffer = 4 * flushSize // larger ones are given back
)

// writer encodes what is queued and writes it. Its owner is the session's
// writing goroutine; the counters alone are shared.
type writer struct {
	socket  io.Writer
	direct  direct
	encoder *codec.Encoder
	buf     []byte
	answers int   // of entries encoded, which out.take has not been told of
	encoded int64 // bytes of messages in buf, as Message.Size counts them

	// writes counts beginnings and ends of writes: odd within one.
	writes atomic.Uint64

	response codec.Response // reused for each
}

func newWriter(socket io.Writer) *writer {
	return &writer{socket: socket, direct: newDirect(socket), encoder: codec.NewEncoder(codec.InitialFormat())}
}

// run writes until the queue ends or the socket fails.
func (w *writer) run(out *outbound) error {
	var batch []entry
	for {
		var ok bool
		answers, unwritten := 0, len(w.buf) > 0
		if !unwritten {
			answers, w.answers = w.answers, 0
		}
		if batch, ok = out.take(batch, answers, unwritten); !ok {
			return nil
		}
		w.encoder.Sent(time.Now().UnixMilli())
		for i := range batch {
			if err := w.encode(&batch[i]); err != nil {
				return err
			}
			if len(w.buf) >= flushSize {
				if err := w.flush(out); err != nil {
					return err
				}
			}
		}
		// What came meanwhile goes along, in the same write.
		if len(w.buf) < flushSize/2 && out.more() {
			continue
		}
		if err := w.flush(out); err != nil {
			return err
		}
	}
}

func (w *writer) encode(e *entry) error {
	if e.answers {
		w.answers++
	}
	var command any
	switch e.kind {
	case aFormat:
		w.encoder = codec.NewEncoder(*e.command.(*codec.Format))
		return nil
	case aResponse:
		w.response.CorrelationID = e.correlation
		command = &w.response
	case aDelivery:
		command = &e.delivery
		if e.delivery.Message != nil {
			w.encoded += e.delivery.Message.Size()
		}
	default:
		command = e.command
	}
	var err error
	header := codec.Header{ResponseRequired: e.kind == aRequest}
	if e.kind == aNumbered {
		header.CommandID, header.ResponseRequired = e.correlation, true
	}
	if w.buf, err = w.encoder.Append(w.buf, header, command); err != nil {
		return fmt.Errorf("encode %T: %w", command, err)
	}
	return nil
}

// errSilenced ends the writer of a silenced session.
var errSilenced = errors.New("session is silenced")

func (w *writer) flush(out *outbound) error {
	if len(w.buf) == 0 {
		return nil
	}
	if out.isClosed() {
		return errSilenced
	}
	w.writes.Add(1)
	_, err := w.socket.Write(w.buf)
	w.writes.Add(1)
	if w.encoded > 0 {
		out.written(w.encoded)
		w.encoded = 0
	}
	w.buf = w.buf[:0]
	if cap(w.buf) > keepBuffer {
		w.buf = nil
	}
	return err
}
