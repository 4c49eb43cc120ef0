package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/openwire"
)

// link is one network connection to one broker, from the agreement on a format
// to its end. It is never used again after that.
type link struct {
	endpoint endpoint
	nc       net.Conn
	out      *outbox
	in       frames
	dec      *openwire.Decoder
	silence  time.Duration // longest that the peer may be silent, 0 for ever

	handle atomic.Pointer[handler]             // what the reader calls
	broker atomic.Pointer[openwire.BrokerInfo] // of a link that waits
	onEnd  func()                              // called after done; may be nil

	heard  atomic.Uint32 // reads so far: shows that the peer lives
	busy   atomic.Bool   // handle is at work: silence is ours
	size   int           // of the frame that handle is called with; the reader's
	done   chan struct{} // closed when both goroutines have ended and err is set
	err    error         // why the link ended; set before done is closed
	cause  chan error    // capacity 1: the first failure
	ending chan struct{} // closed when there is a cause
}

// handler is called by a link's reader with each command; an error ends the
// link.
type handler func(openwire.Header, any) error

// listener counts the reads that brought something.
type listener struct {
	r     io.Reader
	heard *atomic.Uint32
}

func (l listener) Read(b []byte) (int, error) {
	n, err := l.r.Read(b)
	if n > 0 {
		l.heard.Add(1)
	}
	return n, err
}

// openLink dials and agrees on a format. Its goroutines begin with run.
func (c *Conn) openLink(ctx context.Context, e endpoint) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, e.wire.connectTimeout)
	defer cancel()
	dial := c.target.options.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	nc, err := dial(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	e.wire.apply(nc)
	if e.wire.secure {
		raw := nc
		if nc, err = e.secure(ctx, raw, c.target.tls); err != nil {
			raw.Close()
			return nil, fmt.Errorf("%s: %w", e, err)
		}
	}
	l := &link{endpoint: e, nc: nc, done: make(chan struct{}), cause: make(chan error, 1), ending: make(chan struct{})}
	l.in = frames{r: listener{nc, &l.heard}, limit: e.wire.frameLimit()}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err = l.negotiate(e.wire)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("negotiate with %s: %w", e, err)
	}
	return l, nil
}

// negotiate exchanges WireFormatInfos and sets up what was agreed. (ActiveMQ:
// WireFormatNegotiator)
func (l *link) negotiate(w wireOptions) error {
	ours := w.info()
	if w.inactivityInitial > 0 {
		_ = l.nc.SetDeadline(time.Now().Add(w.inactivityInitial))
	}
	first, err := openwire.NewEncoder(openwire.InitialFormat()).Append(nil, openwire.Header{CommandID: 1}, ours)
	if err != nil {
		return err
	}
	if _, err := l.nc.Write(first); err != nil {
		return err
	}
	frame, err := l.in.next()
	if err != nil {
		return err
	}
	_, cmd, err := openwire.NewDecoder(openwire.InitialFormat()).Decode(frame)
	if err != nil {
		return err
	}
	theirs, ok := cmd.(*openwire.WireFormatInfo)
	if !ok {
		return fmt.Errorf("%w: %T instead of a WireFormatInfo", ErrProtocol, cmd)
	}
	format, err := openwire.Negotiate(ours, theirs)
	if err != nil {
		return err
	}
	l.out = newOutbox(openwire.NewEncoder(format))
	l.dec = openwire.NewDecoder(format)
	l.silence = time.Duration(format.MaxInactivityMS) * time.Millisecond
	if w.noInactivity {
		l.silence = 0
	}
	return l.nc.SetDeadline(time.Time{})
}

// apply sets the options of the socket.
func (o *socketOptions) apply(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	_ = tcp.SetNoDelay(o.noDelay)
	if o.keepAlive {
		_ = tcp.SetKeepAlive(true)
	}
	if o.linger >= 0 {
		_ = tcp.SetLinger(o.linger)
	}
	if o.bufferSize > 0 {
		_ = tcp.SetReadBuffer(o.bufferSize)
		_ = tcp.SetWriteBuffer(o.bufferSize)
	}
}

