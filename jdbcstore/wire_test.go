//go:build postgres

package jdbcstore

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

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
