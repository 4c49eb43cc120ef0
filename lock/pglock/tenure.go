package pglock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/lock"
)

// tenure is one epoch held by an advisory lock: a lock.Ownership, and so the
// keeper's alone.
//
//	held ── session ends ──► suspended ── lock won again, epoch stands ──► held
//	 │                           │
//	 └─ epoch or row is          ├─ another has the lock, or took an epoch ──► lost
//	    another's: lost          └─ the grace period is over ──► lost
type tenure struct {
	o     *Options
	keys  Keys
	fence Fence
	row   *row // nil where there is no ActiveMQ's table

	proven time.Duration // when the last proof began
	s      *session      // nil while it is suspended
	last   session       // which the lock was held by last
	since  time.Duration // suspended; 0 while it is not
	retry  retry
}

// suspended reports that a session has ended.
func (t *tenure) suspended() bool { return t.s == nil || t.row.gone() }

// Attend implements lock.Attentive: the server says nothing to an idle session
// but that it has ended.
func (t *tenure) Attend(ctx context.Context) {
	if t.suspended() {
		t.retry.next = min(max(2*t.retry.next, firstRetry), t.o.SleepInterval)
		_ = lock.Pause(ctx, t.retry.next)
		return
	}
	var watching sync.WaitGroup
	ctx, noticed := context.WithCancel(ctx)
	defer noticed()
	if t.row != nil {
		watching.Go(func() { defer noticed(); _, _ = t.row.s.WaitForNotification(ctx) })
	}
	_, _ = t.s.WaitForNotification(ctx)
	noticed()
	watching.Wait()
}

// Prove implements lock.Ownership.
func (t *tenure) Prove(live func() bool) error {
	began := lock.BootTime()
	err := t.prove(live)
	switch {
	case err == nil:
		t.proven = began
	case !errors.Is(err, lock.ErrLost) && unreachable(err) && lock.BootTime()-t.proven >= silenceTime:
		// Nobody on this side gets through, and the server has given the lock
		// to another by now: clients shall look for that one.
		return fmt.Errorf("%w: cut off from the database: %w", lock.ErrLost, err)
	}
	return err
}

func (t *tenure) prove(live func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.o.Window+t.o.Grace)
	defer cancel()
	if t.suspended() {
		return t.resume(ctx, live)
	}
	err := t.examine(ctx, t.s)
	if err == nil {
		err = t.keepRow(ctx)
	}
	if t.s.IsClosed() {
		t.s = nil
	}
	if err == nil || errors.Is(err, lock.ErrLost) || !t.suspended() {
		return err
	}
	t.pause()
	return fmt.Errorf("%w: its session has ended: %w", lock.ErrSuspended, err)
}

// pause notes the beginning of a suspension.
func (t *tenure) pause() {
	if t.since == 0 {
		t.since = lock.BootTime()
		t.retry.reached()
	}
}

// keepRow proves that ActiveMQ's row is held.
func (t *tenure) keepRow(ctx context.Context) error {
	renewed, err := t.row.prove(ctx, t.s)
	if err == nil && renewed {
		err = t.settle(ctx)
	}
	return err
}

// settle makes durable, by a commit, what was locked before it, so that a crash
// of the database does not forget who had ActiveMQ's row last. It does not wait
// for somebody who has locked the row of the epoch: the next one settles more.
func (t *tenure) settle(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, t.s.Conn, func(tx pgx.Tx) error {
		// A standby is not waited for.
		_, err := tx.Exec(ctx, fmt.Sprintf("SELECT set_config('synchronous_commit', 'local', true), set_config('lock_timeout', '%d', true)", rowMoment.Milliseconds()))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE "+t.fence.Table+" SET BACKEND = pg_backend_pid() WHERE ID = 1 AND EPOCH = $1 AND HOLDER = $2",
			int64(t.fence.Epoch), t.fence.Holder)
		return err
	})
	if isCode(err, lockNotAvailable) {
		return nil
	}
	return err
}

// examine asks for what makes this the master: the lock, and the epoch.
func (t *tenure) examine(ctx context.Context, s *session) error {
	var held, stands bool
	err := s.QueryRow(ctx, "SELECT COALESCE("+holderOf+" = pg_backend_pid(), false)"+
		", EXISTS (SELECT 1 FROM "+t.fence.Table+" WHERE ID = 1 AND EPOCH = $2 AND HOLDER = $3)",
		t.keys.Lock, int64(t.fence.Epoch), t.fence.Holder).Scan(&held, &stands)
	switch {
	case err != nil:
		return err
	case !stands:
		return t.deposed(ctx, s)
	case !held:
		return fmt.Errorf("%w: the session has it no more", lock.ErrLost)
	}
	return nil
}

