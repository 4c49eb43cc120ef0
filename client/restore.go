package client

import (
	"fmt"

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
	for _, s := range c.sessions {
		if err := s.restore(send); err != nil {
			return nil, err
		}
	}
	for _, s := range c.sessions {
		if err := s.repeat(send); err != nil {
			return nil, err
		}
	}
	return c.resendLocked(l)
}

// repeat sends what a transaction in progress consists of.
func (s *Session) repeat(send func(any) error) error {
	if s.tx == nil || s.tx.rollbackOnly {
		return nil
	}
	for _, cmd := range s.tx.commands {
		if err := send(cmd); err != nil {
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
			if cmd.Operation == openwire.Rollback {
				answered[r] = nil
			} else {
				answered[r] = fmt.Errorf("%w: failover before %s was answered", ErrRolledBack, cmd.Transaction)
			}
		default:
			if err := l.out.force(openwire.Header{CommandID: r.id, ResponseRequired: true}, cmd); err != nil {
				return nil, err
			}
			continue
		}
	}
	for r := range answered {
		delete(c.pending, r.id)
	}
	return answered, nil
}
