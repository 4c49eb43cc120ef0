package client

import (
	"context"
	"fmt"
	"slices"

	"github.com/conclavemq/conclave/message"
)

// AckMode says how what a session received is acknowledged. The values are
// JMS's.
type AckMode int

// The acknowledge modes.
const (
	Transacted            AckMode = 0 // by Session.Commit
	AutoAcknowledge       AckMode = 1 // each message as Receive returns it
	ClientAcknowledge     AckMode = 2 // all that the session received, by Session.Acknowledge
	DupsOKAcknowledge     AckMode = 3 // as with Auto, but in batches
	IndividualAcknowledge AckMode = 4 // one message, by Consumer.Acknowledge
)

// Session is the context of producers and consumers. It and what it made are
// for one goroutine at a time; sessions of one connection are independent.
// (JMS: Session)
type Session struct {
	conn *Conn
	mode AckMode
	info message.SessionInfo // never changes

	nextProducer int64
	nextConsumer int64
	order        []*Consumer // in the order of their making
	copies       copies

	consumers map[*Consumer]struct{} // guarded by conn.mu; those to restore
	announced map[*Producer]struct{} // guarded by conn.mu; those to restore
	ready     bool                   // guarded by conn.mu; the session is to be restored
	closed    bool                   // guarded by conn.mu
	xa        *branches              // nil: local transactions
	tx        *transaction           // guarded by conn.mu; nil: none begun
}

// Session opens a session.
func (c *Conn) Session(ctx context.Context, mode AckMode) (*Session, error) {
	if mode < Transacted || mode > IndividualAcknowledge {
		return nil, fmt.Errorf("acknowledge mode %d: %w", mode, ErrUnsupportedOption)
	}
	s := &Session{conn: c, mode: mode, consumers: make(map[*Consumer]struct{}), announced: make(map[*Producer]struct{})}
	c.mu.Lock()
	c.next.session++
	s.info.ID = message.SessionID{Connection: c.info.ID, Value: c.next.session}
	c.sessions[c.next.session] = s
	c.mu.Unlock()
	if _, err := c.register(ctx, &message.SessionInfo{ID: s.info.ID}, func() { s.ready = true }); err != nil {
		s.forget()
		return nil, fmt.Errorf("open session: %w", err)
	}
	return s, nil
}

// Close closes the session with its producers and consumers. A transaction in
// progress is rolled back. Until its consumers have what they had lost, the
// session is restored like any other.
func (s *Session) Close(ctx context.Context) error {
	if !s.shut() {
		return nil
	}
	var err error
	if s.mode == Transacted {
		err = unlessGone(s.rollbackTransaction(ctx))
	}
	expired, stop := after(lostWait)
	defer stop()
	for _, c := range s.order {
		c.regain(ctx, expired)
		c.retire(ctx)
		// One by one: of several the session could only say the highest, as the
		// Java client does, and the others' would not be flagged. Nobody waits: a
		// link that is lost takes the consumer along.
		leave := &request{cmd: remove(c.info.ID, c.lastSeen()), notify: func(error) {}}
		if e := s.conn.issue(ctx, leave); e != nil && err == nil {
			err = unlessGone(e)
		}
	}
	s.order = nil
	s.forget()
	if _, e := s.conn.call(ctx, remove(s.info.ID, message.LastDeliveredUnset)); e != nil && err == nil {
		err = unlessGone(e)
	}
	return err
}

// shut begins the session's end; false: it has begun.
func (s *Session) shut() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	open := !s.closed
	s.closed = true
	return open
}

// forget takes the session out of what is restored.
func (s *Session) forget() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.closed = true
	delete(s.conn.sessions, s.info.ID.Value)
}

// Acknowledge acknowledges all that the session's consumers have received. It
// is for ClientAcknowledge; in other modes there is nothing left to do.
// (JMS: Message.acknowledge)
func (s *Session) Acknowledge(ctx context.Context) error {
	if s.mode != ClientAcknowledge {
		return nil
	}
	for _, c := range s.order {
		if err := c.acknowledgeAll(ctx, message.TransactionID{}); err != nil {
			return err
		}
	}
	return nil
}

// Recover delivers again, flagged as redelivered, all that was received and
// not acknowledged. (JMS: Session.recover)
func (s *Session) Recover(ctx context.Context) error { return s.recover(ctx, nil) }

// recover is Recover with what a dead letter is to say of the cause; nil: none.
func (s *Session) recover(ctx context.Context, cause error) error {
	for _, c := range s.order {
		if err := c.redeliver(ctx, cause); err != nil {
			return err
		}
	}
	return nil
}

// interruptLocked is told that the connection's link was lost.
func (s *Session) interruptLocked() {
	for tx := range s.transactions() {
		if tx.unrepeatable {
			tx.rollbackOnly = true
		}
	}
}

// restore announces the session and what belongs to it to a new link. The
// caller holds conn.mu.
func (s *Session) restore(send func(any) error) error {
	if !s.ready {
		return nil
	}
	if err := send(&message.SessionInfo{ID: s.info.ID}); err != nil {
		return err
	}
	for p := range s.announced {
		if err := send(&p.info); err != nil {
			return err
		}
	}
	// Consumers come in the order of their making, as at first.
	list := make([]*Consumer, 0, len(s.consumers))
	for c := range s.consumers {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Consumer) int { return int(a.info.ID.Value - b.info.ID.Value) })
	for _, c := range list {
		if err := send(&c.info); err != nil {
			return err
		}
	}
	return nil
}

// remove is the command that takes leave of an object.
func remove(object any, lastDelivered int64) *message.RemoveInfo {
	return &message.RemoveInfo{Object: object, LastDelivered: lastDelivered}
}
