package client

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// XASession is a session whose work belongs to branches of distributed
// transactions, which a transaction manager moves on: Start, work, End, then
// Prepare and Commit, or Rollback. Sends and receives outside a branch are
// refused. Commit and Rollback may also be for branches of other sessions, as
// after Recover. (JMS: XASession and XAResource)
type XASession struct{ *Session }

// branches are a session's XA branches that have ended and have no outcome
// yet.
type branches struct {
	open map[message.XID]*branch // guarded by conn.mu
}

// branch is one, with what was received in it.
type branch struct {
	*transaction
	received []received
}

// received is what one consumer was given.
type received struct {
	consumer *Consumer
	run      []delivery
}

// maxBranches bounds the branches of one session that wait for their outcome.
const maxBranches = 1024

// Vote is the answer to Prepare.
type Vote int32

// The votes. (XA: XA_OK and XA_RDONLY)
const (
	VoteCommit   Vote = 0
	VoteReadOnly Vote = 3 // the branch is over: no outcome is needed
)

// XASession opens a session for distributed transactions.
func (c *Conn) XASession(ctx context.Context) (*XASession, error) {
	s, err := c.Session(ctx, Transacted)
	if err != nil {
		return nil, err
	}
	s.xa = &branches{open: make(map[message.XID]*branch)}
	return &XASession{s}, nil
}

// transactions lists those that have no outcome yet. The caller holds conn.mu.
func (s *Session) transactions() iter.Seq[*transaction] {
	return func(yield func(*transaction) bool) {
		if s.tx != nil && !yield(s.tx) || s.xa == nil {
			return
		}
		for _, b := range s.xa.open {
			if !yield(b.transaction) {
				return
			}
		}
	}
}

// Start begins a branch; what the session does until End belongs to it.
func (s *XASession) Start(ctx context.Context, xid message.XID) error {
	c := s.conn
	tx := &transaction{id: message.TransactionID{XA: true, XID: xid}}
	begin := s.command(tx.id, openwire.Begin)
	c.mu.Lock()
	if s.tx != nil || len(s.xa.open) >= maxBranches {
		c.mu.Unlock()
		return fmt.Errorf("start %s: another branch has not ended", tx.id)
	}
	if c.target.failover != nil {
		tx.commands = append(tx.commands, begin)
	}
	s.tx = tx
	l := c.link
	c.mu.Unlock()
	return s.beginOn(ctx, l, begin)
}

func (s *XASession) command(id message.TransactionID, op openwire.TransactionOperation) *openwire.TransactionInfo {
	return &openwire.TransactionInfo{Connection: s.conn.info.ID, Transaction: id, Operation: op}
}

// End ends the work of the branch that was started; what was received in it is
// acknowledged as part of it.
func (s *XASession) End(ctx context.Context) error {
	tx := s.tx
	if tx == nil {
		return fmt.Errorf("end: %w", ErrNoBranch)
	}
	b := &branch{transaction: tx}
	for _, c := range s.order {
		if err := c.acknowledgeAll(ctx, tx.id); err != nil {
			return err
		}
		if len(c.delivered) > 0 {
			b.received = append(b.received, received{c, c.delivered})
		}
		c.delivered, c.joined = nil, nil
	}
	s.conn.mu.Lock()
	s.tx = nil
	s.xa.open[tx.id.XID] = b
	s.conn.mu.Unlock()
	_, err := s.conn.call(ctx, s.command(tx.id, openwire.End))
	return err
}

