package client

import (
	"context"
	"errors"
	"sync"

	"github.com/conclavemq/conclave/openwire"
)

// errLinkDown is returned for a command that a link can no longer take.
var errLinkDown = errors.New("link down")

const (
	// outboxLimit is how many encoded bytes may wait before senders do.
	outboxLimit = 256 << 10
	// outboxKeep is the largest buffer that is kept for reuse.
	outboxKeep = 4 * outboxLimit
)

// outbox holds what was encoded and is not written yet. Senders encode into it
// under its lock; the link's writer takes all of it at once.
type outbox struct {
	ready chan struct{} // capacity 1: there is something to write, or the end

	mu     sync.Mutex
	enc    *openwire.Encoder // guarded by mu
	buf    []byte            // guarded by mu
	spare  []byte            // guarded by mu; the buffer that the writer gave back
	closed bool              // guarded by mu
	space  chan struct{}     // guarded by mu; closed when buf is taken, nil if nobody waits
}

func newOutbox(enc *openwire.Encoder) *outbox {
	return &outbox{ready: make(chan struct{}, 1), enc: enc}
}

// put encodes a command for the writer. It waits while too much is waiting
// already, until ctx ends; the command must not change before put returns and
// may afterwards. The error is errLinkDown, ctx's, or the encoder's.
func (o *outbox) put(ctx context.Context, h openwire.Header, cmd any) error {
	o.mu.Lock()
	for len(o.buf) >= outboxLimit && !o.closed {
		if o.space == nil {
			o.space = make(chan struct{})
		}
		space := o.space
		o.mu.Unlock()
		select {
		case <-space:
		case <-ctx.Done():
			return ctx.Err()
		}
		o.mu.Lock()
	}
	err := o.appendLocked(h, cmd)
	o.mu.Unlock()
	o.wake()
	return err
}

// force is put without a bound, for the few commands that must not wait.
func (o *outbox) force(h openwire.Header, cmd any) error {
	o.mu.Lock()
	err := o.appendLocked(h, cmd)
	o.mu.Unlock()
	o.wake()
	return err
}

func (o *outbox) appendLocked(h openwire.Header, cmd any) error {
	if o.closed {
		return errLinkDown
	}
	buf, err := o.enc.Append(o.buf, h, cmd)
	if err == nil {
		o.buf = buf
	}
	return err
}

func (o *outbox) wake() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take gives the writer what is waiting, and takes back the buffer that it
// wrote before. ok is false when the outbox is closed and empty.
func (o *outbox) take(written []byte) (buf []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if cap(written) > 0 && cap(written) <= outboxKeep {
		o.spare = written[:0]
	}
	if len(o.buf) == 0 {
		return nil, !o.closed
	}
	buf, o.buf, o.spare = o.buf, o.spare, nil
	if o.space != nil {
		close(o.space)
		o.space = nil
	}
	if o.closed {
		o.wake() // the writer comes once more, and finds the end
	}
	return buf, true
}

// close refuses further commands and lets the writer send what is there.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	if o.space != nil {
		close(o.space)
		o.space = nil
	}
	o.mu.Unlock()
	o.wake()
}
