package client

import (
	"context"
	"slices"

	"github.com/conclavemq/conclave/openwire"
)

// answer is what a request ended with.
type answer struct {
	result any // the response command, nil for a plain one
	err    error
}

// request is a command that waits for the broker's response.
type request struct {
	id     int32
	cmd    any         // sent again after failover
	ch     chan answer // capacity 1; nil where notify is set
	notify func(error) // called once, from the reader; never blocks
	// accepted is called with conn.mu when the broker has said yes: what it notes
	// is there before another link can be made. May be nil.
	accepted func()
}

func (r *request) finish(a answer) {
	if r.notify != nil {
		r.notify(a.err)
		return
	}
	r.ch <- a
}

// call sends a command and waits for the broker's response. With failover it
// waits across the loss of connections. When ctx ends first, whether the
// broker acted is unknown.
func (c *Conn) call(ctx context.Context, cmd any) (any, error) { return c.register(ctx, cmd, nil) }

// register is call for what a broker is to know; accepted, which may be nil,
// notes for the next link that it does.
func (c *Conn) register(ctx context.Context, cmd any, accepted func()) (any, error) {
	r := c.requests.Get().(*request)
	r.cmd, r.accepted = cmd, accepted
	defer c.recycle(r)
	if err := c.issue(ctx, r); err != nil {
		return nil, err
	}
	var a answer
	select {
	case a = <-r.ch:
	case <-ctx.Done():
		if c.withdraw(r) {
			a.err = ctx.Err()
		} else {
			a = <-r.ch // the answer was on its way already
		}
	}
	return a.result, a.err
}

func (c *Conn) recycle(r *request) {
	r.cmd, r.accepted = nil, nil
	c.requests.Put(r)
}

// issue registers a request and sends it. After an error the request is
// neither registered nor answered.
func (c *Conn) issue(ctx context.Context, r *request) error {
	r.id = c.commandID.Add(1)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	c.pending[r.id] = r
	l := c.link
	c.mu.Unlock()
	if l == nil {
		return nil // the next link begins with it
	}
	err := l.out.put(ctx, openwire.Header{CommandID: r.id, ResponseRequired: true}, r.cmd)
	if err == nil || err == errLinkDown {
		return nil // a lost link ends in a resend, or in an answer to all
	}
	if !c.withdraw(r) {
		return nil // it was sent again on the next link, and answered
	}
	return err
}

// withdraw forgets a request; false says that it has been or is being
// answered.
func (c *Conn) withdraw(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[r.id] != r {
		return false
	}
	delete(c.pending, r.id)
	return true
}

// respond gives a response to the request that waits for it.
func (c *Conn) respond(id int32, a answer) {
	c.mu.Lock()
	r := c.pending[id]
	delete(c.pending, id)
	if r != nil && r.accepted != nil && a.err == nil {
		r.accepted()
	}
	c.mu.Unlock()
	if r != nil {
		r.finish(a)
	}
}

// pendingLocked lists the requests in the order of their making.
func (c *Conn) pendingLocked() []*request {
	list := make([]*request, 0, len(c.pending))
	for _, r := range c.pending {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *request) int { return int(a.id - b.id) })
	return list
}

// post sends a command that has no response. Without a link it waits for the
// next one.
func (c *Conn) post(ctx context.Context, cmd any) error {
	for {
		l, err := c.waitLink(ctx)
		if err != nil {
			return err
		}
		err = l.out.put(ctx, openwire.Header{CommandID: c.commandID.Add(1)}, cmd)
		if err != errLinkDown {
			return err
		}
		if err := c.waitNext(ctx, l); err != nil {
			return err
		}
	}
}
