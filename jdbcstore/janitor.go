package jdbcstore

import (
	"context"
	"time"
)

const (
	// measurePeriod is how often the size of the tables is asked for.
	measurePeriod = 10 * time.Second
	// maxRecorded is how many producers' last sequences the database keeps.
	maxRecorded = 100_000
)

// janitor measures, and deletes what nobody needs, until the store is closed.
func (s *Store) janitor() {
	tick := time.NewTicker(measurePeriod)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-tick.C:
		case <-s.closing:
			return
		case <-s.failed:
			return
		}
		ctx, cancel := context.WithTimeout(s.context, measurePeriod)
		err := s.measure(ctx, s.pool)
		if err == nil && s.o.CleanupPeriod > 0 && time.Since(last) >= s.o.CleanupPeriod {
			last = time.Now()
			err = s.clean(ctx)
		}
		cancel()
		if err != nil && judge(err) == final {
			s.o.Log.Warn("cleaning up the database", "error", err)
		}
	}
}

// clean forgets the producers that have been silent for longest.
func (s *Store) clean(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := s.enter(ctx, conn.Conn())
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, s.names.Replace(`DELETE FROM {producers} WHERE TOUCHED < (SELECT TOUCHED FROM {producers} ORDER BY TOUCHED DESC OFFSET $1 LIMIT 1)`), maxRecorded); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
