package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/conclavemq/conclave/message"
)

// Requestor sends requests and waits for their replies, which come to a
// temporary queue of its own and are told apart by their correlation
// identifiers. It is safe for concurrent use. (JMS: QueueRequestor)
type Requestor struct {
	conn    *Conn
	sending *Session
	replies *Consumer
	queue   message.Destination
	stop    context.CancelFunc
	done    chan struct{} // closed when the reader of replies has ended

	sendMu sync.Mutex // one send at a time: the session is for one goroutine
	out    *Producer

	mu      sync.Mutex
	waiting map[string]chan *message.Message // guarded by mu; capacity 1 each
	next    uint64                           // guarded by mu
	err     error                            // guarded by mu; no reply will come any more
}

// Requestor opens a requestor for a destination; its requests are sent as opts
// says. Replies that nobody waits for are dropped.
func (c *Conn) Requestor(ctx context.Context, d message.Destination, opts ProducerOptions) (*Requestor, error) {
	r := &Requestor{conn: c, waiting: make(map[string]chan *message.Message), done: make(chan struct{})}
	if err := r.open(ctx, d, opts); err != nil {
		if r.sending != nil {
			_ = r.sending.Close(ctx)
		}
		if r.replies != nil {
			_ = r.replies.session.Close(ctx)
		}
		if !r.queue.IsZero() {
			_ = r.conn.Destroy(ctx, r.queue)
		}
		return nil, fmt.Errorf("open requestor for %s: %w", d, err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.read(life)
	return r, nil
}

func (r *Requestor) open(ctx context.Context, d message.Destination, opts ProducerOptions) (err error) {
	if r.queue, err = r.conn.TempQueue(ctx); err != nil {
		return err
	}
	receiving, err := r.conn.Session(ctx, AutoAcknowledge)
	if err != nil {
		return err
	}
	if r.replies, err = receiving.Consumer(ctx, r.queue, ConsumerOptions{}); err != nil {
		_ = receiving.Close(ctx)
		return err
	}
	if r.sending, err = r.conn.Session(ctx, AutoAcknowledge); err != nil {
		return err
	}
	r.out, err = r.sending.Producer(ctx, d, opts)
	return err
}

// read hands replies to those that wait, until life or the connection ends.
func (r *Requestor) read(life context.Context) {
	defer close(r.done)
	for {
		d, err := r.replies.Receive(life)
		if err != nil {
			r.fail(err)
			return
		}
		r.mu.Lock()
		ch := r.waiting[d.Message.CorrelationID]
		delete(r.waiting, d.Message.CorrelationID)
		r.mu.Unlock()
		if ch != nil {
			ch <- d.Message
		}
	}
}

func (r *Requestor) fail(err error) {
	if errors.Is(err, context.Canceled) {
		err = ErrClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	for _, ch := range r.waiting {
		close(ch)
	}
	clear(r.waiting)
}

// Request sends m, whose ReplyTo and CorrelationID it sets, and waits for the
// reply until ctx ends. The request may have been served even so.
func (r *Requestor) Request(ctx context.Context, m *message.Message) (*message.Message, error) {
	ch := make(chan *message.Message, 1)
	r.mu.Lock()
	if r.err != nil {
		defer r.mu.Unlock()
		return nil, r.err
	}
	r.next++
	id := string(r.conn.info.ID) + ":request:" + strconv.FormatUint(r.next, 10)
	r.waiting[id] = ch
	r.mu.Unlock()
	defer r.forget(id)
	if err := r.send(ctx, m, id); err != nil {
		return nil, err
	}
	select {
	case reply := <-ch:
		if reply == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			return nil, fmt.Errorf("request: %w", r.err)
		}
		return reply, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Requestor) send(ctx context.Context, m *message.Message, id string) error {
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	m.ReplyTo, m.CorrelationID = r.queue, id
	return r.out.Send(ctx, m)
}

func (r *Requestor) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, id)
}

// Close ends the requestor with its temporary queue; who waits for a reply is
// told ErrClosed.
func (r *Requestor) Close(ctx context.Context) error {
	r.stop()
	<-r.done
	err := errors.Join(r.sending.Close(ctx), r.replies.session.Close(ctx))
	return errors.Join(err, unlessGone(r.conn.Destroy(ctx, r.queue)))
}

// Reply sends a message to where a request wants its answer, under the
// request's correlation identifier, or its message identifier where it has
// none. p must have been opened with a null destination.
func (p *Producer) Reply(ctx context.Context, request, reply *message.Message) error {
	if request.ReplyTo.IsZero() {
		return errors.New("the request names no destination for its reply")
	}
	reply.Destination = request.ReplyTo
	reply.CorrelationID = request.CorrelationID
	if reply.CorrelationID == "" {
		reply.CorrelationID = request.ID.String()
	}
	return p.Send(ctx, reply)
}
