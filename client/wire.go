package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// Wire is one network connection to one broker on which the caller speaks the
// protocol himself, from the agreement on a format on: what a bridge needs,
// which is a client and a broker at once. Nothing is restored when it is lost.
type Wire struct {
	conn   *Conn // holds the target; never announced
	link   *link
	ids    atomic.Int32
	handle func(openwire.Header, any) error

	mu      sync.Mutex
	pending map[int32]func(any, error) // guarded by mu; nil after the end
}

// DialWire connects to the first broker of a URL, "tcp://host:port?options" or
// "failover:(tcp://a,tcp://b)?options", that answers. All are tried once, in
// their order with randomize=false. Options counts for the format and Log
// alone. Nothing is read before Run.
func DialWire(ctx context.Context, url string, opts Options) (*Wire, error) {
	t, err := parseURL(url, opts)
	if err != nil {
		return nil, err
	}
	w := &Wire{conn: &Conn{target: t}, pending: map[int32]func(any, error){}}
	list := slices.Clone(t.endpoints)
	if t.failover != nil && t.failover.randomize {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	for _, e := range list {
		if w.link, err = w.conn.openLink(ctx, e); err == nil {
			return w, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// CheckURL reports what is wrong with a URL that DialWire would not take.
func CheckURL(url string) error {
	_, err := parseURL(url, Options{})
	return err
}

// Run begins to read. handle is called with each command that answers none, by
// one goroutine; it may keep the command. Nothing is read while it is at work.
// An error from it ends the wire.
func (w *Wire) Run(handle func(openwire.Header, any) error) {
	w.handle = handle
	w.link.serve(w.receive)
	w.link.run()
	go w.settle()
}

// settle fails what waits for an answer when the wire has ended.
func (w *Wire) settle() {
	<-w.link.done
	w.mu.Lock()
	pending := w.pending
	w.pending = nil
	w.mu.Unlock()
	err := fmt.Errorf("%w: %w", ErrConnectionLost, w.link.err)
	for _, done := range pending {
		done(nil, err)
	}
}

func (w *Wire) receive(h openwire.Header, cmd any) error {
	switch cmd := cmd.(type) {
	case *openwire.Response:
		w.respond(cmd.CorrelationID, nil, nil)
	case *openwire.ExceptionResponse:
		w.respond(cmd.CorrelationID, nil, remoteError(cmd.Exception))
	case *openwire.DataResponse:
		w.respond(cmd.CorrelationID, cmd, nil)
	case *openwire.DataArrayResponse:
		w.respond(cmd.CorrelationID, cmd, nil)
	case *openwire.IntegerResponse:
		w.respond(cmd.CorrelationID, cmd, nil)
	case *openwire.KeepAlive:
		if h.ResponseRequired {
			return w.link.out.force(openwire.Header{}, &openwire.KeepAlive{})
		}
	case *openwire.WireFormatInfo:
	case *openwire.ConnectionError:
		return remoteError(cmd.Exception)
	default:
		return w.handle(h, cmd)
	}
	return nil
}

func (w *Wire) respond(id int32, result any, err error) {
	w.mu.Lock()
	done := w.pending[id]
	delete(w.pending, id)
	w.mu.Unlock()
	if done != nil {
		done(result, err)
	}
}

// Request sends a command and returns; done is called once with the answer, by
// the reader, or when the wire has ended. It must not block. After an error
// done is not called. Request waits while too much is not written yet.
func (w *Wire) Request(ctx context.Context, cmd any, done func(result any, err error)) error {
	id := w.ids.Add(1)
	w.mu.Lock()
	if w.pending == nil {
		w.mu.Unlock()
		return ErrConnectionLost
	}
	w.pending[id] = done
	w.mu.Unlock()
	err := w.link.out.put(ctx, openwire.Header{CommandID: id, ResponseRequired: true}, cmd)
	if err == nil {
		return nil
	}
	w.mu.Lock()
	_, mine := w.pending[id]
	delete(w.pending, id)
	w.mu.Unlock()
	if !mine {
		return nil // it was answered with the wire's end
	}
	return lost(err)
}

func lost(err error) error {
	if err == errLinkDown {
		return ErrConnectionLost
	}
	return err
}

// Post sends a command that has no answer. It waits while too much is not
// written yet.
func (w *Wire) Post(ctx context.Context, cmd any) error {
	return lost(w.link.out.put(ctx, openwire.Header{CommandID: w.ids.Add(1)}, cmd))
}

// Push is Post for a caller that must not wait.
func (w *Wire) Push(cmd any) error {
	return lost(w.link.out.force(openwire.Header{CommandID: w.ids.Add(1)}, cmd))
}

// Version is the agreed version of OpenWire.
func (w *Wire) Version() int32 { return int32(w.link.dec.Format().Version) }

// Endpoint is the broker's address, "tcp://host:port".
func (w *Wire) Endpoint() string { return w.link.endpoint.String() }

// Size is how many bytes the command took that handle is called with. It is for
// handle alone.
func (w *Wire) Size() int { return w.link.size }

// Ending is closed when the wire is broken, or closed by either side, and ends as
// soon as handle has returned.
func (w *Wire) Ending() <-chan struct{} { return w.link.ending }

// Done is closed when the wire has ended; Err then says why.
func (w *Wire) Done() <-chan struct{} { return w.link.done }

// Err is why the wire has ended.
func (w *Wire) Err() error {
	<-w.link.done
	return w.link.err
}

// Abort resets the wire without another byte. It does not wait.
func (w *Wire) Abort() {
	if tcp, ok := w.link.nc.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	w.link.nc.Close()
}

// Close writes what is queued, if the peer takes it, and ends the wire. It
// waits for its goroutines, unless the wire was never Run.
func (w *Wire) Close() {
	if w.handle == nil {
		w.link.nc.Close()
		return
	}
	w.link.out.close()
	_ = w.link.nc.SetWriteDeadline(time.Now().Add(leaveTime))
	<-w.link.done
}
