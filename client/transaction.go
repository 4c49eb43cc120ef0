package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// transaction is a session's local transaction from its first message on.
type transaction struct {
	id           message.TransactionID
	commands     []any       // guarded by conn.mu; with failover what to repeat: begin and sends
	size         int64       // guarded by conn.mu; bytes of the messages in commands
	producers    []*Producer // guarded by conn.mu; of the sends in commands
	gone         []*Producer // guarded by conn.mu; those of them that were closed since
	unrepeatable bool        // guarded by conn.mu; has acknowledgements, or too much to keep
	prepared     bool        // guarded by conn.mu; the broker keeps it
	rollbackOnly bool        // guarded by conn.mu; its link was lost and it cannot be repeated
}

// maxTracked bounds what is kept of a transaction for repetition. A larger one
// is rolled back when its link is lost.
const maxTracked = 64 << 20

// begin makes sure that there is a transaction and returns it; nil where the
// session has none.
func (s *Session) begin(ctx context.Context) (*transaction, error) {
	if s.mode != Transacted {
		return nil, nil
	}
	c := s.conn
	c.mu.Lock()
	tx := s.tx
	if tx != nil || s.xa != nil {
		c.mu.Unlock()
		if tx == nil {
			return nil, ErrNoBranch
		}
		return tx, nil
	}
	c.next.tx++
	tx = &transaction{id: message.TransactionID{Connection: c.info.ID, Value: c.next.tx}}
	begin := tx.command(openwire.Begin)
	if c.target.failover != nil {
		tx.commands = append(tx.commands, begin)
	}
	s.tx = tx
	l := c.link
	c.mu.Unlock()
	return tx, s.beginOn(ctx, l, begin)
}

// beginOn tells a broker of the transaction that has just been made. If that is
// given up there is none: the broker would know nothing of what is sent in it.
func (s *Session) beginOn(ctx context.Context, l *link, begin *openwire.TransactionInfo) error {
	err := s.conn.postTracked(ctx, l, begin)
	if err != nil {
		s.conn.mu.Lock()
		defer s.conn.mu.Unlock()
		s.tx = nil
	}
	return err
}

// postTracked sends a command that a new link would repeat by itself.
func (c *Conn) postTracked(ctx context.Context, l *link, cmd any) error {
	if c.target.failover == nil {
		return c.post(ctx, cmd)
	}
	if l == nil {
		return nil // the next link begins with it
	}
	err := l.out.put(ctx, openwire.Header{CommandID: c.commandID.Add(1)}, cmd)
	if errors.Is(err, errLinkDown) {
		return nil
	}
	return err
}

// track keeps a message that was sent in the transaction, which must not change
// any more. The caller holds conn.mu.
func (t *transaction) track(p *Producer, m *message.Message) {
	if t.unrepeatable {
		return
	}
	if t.size += m.Size(); t.size > maxTracked {
		t.commands, t.unrepeatable = nil, true
		return
	}
	t.commands = append(t.commands, m)
	if n := len(t.producers); (n == 0 || t.producers[n-1] != p) && !slices.Contains(t.producers, p) {
		t.producers = append(t.producers, p)
	}
}

// untrack forgets the message that was kept last. The caller holds conn.mu.
func (t *transaction) untrack(m *message.Message) {
	if n := len(t.commands); n > 0 && t.commands[n-1] == any(m) {
		t.commands, t.size = t.commands[:n-1], t.size-m.Size()
	}
}

// closed notes that a producer was closed before the transaction's end: a
// repetition announces it once more. The caller holds conn.mu. (ActiveMQ:
// trackTransactionProducers)
func (t *transaction) closed(p *Producer) {
	if slices.Contains(t.producers, p) {
		t.gone = append(t.gone, p)
	}
}

func (t *transaction) command(op openwire.TransactionOperation) *openwire.TransactionInfo {
	return &openwire.TransactionInfo{Connection: t.id.Connection, Transaction: t.id, Operation: op}
}

// Commit makes everything that was sent and received since the last Commit or
// Rollback take effect. ErrRolledBack says that none of it did, or that this
// is not known after the broker was lost meanwhile, in which case a commit
// that reached it may have taken effect. (JMS: Session.commit)
func (s *Session) Commit(ctx context.Context) error {
	if s.mode != Transacted || s.xa != nil {
		return ErrNotTransacted
	}
	if s.tx == nil {
		return nil
	}
	for _, c := range s.order {
		if err := c.acknowledgeAll(ctx, s.tx.id); err != nil {
			return errors.Join(err, s.Rollback(ctx))
		}
	}
	if _, err := s.conn.waitLink(ctx); err != nil { // so that what is repeated goes before
		return err
	}
	tx, lost := s.endTransaction()
	if lost < 0 {
		s.copies.reset()
		return fmt.Errorf("commit %s: %w", tx.id, ErrRolledBack)
	}
	if err := s.settle(ctx, tx, openwire.CommitOnePhase); err != nil {
		if s.conn.lossesNow() != lost { // the next broker does not know it
			err = fmt.Errorf("%w: %w", ErrRolledBack, err)
		}
		for _, c := range s.order {
			_ = c.redeliver(ctx, err)
		}
		return fmt.Errorf("commit %s: %w", tx.id, err)
	}
	for _, c := range s.order {
		c.committed()
	}
	return nil
}

// Rollback undoes everything that was sent and received since the last Commit
// or Rollback; what was received comes again. (JMS: Session.rollback)
func (s *Session) Rollback(ctx context.Context) error { return s.rollback(ctx, nil) }

func (s *Session) rollback(ctx context.Context, cause error) error {
	if s.mode != Transacted || s.xa != nil {
		return ErrNotTransacted
	}
	if err := s.rollbackTransaction(ctx); err != nil {
		return err
	}
	return s.recover(ctx, cause)
}

func (s *Session) rollbackTransaction(ctx context.Context) error {
	tx, lost := s.endTransaction()
	if tx == nil || lost < 0 {
		s.copies.reset()
		return nil
	}
	if err := s.settle(ctx, tx, openwire.Rollback); err != nil {
		return fmt.Errorf("rollback %s: %w", tx.id, err)
	}
	return nil
}

// endTransaction takes the transaction out of the session and says how many
// links have been lost so far, -1 if one of them has taken it along.
func (s *Session) endTransaction() (tx *transaction, losses int) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	tx, s.tx = s.tx, nil
	if tx != nil && tx.rollbackOnly {
		return tx, -1
	}
	return tx, s.conn.losses
}

func (c *Conn) lossesNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.losses
}

func (s *Session) settle(ctx context.Context, tx *transaction, op openwire.TransactionOperation) error {
	_, err := s.conn.call(ctx, tx.command(op))
	s.copies.reset()
	return err
}
