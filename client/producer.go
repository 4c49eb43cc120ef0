package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// Producer sends messages. (JMS: MessageProducer)
type Producer struct {
	session  *Session
	info     message.ProducerInfo // never changes
	opts     ProducerOptions
	window   window
	sequence int64
	closed   bool
}

// Producer opens a producer. With a null destination each message must name
// its own.
func (s *Session) Producer(ctx context.Context, d message.Destination, opts ProducerOptions) (*Producer, error) {
	d, extra, err := parseDestination(d)
	if err == nil {
		err = extra.only("producer.")
	}
	if err != nil {
		return nil, err
	}
	c := s.conn
	s.nextProducer++
	opts.NoTimestamp = opts.NoTimestamp || c.target.options.NoTimestamps
	p := &Producer{session: s, opts: opts}
	p.info = message.ProducerInfo{
		ID:            message.ProducerID{Connection: s.info.ID.Connection, Session: s.info.ID.Value, Value: s.nextProducer},
		Destination:   d,
		DispatchAsync: extra.producer.DispatchAsync,
		WindowSize:    windowOf(opts.WindowSize, c.target.options.ProducerWindow, extra.window),
	}
	p.window.limit = int64(p.info.WindowSize)
	if p.info.WindowSize > 0 {
		c.mu.Lock()
		c.producers[p.info.ID] = p
		c.mu.Unlock()
	}
	if _, err = c.register(ctx, &p.info, func() { s.announced[p] = struct{}{} }); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.producers, p.info.ID)
		return nil, fmt.Errorf("open producer for %s: %w", d, err)
	}
	return p, nil
}

// windowOf is the window that a destination, a producer or a connection names.
func windowOf(own, byDefault int32, named *int32) int32 {
	switch {
	case named != nil:
		return *named
	case own != 0:
		return max(own, 0)
	}
	return byDefault
}

// ID is the producer's identifier.
func (p *Producer) ID() message.ProducerID { return p.info.ID }

// Send sends m and sets its headers. A persistent message outside a
// transaction is on the broker's disk when Send returns, unless the options
// say otherwise; other messages are only on their way. m may be changed and
// sent again afterwards. (JMS: MessageProducer.send)
func (p *Producer) Send(ctx context.Context, m *message.Message) error {
	return p.send(ctx, m, &p.opts)
}

// SendWith sends m as Send does, with delivery options of its own.
func (p *Producer) SendWith(ctx context.Context, m *message.Message, d DeliveryOptions) error {
	opts := p.opts
	opts.NonPersistent, opts.Priority, opts.TTL, opts.KeepHeaders = d.NonPersistent, d.Priority, d.TTL, false
	return p.send(ctx, m, &opts)
}

func (p *Producer) send(ctx context.Context, m *message.Message, opts *ProducerOptions) error {
	o := &p.session.conn.target.options
	if o.SendTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.SendTimeout)
		defer cancel()
	}
	sync := o.SyncSend || !opts.NonPersistent && p.session.mode != Transacted && !o.AsyncSend
	m, tx, err := p.prepare(ctx, m, opts, sync)
	if err != nil {
		return err
	}
	if !sync {
		return p.post(ctx, tx, m)
	}
	if err := p.answered(tx); err != nil {
		return err
	}
	_, err = p.session.conn.call(ctx, m)
	return err
}

// answered is called before a send that is answered: within a transaction it
// cannot be repeated after failover, as the answer may be there already.
func (p *Producer) answered(tx *transaction) error {
	if tx == nil {
		return nil
	}
	c := p.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if tx.rollbackOnly {
		return fmt.Errorf("send: %w", ErrRolledBack)
	}
	tx.unrepeatable = true
	return nil
}

// SendAsync sends m without waiting. Without done the broker gives no answer:
// a failure is reported to Options.OnError alone, and what is under way when
// a connection is lost may be lost with it. With done the broker answers, a
// lost connection means sending again, and done is called once with the
// outcome, by the connection's reader: it must not block.
func (p *Producer) SendAsync(ctx context.Context, m *message.Message, done func(error)) error {
	m, tx, err := p.prepare(ctx, m, &p.opts, done != nil)
	if err != nil {
		return err
	}
	if done == nil {
		return p.post(ctx, tx, m)
	}
	if err := p.answered(tx); err != nil {
		return err
	}
	c := p.session.conn
	if c.target.failover != nil {
		m = c.target.options.keep(m) // until the answer
	}
	return c.issue(ctx, &request{cmd: m, notify: done})
}

