package jdbcstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/conclavemq/conclave/store"
)

// write makes a batch durable. It waits for a database that has gone away, for
// as long as the lease may still be this process's. nil is certain: the batch
// is durable. An error is certain too: it is not, or the store has failed.
func (s *Store) write(b *batch) error {
	if len(b.statements) == 0 {
		return nil
	}
	rows := make([]int64, len(b.statements))
	uncertain := false
	err := s.retry(func(ctx context.Context, c *session) error {
		if uncertain {
			durable, err := c.committed(ctx, b)
			if err != nil {
				return err
			}
			s.o.Log.Info("outcome of a transaction is known now", "durable", durable)
			if durable {
				return nil
			}
			uncertain = false
		}
		for i := range b.statements {
			b.statements[i].returned = nil
		}
		maybe, err := c.run(ctx, b.statements, rows)
		if maybe {
			uncertain = true
			for i := range rows {
				rows[i] = 1 // whatever a statement did has to be reckoned with
			}
		}
		return err
	})
	if err == nil {
		for i := range b.statements {
			c := &b.statements[i]
			if c.result != nil {
				c.result(rows[i])
			}
			if c.keep != nil {
				c.keep(c.returned)
			}
		}
	}
	return err
}

// committed asks whether a batch has been carried out after all. The session
// that sent it has ended, see Store.connect, and the epoch stands, so the
// answer is final.
func (c *session) committed(ctx context.Context, b *batch) (bool, error) {
	const text = `SELECT 1 FROM {dests} WHERE CONTAINER = $1::text AND BATCH >= $2::bigint`
	return c.exists(ctx, c.replace(text), textValue(b.marker), int8Value(b.number))
}

// Pauses between two attempts to reach the database.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
	// mostRepeated bounds the attempts after errors that are to pass by
	// themselves.
	mostRepeated = 20
	// closePatience is how long Close waits for a database that has gone.
	closePatience = 5 * time.Second
)

// retry does something with the committer's session until the database gives
// an answer that another attempt would not change.
func (s *Store) retry(do func(context.Context, *session) error) error {
	pause, complained, repeated := firstPause, false, 0
	for {
		if err := s.confirm(); err != nil {
			return err
		}
		err := s.attempt(do)
		switch verdict := judge(err); {
		case err == nil:
			if complained {
				s.o.Log.Info("database is back")
			}
			return nil
		case verdict == deposed:
			s.fail(fmt.Errorf("%w: %w", store.ErrLeaseLost, err))
			return s.failureOf()
		case verdict == full:
			return fmt.Errorf("%w: %w", store.ErrNoSpace, err)
		case verdict == repeatable && repeated == 0:
			repeated++
			s.renew(err)
			continue
		case verdict == repeatable && repeated > mostRepeated:
			return err
		case verdict == repeatable:
			repeated++
		case verdict == final:
			return err
		}
		if !complained {
			complained = true
			s.o.Log.Warn("database does not answer; nothing is confirmed until it does", "error", err)
		}
		if err := s.pause(pause, err); err != nil {
			return err
		}
		pause = min(2*pause, lastPause)
	}
}

// renew gives up a session whose prepared statements are no longer valid.
func (s *Store) renew(err error) {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "0A000" && s.session != nil {
		s.session.close()
	}
}

// attempt does it once, with a new session if there is none.
func (s *Store) attempt(do func(context.Context, *session) error) error {
	if err := s.context.Err(); err != nil {
		return err
	}
	if s.session == nil || s.session.conn.IsClosed() {
		c, err := s.connect(s.context)
		if err != nil {
			return err
		}
		s.session = c
	}
	return do(s.context, s.session)
}

// pause waits before the next attempt; it returns the error that ends them.
func (s *Store) pause(d time.Duration, cause error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.context.Done():
		return s.failureOf()
	case <-s.closing:
		if s.closingFor(d) > closePatience {
			s.fail(fmt.Errorf("%w: %w", store.ErrFailed, cause))
			return s.failureOf()
		}
		<-timer.C
	}
	return nil
}

// verdict says what an error means for what was tried.
type verdict uint8

const (
	final      verdict = iota // it will not work the next time either
	repeatable                // it may work at once
	away                      // it may work when the database is back
	full                      // there is no space
	deposed                   // another owns the schema
)

// judge tells errors apart by their SQLSTATE.
func judge(err error) verdict {
	var e *pgconn.PgError
	var scan pgx.ScanArgError
	if errors.Is(err, pgx.ErrNoRows) || errors.As(err, &scan) {
		return final
	}
	if !errors.As(err, &e) {
		return away // no answer, or none that is complete
	}
	switch e.Code {
	case "22012": // division by zero: only the fence divides
		return deposed
	case "53100": // disk full
		return full
	case "40001", "40P01", "57014", "55P03", // serialization, deadlock, cancelled, lock not available
		"0A000", "42P10": // an ActiveMQ that starts makes a primary key anew
		return repeatable
	case "25006", "25P03": // read-only: a standby; this process stood still between the parts of a transaction
		return away
	case "28000", "28P01", "3D000": // rights to connect, while it was possible before
		return away
	}
	switch e.Code[:2] {
	case "08", "53", "57", "58", "XX": // connection, resources, shutdown, system
		return away
	}
	return final
}

// refusal reports an error that is about the contents of a unit: it cannot be
// stored, and others can.
func refusal(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code[:2] {
	case "22", "54": // data, program limits
		return true
	case "23": // constraints
		return e.Code != "23505"
	}
	return false
}

// explainRefusal names the encoding as the cause where it is.
func explainRefusal(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "22P05" || e.Code == "22021") {
		return fmt.Errorf("%w: %w", ErrEncoding, err)
	}
	return err
}
