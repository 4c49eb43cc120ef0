package jdbcstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// maxReported bounds the memory of rows reported as unreadable.
const maxReported = 10_000

// unreadable reports an error of the server about what it has stored.
func unreadable(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code[:2] == "XX"
}

// passOver reports the first row after a position, whose message the server
// cannot read. It may not know either which row that is.
func (s *Store) passOver(r *read, src source, after store.Seq, cause error) (f found, known bool) {
	src.text = strings.Replace(src.text, "m.MSG", "NULL::bytea", 1)
	text, parameters := r.query(src, after, 1)
	var id int64
	if err := s.pool.QueryRow(s.context, s.names.Replace(text), parameters...).Scan(&id, nil); err != nil {
		return f, false
	}
	var data []byte
	if err := s.pool.QueryRow(s.context, s.names.Replace(`SELECT MSG FROM {msgs} WHERE ID = $1`), id).Scan(&data); !unreadable(err) {
		return f, false // it is another's fault
	}
	s.report(r.dest, id, cause)
	return found{rows: 1, last: store.Seq(id), cut: true}, true
}

// report says once that a row cannot be read back. It stays where it is.
func (s *Store) report(dest message.Destination, id int64, err error) {
	if s.reports.Load() >= maxReported {
		return
	}
	if _, again := s.reported.LoadOrStore(id, true); again {
		return
	}
	s.reports.Add(1)
	err = fmt.Errorf("%w: row %d: %w", store.ErrCorrupt, id, err)
	s.o.Log.Error("stored message cannot be read back; it is left where it is and the others are served", "destination", dest.String(), "error", err)
}
