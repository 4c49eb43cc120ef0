package pglock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/lock"
)

// LeaseOptions configure a LeaseRow.
type LeaseOptions struct {
	Options
	// Duration is how long the row is held without being renewed; the lease
	// that it gives is valid for four fifths of that.
	Duration time.Duration
	// HolderID begins the holder's name in the row; "" is the broker's name.
	// (leaseHolderId)
	HolderID string
}

// LeaseRow is the lock.Locker that keeps ActiveMQ's lease row. Times are the
// database's, to which no host's clock has to agree; how long the lease is
// valid is measured by this host's boot-time clock from before it was renewed.
// It needs no session: it works through a pooler. A transaction beside it keeps
// out an ActiveMQ with the other locker (leaserow.go).
type LeaseRow struct {
	o        Options
	duration time.Duration
	holderID string
	memory
}

// NewLeaseRow checks the options. It does not connect.
func NewLeaseRow(options LeaseOptions) (*LeaseRow, error) {
	const parts = 5
	if options.Duration < time.Second {
		return nil, fmt.Errorf("database lock: a lease of %v is too short", options.Duration)
	}
	setDefault(&options.KeepAlivePeriod, DefaultKeepAlivePeriod)
	options.KeepAlivePeriod = min(options.KeepAlivePeriod, options.Duration/parts)
	options.Window = options.Duration / parts * (parts - 1)
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if options.HolderID == "" {
		options.HolderID = o.BrokerName
	}
	return &LeaseRow{o: o, duration: options.Duration, holderID: options.HolderID}, nil
}

// lookTime is how often a slave looks whether a lease has ended.
const lookTime = 250 * time.Millisecond

// TakeTime is how long a slave may take to notice that the lock is free.
func (l *LeaseRow) TakeTime() time.Duration { return time.Second + 2*lookTime }

// Designate records who shall follow the owner of epoch, which is this process.
func (l *LeaseRow) Designate(epoch uint64, node string) (time.Duration, error) {
	return l.o.designate(epoch, node, patience+2*lookTime)
}

// Acquire implements lock.Locker.
func (l *LeaseRow) Acquire(ctx context.Context) (*lock.Lease, error) {
	return l.o.compete(ctx, l.stand)
}

// stand asks for the lease until it has it, or the connection ends.
func (l *LeaseRow) stand(ctx context.Context, c *candidacy) (lease *lock.Lease, err error) {
	s, err := attach(ctx, l.o.Source)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	if !c.proven {
		if err := proveFence(ctx, l.o.Source, s); err != nil {
			return nil, err
		}
		if err := proveSame(ctx, s, l.o.Store); err != nil {
			return nil, err
		}
		c.proven = true
	}
	keys, err := l.o.prepare(ctx, s)
	if err != nil {
		return nil, err
	}
	if there, err := s.hasTable(ctx, l.o.Tables.Lock()); !there || err != nil {
		return nil, errors.Join(err, fmt.Errorf("%w: %s is not in the database", ErrNoTables, l.o.Tables.Lock()))
	}
	c.reached()
	for {
		lease, err := l.attempt(ctx, s, keys, c)
		if lease != nil || err != nil {
			return lease, err
		}
		if err := lock.Pause(ctx, lookTime); err != nil {
			return nil, err
		}
	}
}

// errLeaseHeld: another has it.
var errLeaseHeld = errors.New("lease is held")

// attempt looks at the row and takes it if it is free; nil without an error
// says that it is not.
func (l *LeaseRow) attempt(ctx context.Context, s *session, keys Keys, c *candidacy) (*lock.Lease, error) {
	now, err := readLease(ctx, s, l.o.Tables.Lock())
	if err != nil {
		return nil, err
	}
	last, err := readRecord(ctx, s, l.o.Tables)
	switch {
	case err != nil:
		return nil, err
	case now.left > 0 && !c.outlived(now, last):
		return nil, l.o.tell(c, l.status(now.name, last))
	case l.o.givesWay(&l.memory, last):
		return nil, l.o.giveWay(ctx, s, last)
	}
	t := &leaseTenure{o: &l.o, s: s, duration: l.duration, after: now}
	h := l.o.holder()
	t.name = leaseName(l.holderID, h.ID)
	fence, proven, err := l.o.takeNext(ctx, s, keys, h, func(tx pgx.Tx) error { return t.obtain(ctx, tx) })
	if err != nil {
		t.row.end()
	}
	switch {
	case errors.Is(err, errLeaseHeld):
		return nil, l.o.tell(c, lock.Status{Held: true, Foreign: "another server"})
	case isCode(err, lockNotAvailable):
		return nil, l.o.tell(c, lock.Status{Held: true, Foreign: "ActiveMQ (its row in " + l.o.Tables.Lock() + " is locked)"})
	case err != nil:
		return nil, err
	}
	t.fence = fence
	l.remember(fence)
	l.o.Log.Info(t.name+", becoming master on dataSource: "+l.o.Source.String(), "epoch", fence.Epoch)
	return l.o.lease(fence, t, proven, c.waited)
}

func (l *LeaseRow) status(name string, last record) lock.Status {
	if isLeaseOf(name, last) {
		return lock.Status{Held: true, Holder: last.Holder}
	}
	return lock.Status{Held: true, Foreign: name + " (by a lease in " + l.o.Tables.Lock() + ")"}
}

// hold is what ActiveMQ's lock row says.
type hold struct {
	name  string // of the holder, or ""
	until int64  // by the database's clock, milliseconds
	left  int64  // milliseconds, by the same clock
}

// readLease gives the holder in ActiveMQ's lock row.
func readLease(ctx context.Context, q querier, table string) (h hold, err error) {
	err = q.QueryRow(ctx, "SELECT COALESCE(BROKER_NAME, ''), COALESCE(TIME, 0), COALESCE(TIME, 0) - "+nowMillis+" FROM "+table+" WHERE ID = 1").Scan(&h.name, &h.until, &h.left)
	if errors.Is(err, pgx.ErrNoRows) {
		return hold{}, nil
	}
	return h, err
}

// outlived reports that a lease is over although the database's clock says that
// it is not, because that was set back or is a promoted standby's: a Conclave
// has not renewed it for longer than it can be valid, by this host's clock.
func (c *candidacy) outlived(now hold, last record) bool {
	if !isLeaseOf(now.name, last) || now.name != c.held.name || now.until != c.held.until {
		c.held, c.heldSince = now, lock.BootTime()
		return false
	}
	// A lease is valid for less than it is held: see NewLeaseRow.
	return lock.BootTime()-c.heldSince >= 2*time.Duration(last.WindowMillis)*time.Millisecond
}

// leaseName is what a broker of ours writes there: its name, and the identity
// of one ownership, so that two brokers of one name do not both own it.
func leaseName(broker, id string) string {
	return clip(broker[:min(len(broker), 200)]) + "#" + id
}

func isLeaseOf(name string, last record) bool {
	return last.ID != "" && strings.HasSuffix(name, "#"+last.ID)
}
