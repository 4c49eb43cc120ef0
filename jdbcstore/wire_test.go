//go:build postgres

package jdbcstore

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// TestDirectAndPipeline: a transaction has the same outcome on either way: its
// rows are counted, a statement that fails undoes all and leaves the session as
// it was, and one whose session ends is uncertain.
func TestDirectAndPipeline(t *testing.T) {
	s := mustOpen(t, options(emptySchema(t)))
	require.NoError(t, await(s, store.Single(benchAdd(1, 1), true, nil)))
	expose := call{name: stmtExpose, parameters: [][]byte{textValue(benchQueue.String()), int8Value(7)}}
	absent := call{name: stmtExpose, parameters: [][]byte{textValue("queue://ABSENT"), int8Value(7)}}
	broken := call{name: stmtExpose, parameters: [][]byte{textValue("a\x00b"), int8Value(8)}}
	exposed := func() int64 {
		return number(t, `SELECT exposed FROM `+s.o.Tables.Prefix+`CONCLAVE_DESTS WHERE CONTAINER = $1`, benchQueue.String())
	}
	for _, more := range []int{0, mostDirect} { // the pipeline's
		own, err := s.connect(t.Context())
		require.NoError(t, err)
		calls := append([]call{absent, expose}, make([]call, more)...)
		for i := range more {
			calls[2+i] = absent
		}
		rows := make([]int64, len(calls))
		uncertain, err := own.run(t.Context(), calls, rows)
		require.NoError(t, err)
		require.False(t, uncertain)
		require.Equal(t, []int64{0, 1}, rows[:2])
		require.EqualValues(t, 7, exposed())

		expose.parameters[1] = int8Value(9)
		uncertain, err = own.run(t.Context(), append(append([]call{expose}, calls[2:]...), broken, expose), append(rows, 0))
		var e *pgconn.PgError
		require.True(t, errors.As(err, &e), "%v", err)
		require.Equal(t, "22021", e.Code)
		require.False(t, uncertain)
		require.EqualValues(t, 7, exposed())
		expose.parameters[1] = int8Value(7)
		_, err = own.run(t.Context(), calls, rows)
		require.NoError(t, err)

		require.EqualValues(t, 1, number(t, `SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = $1`, own.name))
		uncertain, err = own.run(t.Context(), calls, rows)
		require.Error(t, err)
		require.True(t, uncertain)
		require.True(t, own.conn.IsClosed())
		require.Equal(t, away, judge(err))
		own.close()
	}
}

// TestRowsAreFoundByPlace: a destination's row is not looked for through its
// key again and again, where somebody's transaction would have it look at every
// version since; and it is found when it has moved.
func TestRowsAreFoundByPlace(t *testing.T) {
	o := options(emptySchema(t))
	s := mustOpen(t, o)
	other := message.NewQueue("OTHER")
	n := int64(0)
	appendTo := func(dest message.Destination) store.Op {
		n++
		op := benchAdd(1, n)
		op.Destination = dest
		return op
	}
	round := func() {
		both := &store.Unit{Ops: []store.Op{appendTo(benchQueue), appendTo(other)}, Outcome: store.Commit, Sync: true,
			Transaction: message.TransactionID{Connection: "ID:place", Value: n}}
		require.NoError(t, await(s, both))
		gone := store.Op{Action: store.Remove, Destination: other, ID: both.Ops[1].Message.ID, Seq: both.Ops[1].Seq}
		require.NoError(t, await(s, store.Single(gone, true, nil)))
	}
	for range 50 {
		round()
	}
	sql(t, `VACUUM FULL `+o.Tables.Prefix+`CONCLAVE_DESTS`, `VACUUM FULL `+o.Tables.Prefix+`CONCLAVE_PRODUCERS`)
	for range 50 {
		round()
	}
	require.NoError(t, s.Close())
	count := func(dest string) int64 {
		return number(t, `SELECT MESSAGES FROM `+o.Tables.Prefix+`CONCLAVE_DESTS WHERE CONTAINER = $1`, dest)
	}
	require.EqualValues(t, 100, count(benchQueue.String()))
	require.EqualValues(t, 0, count(other.String()))
	require.Equal(t, n, number(t, `SELECT max(LAST_SEQ) FROM `+o.Tables.Prefix+`CONCLAVE_PRODUCERS`))
	for _, table := range []string{"conclave_dests", "conclave_producers"} {
		scans := number(t, `SELECT sum(idx_scan)::bigint FROM pg_stat_user_indexes WHERE schemaname || '.' = lower($1) AND relname = $2`, o.Tables.Prefix, table)
		require.Positive(t, scans, table)
		require.Less(t, scans, int64(40), table)
	}
}
