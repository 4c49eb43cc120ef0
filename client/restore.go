package client

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// restore fills a new link's outbox with what its broker has to know after a
// failover, makes it the connection's link and sends what was not answered
// again. Nothing is written before the link runs. (ActiveMQ:
// ConnectionStateTracker.restore)
func (c *Conn) restore(l *link) error {
	c.mu.Lock()
	answered, err := c.restoreLocked(l)
	if err == nil {
		c.link = l
		c.notifyLocked()
	}
	c.mu.Unlock()
	for r, outcome := range answered {
		r.finish(answer{err: outcome})
	}
	return err
}

// restoreLocked returns the requests that need no broker any more, with their
// outcomes.
func (c *Conn) restoreLocked(l *link) (map[*request]error, error) {
	if c.shut {
		return nil, ErrClosed
	}
	send := func(cmd any) error {
		return l.out.force(openwire.Header{CommandID: c.commandID.Add(1)}, cmd)
	}
	if c.announced {
		info := c.info
		info.FailoverReconnect = true
		if err := send(&info); err != nil {
			return nil, err
		}
	}
	for d := range c.temps {
		if err := send(&message.DestinationInfo{Connection: c.info.ID, Destination: d}); err != nil {
			return nil, err
		}
	}
	sessions := slices.SortedFunc(maps.Values(c.sessions), func(a, b *Session) int { return cmp.Compare(a.info.ID.Value, b.info.ID.Value) })
	for _, s := range sessions {
		if err := s.restore(send); err != nil {
			return nil, err
		}
	}
	for _, s := range sessions {
		if err := s.repeat(send); err != nil {
			return nil, err
		}
	}
	if err := c.cache.each(send); err != nil {
		return nil, err
	}
	return c.resendLocked(l)
}

// repeat sends what the transactions in progress consist of.
func (s *Session) repeat(send func(any) error) error {
	for tx := range s.transactions() {
		if err := tx.repeat(send); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) repeat(send func(any) error) error {
	if t.rollbackOnly || t.prepared {
		return nil
	}
	for _, p := range t.gone {
		if err := send(&p.info); err != nil {
			return err
		}
	}
	for _, cmd := range t.commands {
		if err := send(cmd); err != nil {
			return err
		}
	}
	for _, p := range t.gone {
		if err := send(remove(p.info.ID, message.LastDeliveredUnset)); err != nil {
			return err
		}
	}
	return nil
}

// resendLocked sends the requests that were not answered, or gives their
// outcome where the loss of the link has decided it.
func (c *Conn) resendLocked(l *link) (map[*request]error, error) {
	answered := make(map[*request]error)
	for _, r := range c.pendingLocked() {
		switch cmd := r.cmd.(type) {
		case *message.RemoveInfo, *message.Ack:
			answered[r] = nil // went with the link
		case *openwire.TransactionInfo:
			outcome, decided := afterLoss(cmd)
			if decided {
				answered[r] = outcome
				continue
			}
			if err := resend(l, r); err != nil {
				return nil, err
			}
		default:
			if err := resend(l, r); err != nil {
				return nil, err
			}
		}
	}
	for r := range answered {
		delete(c.pending, r.id)
	}
	return answered, nil
}

func resend(l *link, r *request) error {
	return l.out.force(openwire.Header{CommandID: r.id, ResponseRequired: true}, r.cmd)
}

// afterLoss is what becomes of a transaction's command that a lost broker has
// not answered: decided says that it is not sent again. A local transaction
// has gone with its connection; so has a branch that was not prepared, and a
// prepare whose answer is missing counts as failed, so that its manager rolls
// the branch back. The outcome of a prepared branch is sent until it is
// answered.
func afterLoss(cmd *openwire.TransactionInfo) (outcome error, decided bool) {
	switch cmd.Operation {
	case openwire.End:
		return nil, true
	case openwire.Rollback:
		return nil, !cmd.Transaction.XA
	case openwire.Prepare, openwire.CommitOnePhase:
		return fmt.Errorf("%w: failover before %s was answered", ErrRolledBack, cmd.Transaction), true
	case openwire.CommitTwoPhase, openwire.Recover, openwire.Forget:
		return nil, false
	}
	return nil, true
}