// post sends without an answer. What could not be sent leaves the window: the
// broker will not say that it has come.
func (p *Producer) post(ctx context.Context, tx *transaction, m *message.Message) error {
	err := p.transmit(ctx, tx, m)
	if err != nil {
		p.window.release(m.Size())
	}
	return err
}

func (p *Producer) transmit(ctx context.Context, tx *transaction, m *message.Message) error {
	c := p.session.conn
	switch fo := c.target.failover; {
	case fo == nil:
		return c.post(ctx, m)
	case tx != nil:
		if p.session.xa != nil { // a branch outlives its session's next one
			return p.postInTransaction(ctx, tx, c.target.options.keep(m))
		}
		return p.postInTransaction(ctx, tx, p.session.copies.of(m, c.target.options.ShareContent))
	case fo.trackMessages:
		m = c.target.options.keep(m)
		c.mu.Lock()
		c.cache.put(m)
		l := c.link
		c.mu.Unlock()
		return c.orUntracked(c.postTracked(ctx, l, m), func() { c.cache.drop(m) })
	}
	return c.post(ctx, m)
}

// postInTransaction keeps m, too, so that a failover can repeat it.
func (p *Producer) postInTransaction(ctx context.Context, tx *transaction, m *message.Message) error {
	c := p.session.conn
	c.mu.Lock()
	if tx.rollbackOnly {
		c.mu.Unlock()
		return fmt.Errorf("send: %w", ErrRolledBack)
	}
	tx.track(p, m)
	l := c.link
	c.mu.Unlock()
	return c.orUntracked(c.postTracked(ctx, l, m), func() { tx.untrack(m) })
}

// orUntracked forgets with conn.mu what was to be repeated, if it was not sent:
// the application is told so.
func (c *Conn) orUntracked(err error, forget func()) error {
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		forget()
	}
	return err
}

// prepare sets the message's headers and takes its place in the window, which
// is of those that the broker does not answer. What it returns is what goes out: m itself, or a compressed copy.
func (p *Producer) prepare(ctx context.Context, m *message.Message, opts *ProducerOptions, answered bool) (*message.Message, *transaction, error) {
	if p.closed {
		return nil, nil, fmt.Errorf("producer %s: %w", p.info.ID, ErrClosed)
	}
	if err := p.address(m); err != nil {
		return nil, nil, err
	}
	c := p.session.conn
	if err := c.awaitBroker(ctx); err != nil {
		return nil, nil, err
	}
	tx, err := p.session.begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	out := m
	if c.target.options.Compression && !m.Compressed {
		out = m.Copy()
		if err := Compress(out); err != nil {
			return nil, nil, err
		}
	}
	if p.info.WindowSize > 0 && !answered {
		if err := p.window.acquire(ctx, out.Size()); err != nil {
			return nil, nil, err
		}
	}
	p.sequence++
	p.label(m, tx, opts)
	if out != m {
		p.label(out, tx, opts)
		out.Timestamp, out.Expiration = m.Timestamp, m.Expiration
	}
	return out, tx, nil
}

// label sets the headers of the next message.
func (p *Producer) label(m *message.Message, tx *transaction, opts *ProducerOptions) {
	m.Producer = p.info.ID
	m.ID = message.MessageID{Producer: p.info.ID, ProducerSequence: p.sequence}
	opts.stamp(m)
	m.RedeliveryCounter = 0
	m.BrokerPath = nil
	m.Transaction = message.TransactionID{}
	if tx != nil {
		m.Transaction = tx.id
	}
}

// address sets where m goes: the producer's destination, or its own.
func (p *Producer) address(m *message.Message) error {
	if !p.info.Destination.IsZero() {
		m.Destination = p.info.Destination
		return nil
	}
	if m.Destination.IsZero() {
		return errors.New("message without a destination")
	}
	if strings.IndexByte(m.Destination.Name, '?') < 0 {
		return nil
	}
	d, extra, err := parseDestination(m.Destination)
	if err == nil {
		err = extra.only("producer.")
	}
	m.Destination = d
	return err
}

// Close takes leave of the broker.
func (p *Producer) Close(ctx context.Context) error {
	if p.closed {
		return nil
	}
	p.closed = true
	c := p.session.conn
	c.mu.Lock()
	delete(c.producers, p.info.ID)
	delete(p.session.announced, p)
	if tx := p.session.tx; tx != nil && c.target.failover != nil && c.target.failover.trackProducers {
		tx.closed(p)
	}
	c.mu.Unlock()
	_, err := c.call(ctx, remove(p.info.ID, message.LastDeliveredUnset))
	return unlessGone(err)
}
