package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/message"
)

// ProducerOptions configure a producer. The zero value sends persistent
// messages of priority 4 that never expire.
type ProducerOptions struct {
	NonPersistent bool
	Priority      Priority
	TTL           time.Duration // 0: never expires
	NoTimestamp   bool          // JMS: setDisableMessageTimestamp
	WindowSize    int32         // bytes that may be unacknowledged by the broker, 0 unbounded
	// KeepHeaders sends messages with the priority, persistence, timestamp and
	// expiration that they have, for those that are sent on.
	KeepHeaders bool
}

// Priority of messages; the zero value is JMS's default of 4.
type Priority uint8

// PriorityOf gives the Priority of level 0–9.
func PriorityOf(level uint8) Priority { return Priority(min(level, 9) + 1) }

func (p Priority) level() uint8 {
	if p == 0 {
		return 4
	}
	return uint8(p - 1)
}

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
	if err := checkDestination(d); err != nil {
		return nil, err
	}
	s.nextProducer++
	p := &Producer{session: s, opts: opts}
	p.window.limit = int64(opts.WindowSize)
	p.info = message.ProducerInfo{
		ID:          message.ProducerID{Connection: s.info.ID.Connection, Session: s.info.ID.Value, Value: s.nextProducer},
		Destination: d,
		WindowSize:  opts.WindowSize,
	}
	c := s.conn
	if opts.WindowSize > 0 {
		c.mu.Lock()
		c.producers[p.info.ID] = p
		c.mu.Unlock()
	}
	_, err := c.call(ctx, &p.info)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.producers, p.info.ID)
		return nil, fmt.Errorf("open producer for %s: %w", d, err)
	}
	s.announced[p] = struct{}{}
	return p, nil
}

// ID is the producer's identifier.
func (p *Producer) ID() message.ProducerID { return p.info.ID }

// Send sends m and sets its headers. A persistent message outside a
// transaction is on the broker's disk when Send returns, unless the options
// say otherwise; other messages are only on their way. m may be changed and
// sent again afterwards. (JMS: MessageProducer.send)
func (p *Producer) Send(ctx context.Context, m *message.Message) error {
	o := &p.session.conn.target.options
	sync := o.SyncSend || !p.opts.NonPersistent && p.session.mode != Transacted && !o.AsyncSend
	tx, err := p.prepare(ctx, m)
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
	tx, err := p.prepare(ctx, m)
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
		m = m.Copy() // kept until the answer
	}
	return c.issue(ctx, &request{cmd: m, notify: done})
}

// post sends without an answer.
func (p *Producer) post(ctx context.Context, tx *transaction, m *message.Message) error {
	c := p.session.conn
	if tx == nil || c.target.failover == nil {
		return c.post(ctx, m)
	}
	c.mu.Lock()
	if tx.rollbackOnly {
		c.mu.Unlock()
		return fmt.Errorf("send: %w", ErrRolledBack)
	}
	tx.track(m)
	l := c.link
	c.mu.Unlock()
	return c.postTracked(ctx, l, m)
}

// prepare sets the message's headers and takes its place in the window.
func (p *Producer) prepare(ctx context.Context, m *message.Message) (*transaction, error) {
	if p.closed {
		return nil, fmt.Errorf("producer %s: %w", p.info.ID, ErrClosed)
	}
	tx, err := p.session.begin(ctx)
	if err != nil {
		return nil, err
	}
	if p.info.WindowSize > 0 {
		if err := p.window.acquire(ctx, m.Size()); err != nil {
			return nil, err
		}
	}
	if !p.info.Destination.IsZero() {
		m.Destination = p.info.Destination
	} else if m.Destination.IsZero() {
		return nil, errors.New("message without a destination")
	}
	p.sequence++
	m.Producer = p.info.ID
	m.ID = message.MessageID{Producer: p.info.ID, ProducerSequence: p.sequence}
	if !p.opts.KeepHeaders {
		m.Persistent = !p.opts.NonPersistent
		m.Priority = p.opts.Priority.level()
		p.stamp(m)
	}
	m.RedeliveryCounter = 0
	m.BrokerPath = nil
	m.Transaction = message.TransactionID{}
	if tx != nil {
		m.Transaction = tx.id
	}
	return tx, nil
}

func (p *Producer) stamp(m *message.Message) {
	m.Timestamp, m.Expiration = 0, 0
	if p.opts.NoTimestamp && p.opts.TTL <= 0 {
		return
	}
	now := time.Now().UnixMilli()
	if !p.opts.NoTimestamp {
		m.Timestamp = now
	}
	if p.opts.TTL > 0 {
		m.Expiration = now + max(p.opts.TTL.Milliseconds(), 1)
	}
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
	c.mu.Unlock()
	_, err := c.call(ctx, remove(p.info.ID, message.LastDeliveredUnset))
	return unlessGone(err)
}