// Prepare has the broker keep the branch until its outcome, across its own
// failover. After ErrRolledBack the manager rolls the branch back.
func (s *XASession) Prepare(ctx context.Context, xid message.XID) (Vote, error) {
	c := s.conn
	id := message.TransactionID{XA: true, XID: xid}
	b, lost, err := s.ended(xid)
	if err != nil {
		return 0, fmt.Errorf("prepare %s: %w", id, err)
	}
	result, err := c.call(ctx, s.command(id, openwire.Prepare))
	if err != nil {
		if c.lossesNow() != lost {
			err = errors.Join(ErrRolledBack, err)
		}
		return 0, fmt.Errorf("prepare %s: %w", id, err)
	}
	vote := VoteCommit
	if n, ok := result.(*openwire.IntegerResponse); ok {
		vote = Vote(n.Result)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b != nil {
		b.prepared, b.commands = true, nil
	}
	if vote == VoteReadOnly {
		delete(s.xa.open, xid)
	}
	return vote, nil
}

// ended finds a branch of this session, nil if it is another's, and the number
// of links lost so far. The error is ErrRolledBack where one of them took the
// branch along.
func (s *XASession) ended(xid message.XID) (b *branch, losses int, err error) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	b = s.xa.open[xid]
	if b != nil && b.rollbackOnly && !b.prepared {
		err = ErrRolledBack
	}
	return b, s.conn.losses, err
}

// Commit makes a branch take effect: one that is prepared, or with onePhase one
// that has ended.
func (s *XASession) Commit(ctx context.Context, xid message.XID, onePhase bool) error {
	id := message.TransactionID{XA: true, XID: xid}
	_, lost, err := s.ended(xid)
	if err != nil {
		return fmt.Errorf("commit %s: %w", id, err)
	}
	op := openwire.CommitTwoPhase
	if onePhase {
		op = openwire.CommitOnePhase
	}
	_, err = s.conn.call(ctx, s.command(id, op))
	if err != nil && !s.forgotten(err, lost, op) {
		return fmt.Errorf("commit %s: %w", id, err)
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	delete(s.xa.open, xid)
	return nil
}

// forgotten reports whether a broker's error only says that an outcome, sent
// again after a failover, had arrived before: a prepared branch does not go
// without one.
func (s *XASession) forgotten(err error, lost int, op openwire.TransactionOperation) bool {
	var remote *RemoteError
	return op != openwire.CommitOnePhase && s.conn.lossesNow() != lost &&
		errors.As(err, &remote) && remote.XACode() == xaUnknown
}

const xaUnknown = -4 // XAER_NOTA

// Rollback undoes a branch; what this session received in it comes again.
func (s *XASession) Rollback(ctx context.Context, xid message.XID) error {
	c := s.conn
	id := message.TransactionID{XA: true, XID: xid}
	if s.tx != nil && s.tx.id == id {
		if err := s.End(ctx); err != nil {
			return err
		}
	}
	b, lost, gone := s.ended(xid)
	_, err := c.call(ctx, s.command(id, openwire.Rollback))
	if err != nil && gone == nil && !s.forgotten(err, lost, openwire.Rollback) {
		return fmt.Errorf("rollback %s: %w", id, err)
	}
	c.mu.Lock()
	delete(s.xa.open, xid)
	c.mu.Unlock()
	if b == nil {
		return nil
	}
	for _, r := range b.received {
		r.consumer.refresh()
		if len(r.run) > 0 && r.run[0].link == c.present() {
			r.consumer.delivered = append(r.run, r.consumer.delivered...)
			if err := r.consumer.redeliver(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// Branches lists the branches that the broker keeps prepared. (XA: recover)
func (s *XASession) Branches(ctx context.Context) ([]message.XID, error) {
	result, err := s.conn.call(ctx, s.command(message.TransactionID{}, openwire.Recover))
	if err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	list, ok := result.(*openwire.DataArrayResponse)
	if !ok {
		return nil, nil
	}
	var xids []message.XID
	for _, data := range list.Data {
		switch id := data.(type) {
		case message.TransactionID:
			xids = append(xids, id.XID)
		case *message.TransactionID:
			xids = append(xids, id.XID)
		}
	}
	return xids, nil
}

// Forget tells the broker that the manager knows of a heuristic outcome.
func (s *XASession) Forget(ctx context.Context, xid message.XID) error {
	id := message.TransactionID{XA: true, XID: xid}
	if _, err := s.conn.call(ctx, s.command(id, openwire.Forget)); err != nil {
		return fmt.Errorf("forget %s: %w", id, err)
	}
	return nil
}
