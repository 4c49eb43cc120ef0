package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	strangerTime = 10 * time.Second // for a peer that has not shown the scratch directory's name
	idleTime     = 5 * time.Minute  // for one that has, and checks its own host first
)

// Listen lends helpers for o.Directory to a Run on another host, one at a time,
// until one has told its verdict, which it returns. It closes the listener.
// said gets a line for people at each step.
func Listen(ctx context.Context, listener net.Listener, o Options, said func(string)) (Verdict, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Unsafe, errors.Join(err, listener.Close())
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	defer listener.Close()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return Unsafe, fmt.Errorf("wait for the other host: %w", err)
		}
		l := &lender{options: o, conn: conn}
		said("checked from " + conn.RemoteAddr().String())
		verdict, err := l.serve(ctx)
		if err == nil {
			return verdict, nil
		}
		if ctx.Err() != nil {
			return Unsafe, fmt.Errorf("wait for the other host: %w", ctx.Err())
		}
		said("the check from " + conn.RemoteAddr().String() + " did not finish: " + err.Error())
	}
}

// lender relays one connection's requests to a helper.
type lender struct {
	options Options
	conn    net.Conn
	helper  *process
	joined  bool
	sending sync.Mutex // lines are whole
}

// serve obeys until the verdict.
func (l *lender) serve(ctx context.Context) (Verdict, error) {
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	defer l.conn.Close()
	var err error
	if l.helper, err = l.options.newHelper(); err != nil {
		return Unsafe, err
	}
	defer func() { l.helper.close() }()
	lines := newLines(l.conn)
	for {
		l.extend()
		if !lines.Scan() {
			return Unsafe, errors.Join(io.ErrUnexpectedEOF, lines.Err())
		}
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return Unsafe, errors.New("it does not speak this protocol")
		}
		if r.Op == opVerdict {
			var v Verdict
			if err := v.UnmarshalText([]byte(r.Text)); err != nil {
				return Unsafe, err
			}
			return v, l.send(reply{OK: true})
		}
		if err := l.relay(ctx, &r); err != nil {
			return Unsafe, err
		}
	}
}

// extend gives the peer time for its next request.
func (l *lender) extend() {
	limit := strangerTime
	if l.joined {
		limit = idleTime
	}
	_ = l.conn.SetReadDeadline(time.Now().Add(limit)) // fails on a closed connection, as the read then does
}

// relay obeys one request, and passes on what the helper says meanwhile.
func (l *lender) relay(ctx context.Context, r *request) error {
	if !l.joined && r.Op != opJoin {
		return fmt.Errorf("%.20q before it has named the scratch directory", r.Op)
	}
	switch r.Op {
	case opKill:
		answer := reply{OK: true}
		if err := l.helper.kill(ctx); err != nil {
			answer = reply{Error: err.Error()}
		}
		return l.send(answer)
	case opCreate, opRemove:
		return fmt.Errorf("%s is not for another host", r.Op)
	case opInspect:
		r.Size = l.options.FileLength
	}
	if err := r.check(); err != nil {
		return l.send(reply{Error: err.Error()})
	}
	if err := writeLine(l.helper.in, r); err != nil {
		return fmt.Errorf("ask the helper: %w", err)
	}
	patience := r.Limit + l.options.CallTime + strangerTime // the other host gives up before
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case answer, ok := <-l.helper.lines:
			if !ok {
				return errors.New("the helper has ended")
			}
			if err := l.send(answer); err != nil {
				return err
			}
			if answer.At == "" {
				l.joined = l.joined || r.Op == opJoin && answer.OK
				return nil
			}
		case <-limit.C:
			l.helper.hung = &HangError{Call: r.Op, Time: patience}
			return l.helper.hung
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *lender) send(r reply) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.options.CallTime)) // as in extend
	return writeLine(l.conn, r)
}
