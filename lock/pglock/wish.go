package pglock

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/lock"
)

const (
	// patience is how long slaves give way to the one that was named: it waits
	// in the server and is woken at once.
	patience = 500 * time.Millisecond
	wishLook = 10 * time.Millisecond
)

// memory is what a locker knows of its own past.
type memory struct {
	mu      sync.Mutex
	fence   Fence  // guarded by mu; of the last epoch taken
	gaveWay string // guarded by mu; holder whose wish was honoured last
}

func (m *memory) remember(f Fence) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fence = f
}

// Fence is the one of the last lease that Acquire has returned.
func (m *memory) Fence() Fence {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fence
}

// givesWay reports whether the lock that is free is meant for another. A locker
// gives way once to one wish, and never where it would not come back.
func (o *Options) givesWay(m *memory, last record) bool {
	if o.FailIfLocked || last.successor == "" || last.successor == o.BrokerName || last.successor == o.Host {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gaveWay == last.ID {
		return false
	}
	m.gaveWay = last.ID
	o.Log.Info("the last master named another broker its successor; giving way to it",
		"successor", last.successor, "for", last.patience)
	return true
}

// giveWay waits until somebody has taken the next epoch, or patience is over.
func (o *Options) giveWay(ctx context.Context, s *session, last record) error {
	for began := time.Now(); time.Since(began) < last.patience; {
		if err := lock.Pause(ctx, wishLook); err != nil {
			return err
		}
		now, err := readRecord(ctx, s, o.Tables)
		if err != nil || now.ID != last.ID {
			return err
		}
	}
	return nil
}

// designate records that node, a broker's name or its host, shall follow the
// owner of epoch, and returns how long the others will give way to it.
func (o *Options) designate(epoch uint64, node string, patience time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime+connectTime)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, o.Source.config)
	if err != nil {
		return 0, fmt.Errorf("name a successor: %w", err)
	}
	defer conn.Close(ctx)
	tag, err := conn.Exec(ctx, "UPDATE "+o.Tables.Epoch()+" SET SUCCESSOR = $1, PATIENCE_MS = $2 WHERE ID = 1 AND EPOCH = $3",
		clip(node), patience.Milliseconds(), int64(epoch))
	if err == nil && tag.RowsAffected() != 1 {
		err = fmt.Errorf("epoch %d does not stand any more", epoch)
	}
	if err != nil {
		return 0, fmt.Errorf("name a successor: %w", err)
	}
	return patience, nil
}

// Designate records who shall follow the owner of epoch, which is this process.
func (a *Advisory) Designate(epoch uint64, node string) (time.Duration, error) {
	return a.o.designate(epoch, node, patience)
}
