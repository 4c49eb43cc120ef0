package broker

import "github.com/conclavemq/conclave/message"

// transaction returns one that has been begun. c.mu is held.
func (c *Connection) transaction(id message.TransactionID) (*transaction, error) {
	t := c.transactions[id]
	if id.XA {
		t = c.b.branches.find(id)
	}
	if t == nil {
		return nil, notStarted(id)
	}
	return t, nil
}

// fail tells a transaction, if there is such, of what nobody waited for.
func (c *Connection) fail(id message.TransactionID, err error) {
	if t, _ := c.transaction(id); t != nil {
		t.fail(err)
	}
}

// Begin starts a transaction; a repeated beginning does nothing.
func (c *Connection) Begin(id message.TransactionID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	c.batches.Store(true)
	c.b.events.transaction("Beginning transaction", id)
	switch {
	case id.IsZero():
		return failure(ErrTransaction, "Transaction id is missing")
	case id.XA:
		c.branched.Store(true)
		return c.b.branches.begin(id, c, c.resumed)
	case c.transactions[id] != nil:
		return nil
	case len(c.transactions) >= maxTransactions:
		return failure(ErrLimit, "Too many transactions on connection %s", c.info.ID)
	}
	c.transactions[id] = c.b.newTransaction(id, c)
	c.transactions[id].restored = c.resumed
	c.open.Store(int32(len(c.transactions)))
	return nil
}

// End has no effect: it is sent so that what went before has arrived.
func (c *Connection) End(message.TransactionID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable()
}

// Prepare is the first phase of an XA branch. The vote is XAVoteOK or
// XAVoteReadOnly, with which the branch is over.
func (c *Connection) Prepare(id message.TransactionID, done func(vote int32, err error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		done(0, err)
		return
	}
	c.b.events.transaction("Preparing transaction", id)
	t, err := c.transaction(id)
	if err == nil && !id.XA {
		err = &Error{Kind: ErrTransaction, Code: XAErrBroker, Text: "Prepare not implemented on Local Transactions"}
	}
	if err != nil {
		done(0, err)
		return
	}
	t.prepare(done)
}

// Commit makes a transaction's work happen, all or nothing. onePhase is the
// only way for a local transaction.
func (c *Connection) Commit(id message.TransactionID, onePhase bool, done func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.events.transaction("Committing transaction", id)
	t, err := c.ending(id)
	c.resumed = false
	switch {
	case err != nil:
		done(err)
	case !id.XA:
		c.commit(t, done)
	case onePhase && t.claim():
		c.commit(t, done)
	default:
		t.commitBranch(onePhase, done)
	}
}

// commit carries a local transaction out when the store takes it, and lets the
// connection's other commands go on meanwhile. c.mu is held.
func (c *Connection) commit(t *transaction, done func(error)) {
	size := t.persistent()
	answer := done
	done = func(err error) { answer(t.failedCommit(err)) }
	run := func(err error) {
		if err != nil {
			t.rollback(nil)
			done(err)
			return
		}
		t.commit(func(err error, again func(error)) bool {
			return c.spill.refused(err, spilled{c.life, gate{}, size, again})
		}, done)
	}
	if size == 0 {
		run(nil)
		return
	}
	if wait, _ := c.spill.state(); wait == nil {
		if now, err := c.b.admits(size); now {
			run(err)
			return
		}
	}
	c.spill.push(spilled{c.life, gate{}, size, run})
}

// Rollback undoes a transaction.
func (c *Connection) Rollback(id message.TransactionID, done func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.events.transaction("Rolling back transaction", id)
	t, err := c.ending(id)
	c.resumed = false
	switch {
	case err != nil:
		done(err)
	case id.XA:
		t.rollbackBranch(done)
	default:
		t.rollback(done)
	}
}

// ending returns a transaction that is about to end. c.mu is held.
func (c *Connection) ending(id message.TransactionID) (*transaction, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	t, err := c.transaction(id)
	if err == nil && !id.XA {
		delete(c.transactions, id)
		c.open.Store(int32(len(c.transactions)))
	}
	return t, err
}

// Forget drops an XA branch that was completed heuristically. (ActiveMQ:
// TransactionBroker.forgetTransaction)
func (c *Connection) Forget(id message.TransactionID, done func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.events.transaction("Forgetting transaction", id)
	t, err := c.ending(id)
	switch {
	case err != nil:
		done(err)
	case !id.XA:
		t.rollback(done)
	default:
		t.rollbackBranch(done)
	}
}

// Recover lists the XA branches that are prepared, those included whose prepare
// is under way.
func (c *Connection) Recover(done func([]message.TransactionID)) {
	c.b.branches.list(done)
}