// frameLimit is the largest frame that is read.
func (w *wireOptions) frameLimit() int64 {
	if !w.maxFrameEnabled {
		return math.MaxInt32
	}
	return w.maxFrameSize
}

// serve has the reader call h from its next command on.
func (l *link) serve(h handler) { l.handle.Store(&h) }

// idle is the handler of a link that waits to be needed.
func (l *link) idle(h openwire.Header, cmd any) error {
	switch cmd := cmd.(type) {
	case *openwire.KeepAlive:
		if h.ResponseRequired {
			return l.out.force(openwire.Header{}, &openwire.KeepAlive{})
		}
	case *openwire.BrokerInfo:
		l.broker.Store(cmd)
	case *openwire.Shutdown:
		return io.EOF
	case *openwire.ConnectionControl:
		if cmd.Close || cmd.Exit {
			return io.EOF
		}
	}
	return nil
}

// ended reports whether the link is over.
func (l *link) ended() bool { return isDone(l.done) }

// abort ends a link that runs.
func (l *link) abort() {
	l.nc.Close()
	<-l.done
}

// run starts the reader and the writer.
func (l *link) run() {
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		l.fail(l.read())
		l.out.close()
		l.nc.Close() // the writer must not wait for a peer that is not read
	}()
	go func() {
		l.fail(l.write())
		l.out.close()
		l.nc.Close()
		<-reading
		l.err = <-l.cause
		close(l.done)
		if l.onEnd != nil {
			l.onEnd()
		}
	}()
}

// fail keeps the first reason of the link's end.
func (l *link) fail(err error) {
	select {
	case l.cause <- err:
		close(l.ending)
	default:
	}
}

func (l *link) read() (err error) {
	defer func() { // one broken frame must not end the program
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: decoder failed: %v", ErrProtocol, p)
		}
	}()
	for {
		frame, err := l.in.next()
		if err != nil {
			return err
		}
		h, cmd, err := l.dec.Decode(frame)
		if err != nil {
			return err
		}
		l.size = len(frame)
		l.busy.Store(true)
		err = (*l.handle.Load())(h, cmd)
		l.busy.Store(false)
		if err != nil {
			return err
		}
	}
}

var errSilent = errors.New("peer was silent for too long")

// write sends what the outbox holds until it is closed and empty, and watches
// both directions: it sends a KeepAlive after a third of the allowed silence
// and fails when the peer has not been heard for all of it. (ActiveMQ:
// AbstractInactivityMonitor)
func (l *link) write() error {
	var tick <-chan time.Time
	if l.silence > 0 {
		t := time.NewTicker(max(l.silence/3, time.Millisecond))
		defer t.Stop()
		tick = t.C
	}
	limit := l.silence
	if own := l.endpoint.wire.writeTimeout; own > 0 {
		limit = own
	}
	idle, silent, heard := true, 0, l.heard.Load()
	var buf []byte
	for {
		select {
		case <-l.out.ready:
		case <-tick:
			if now := l.heard.Load(); now != heard || l.busy.Load() {
				heard, silent = now, 0
			} else if silent++; silent > 3 {
				return errSilent
			}
			if idle && !l.endpoint.wire.noKeepAlive {
				if err := l.out.force(openwire.Header{}, &openwire.KeepAlive{}); err != nil {
					return err
				}
			}
			idle = true
		}
		var open bool
		if buf, open = l.out.take(buf); !open {
			return io.EOF
		}
		if len(buf) == 0 {
			continue
		}
		idle = false
		if limit > 0 {
			_ = l.nc.SetWriteDeadline(time.Now().Add(limit))
		}
		if _, err := l.nc.Write(buf); err != nil {
			return err
		}
	}
}
