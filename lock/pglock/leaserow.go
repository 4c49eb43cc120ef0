package pglock

import (
	"context"
	"fmt"

	"github.com/conclavemq/conclave/lock"
)

// ActiveMQ's database-locker looks at no lease: it is master as soon as it has
// locked the row. While a lease is held, a session beside it keeps the row from
// being locked FOR UPDATE. If that session ends it is replaced; an ActiveMQ that
// was quicker is given way to.

// keepOut locks the row, in a session of its own. It does so before the
// transaction ends that takes the lease and has the row.
func (t *leaseTenure) keepOut(ctx context.Context) error {
	t.row.end()
	t.row = nil
	s, err := attach(ctx, t.o.Source)
	if err != nil {
		return fmt.Errorf("second session, for ActiveMQ's lock row: %w", err)
	}
	r := &row{s: s, table: t.o.Tables.Lock(), key: true, limit: t.o.rowTime}
	if err = s.take(ctx, r.lock(), rowMoment); err == nil {
		err = r.begun(ctx)
	}
	if err != nil {
		s.end()
		return err
	}
	t.row = r
	return nil
}

// keepRow proves that the row is locked, or locks it again. Only an ActiveMQ
// that has it ends the lease: without the session, or with too few connections
// for it, the lease is what it is to brokers that look at it.
func (t *leaseTenure) keepRow(ctx context.Context) error {
	if t.row != nil && !t.row.gone() {
		if _, err := t.row.prove(ctx, t.s); err == nil {
			return nil
		}
	}
	err := t.keepOut(ctx)
	if isCode(err, lockNotAvailable) {
		return fmt.Errorf("%w: another, such as ActiveMQ with a database-locker, has locked %s", lock.ErrLost, t.o.Tables.Lock())
	}
	if err != nil {
		t.o.Log.Warn("the row of ActiveMQ's lock cannot be kept; an ActiveMQ with a database-locker may take it", "error", err)
	}
	return nil
}

// Attend implements lock.Attentive: an ActiveMQ that waits for the row has it
// when the session ends.
func (t *leaseTenure) Attend(ctx context.Context) {
	if t.row == nil || t.row.gone() {
		<-ctx.Done()
		return
	}
	_, _ = t.row.s.WaitForNotification(ctx)
}