// deposed names the successor.
func (t *tenure) deposed(ctx context.Context, s *session) error {
	last, err := readRecord(ctx, s, t.o.Tables)
	if err != nil {
		return err
	}
	if last.Epoch < t.fence.Epoch {
		return fmt.Errorf("%w: the database has forgotten epoch %d", lock.ErrLost, t.fence.Epoch)
	}
	return fmt.Errorf("%w: epoch %d was succeeded by %s", lock.ErrLost, t.fence.Epoch, last.Holder)
}

// promoted is said of a database whose timeline has changed.
const promoted = "a standby has become the database"

// unreachable reports an error of the network; a server that is being started
// again refuses connections.
func unreachable(err error) bool {
	e := net.Error(nil)
	return errors.As(err, &e) && e.Timeout() || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH)
}

// resume wins the lock again, in a new session, if nobody else has been master.
func (t *tenure) resume(ctx context.Context, live func() bool) error {
	t.pause()
	err := t.regain(ctx, live)
	switch {
	case errors.Is(err, lock.ErrLost):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", lock.ErrSuspended, err)
	}
	t.o.Log.Warn("the database is back and the epoch still stands: going on as the master", "epoch", t.fence.Epoch,
		"after", (lock.BootTime() - t.since).Round(time.Millisecond))
	t.since = 0
	return nil
}

// regain restores what is missing: the lock, ActiveMQ's row, or both.
func (t *tenure) regain(ctx context.Context, live func() bool) error {
	if t.s == nil {
		s, err := open(ctx, t.o.Source.impatient(), t.o.BrokerName)
		if err != nil {
			return err
		}
		if s.timeline != t.last.timeline {
			s.end()
			return fmt.Errorf("%w: %s, and may have missed what was committed last: reading it anew", lock.ErrLost, promoted)
		}
		if err := t.rewin(ctx, s, live); err != nil {
			s.end()
			return err
		}
		t.s, t.last = s, *s
	}
	err := t.examine(ctx, t.s)
	if err == nil && t.row.gone() {
		err = t.row.regain(ctx, t.o)
	}
	if err == nil {
		err = t.settle(ctx)
	}
	if t.s.IsClosed() {
		t.s = nil
	}
	return err
}

// rewin takes the lock that the last session had. That one may still live, on
// the server: it is ended then.
func (t *tenure) rewin(ctx context.Context, s *session, live func() bool) error {
	ok, err := s.try(ctx, t.keys)
	if ok || err != nil {
		return err
	}
	var ours bool
	if err := s.QueryRow(ctx, "SELECT COALESCE((SELECT pid = $2 AND backend_start = $3 FROM pg_stat_get_activity("+holderOf+")), false)",
		t.keys.Lock, t.last.backend, t.last.began).Scan(&ours); err != nil {
		return err
	}
	if !ours {
		if t.released(ctx, s) {
			return errors.New("the lock was free again in that moment")
		}
		return fmt.Errorf("%w: another has taken it", lock.ErrLost)
	}
	if live() {
		if _, err := s.Exec(ctx, "SELECT pg_terminate_backend($1::int)", t.last.backend); err != nil {
			return err
		}
	}
	return errors.New("the server still keeps the last session; ending it")
}

// released reports that nobody has the lock.
func (t *tenure) released(ctx context.Context, s *session) (free bool) {
	err := s.QueryRow(ctx, "SELECT "+holderOf+" IS NULL", t.keys.Lock).Scan(&free)
	return err == nil && free
}

// releaseTime bounds a clean release.
const releaseTime = 2 * time.Second

// Release implements lock.Ownership. A clean one leaves word that nobody has to
// be waited for.
func (t *tenure) Release(clean bool) error {
	defer t.row.end()
	if t.s == nil {
		return nil
	}
	defer t.s.end()
	if !clean {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	_, err := t.s.Exec(ctx, "UPDATE "+t.fence.Table+" SET RELEASED = clock_timestamp() WHERE ID = 1 AND EPOCH = $1 AND HOLDER = $2",
		int64(t.fence.Epoch), t.fence.Holder)
	t.row.end()
	_, errUnlock := t.s.Exec(ctx, "SELECT pg_advisory_unlock($1)", t.keys.Lock)
	return errors.Join(err, errUnlock)
}
