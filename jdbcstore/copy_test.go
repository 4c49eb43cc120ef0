//go:build postgres

package jdbcstore

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/storetest"
)

// copying are options with which COPY brings every message.
func copying(prefix string) Options {
	o := options(prefix)
	o.CopyRows = 1
	return o
}

// TestStoreByCopy is the suite of all stores, where COPY brings every message.
func TestStoreByCopy(t *testing.T) {
	storetest.Run(t, storetest.Factory{
		Open: func(t *testing.T) store.Store { return mustOpen(t, copying(emptySchema(t))) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return mustOpen(t, copying(s.(*Store).o.Tables.Prefix))
		},
		Abandon: func(t *testing.T, s store.Store) { s.(*Store).fail(store.ErrFailed) },
	})
}

// TestCopyReader: whatever is read at once, it is the same.
func TestCopyReader(t *testing.T) {
	rows := []copied{{id: 1, producer: "p", container: "queue://Q", data: []byte("one")}, {id: 2, container: "queue://Q"},
		{id: 3, producer: "p", sequence: -1, data: bytes.Repeat([]byte("x"), 100_000)}}
	whole, err := io.ReadAll(newCopyReader(rows))
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(newCopyReader(rows), whole))
	require.Len(t, whole, len(copyHead)+3*(2+7*4+4*8)+2+2*len("queue://Q")+3+100_000+len(copyTail))
	r := newCopyReader(rows)
	r.close()
	n, err := r.Read(make([]byte, 10))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
}

// batchOf is a transaction that adds messages numbered from first.
func batchOf(first, n int64) *store.Unit {
	u := &store.Unit{Outcome: store.Commit, Sync: true, Transaction: message.TransactionID{Connection: "ID:copy", Value: first}}
	for i := range n {
		u.Ops = append(u.Ops, benchAdd(1, first+i))
	}
	return u
}

// TestCopyTerminated: a transaction whose session ends in the middle of a COPY
// leaves nothing, and is carried out by the next session.
func TestCopyTerminated(t *testing.T) {
	const rows = 5000
	p := emptySchema(t)
	o := options(p)
	o.CopyRows, o.MaxBatch = rows, 64<<20
	logged := &outcomes{}
	o.Log = slog.New(logged)
	s := mustOpen(t, o)
	require.NoError(t, await(s, store.Single(benchAdd(1, 0), true, nil)))
	// The row in the middle waits for a lock that the test has.
	sql(t, `CREATE FUNCTION `+p+`held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.MSGID_SEQ = 2500 THEN PERFORM pg_advisory_xact_lock_shared(815); END IF; RETURN NEW; END $$`,
		`CREATE TRIGGER held BEFORE INSERT ON `+p+`ACTIVEMQ_MSGS FOR EACH ROW EXECUTE FUNCTION `+p+`held()`)
	holder, err := pgx.Connect(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, holder.Close(context.Background())) }()
	_, err = holder.Exec(t.Context(), `SELECT pg_advisory_lock(815)`)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- await(s, batchOf(1, rows)) }()
	for range 3 {
		const waiting = ` FROM pg_stat_activity WHERE application_name LIKE 'conclave committer%' AND query LIKE 'COPY%' AND wait_event = 'advisory'`
		require.Eventually(t, func() bool { return number(t, `SELECT count(*)`+waiting) == 1 }, 30*time.Second, time.Millisecond)
		require.Equal(t, int64(1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS`))
		sql(t, `SELECT pg_terminate_backend(pid)`+waiting)
	}
	require.Empty(t, done)
	_, err = holder.Exec(t.Context(), `SELECT pg_advisory_unlock(815)`)
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.Zero(t, logged.durable.Load()+logged.other.Load(), "what was not committed needs no look")
	require.Equal(t, int64(rows+1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS`))
	require.Equal(t, int64(rows+1), number(t, `SELECT MESSAGES FROM `+p+`CONCLAVE_DESTS WHERE CONTAINER = 'queue://BENCH'`))
	page, err := s.Page(nil, benchQueue, 4999, 10, 1<<20)
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Equal(t, benchMessage(1, 5000).Content, page[1].Message.Content)
}

// TestCopyRefused: what the database refuses within a COPY leaves the session
// usable, and the other messages are stored.
func TestCopyRefused(t *testing.T) {
	p := emptySchema(t)
	o := copying(p)
	o.FailIfNoSpace = true
	s := mustOpen(t, o)
	sql(t, `ALTER TABLE `+p+`ACTIVEMQ_MSGS ADD CHECK (MSGID_SEQ <> 13)`)
	require.NoError(t, await(s, batchOf(1, 10)))
	backend := s.session.conn.PID()
	require.ErrorContains(t, await(s, batchOf(11, 10)), "check constraint")
	require.NoError(t, await(s, batchOf(21, 10)))
	sql(t, `CREATE FUNCTION `+p+`full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`,
		`CREATE TRIGGER disk BEFORE INSERT ON `+p+`ACTIVEMQ_MSGS FOR EACH ROW WHEN (NEW.MSGID_SEQ = 35) EXECUTE FUNCTION `+p+`full()`)
	require.ErrorIs(t, await(s, batchOf(31, 10)), store.ErrNoSpace)
	require.Equal(t, int64(20), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS`))
	require.Equal(t, backend, s.session.conn.PID())
}

// TestCopyFence: a deposed master's COPY is not carried out.
func TestCopyFence(t *testing.T) {
	o := copying(emptySchema(t))
	table := o.Tables.Prefix + "EPOCHS"
	sql(t, "CREATE TABLE "+table+"(EPOCH BIGINT)", "INSERT INTO "+table+" VALUES (1)")
	o.Fence = []string{"SELECT pg_advisory_xact_lock_shared(4712)", "SELECT 1/count(*) FROM " + table + " WHERE EPOCH = 1"}
	s := mustOpen(t, o)
	require.NoError(t, await(s, batchOf(1, 10)))
	sql(t, "UPDATE "+table+" SET EPOCH = 2")
	require.ErrorIs(t, await(s, batchOf(11, 10)), store.ErrLeaseLost)
	require.Equal(t, int64(10), number(t, "SELECT count(*) FROM "+o.Tables.Prefix+"ACTIVEMQ_MSGS"))
}

// TestCopyable: what COPY cannot write, arrays do.
func TestCopyable(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, o *Options) // before the store is opened
		copies  bool
	}{
		"a schema of ours":        {func(*testing.T, *Options) {}, true},
		"a schema of ActiveMQ's":  {func(t *testing.T, o *Options) { activeMQ(t, o.Tables.Prefix) }, true},
		"text":                    {func(_ *testing.T, o *Options) { o.Tables.ContainerType, o.Tables.MessageIDType = "TEXT", "TEXT" }, true},
		"numbers of another type": {func(_ *testing.T, o *Options) { o.Tables.LongType = "INTEGER" }, false},
		"a domain": {func(t *testing.T, o *Options) {
			sql(t, "CREATE DOMAIN payload AS BYTEA")
			o.Tables.BinaryType = "payload"
		}, false},
		"a rule": {func(t *testing.T, o *Options) {
			activeMQ(t, o.Tables.Prefix)
			sql(t, `CREATE RULE nothing AS ON INSERT TO `+o.Tables.Prefix+`ACTIVEMQ_MSGS WHERE NEW.ID < 0 DO INSTEAD NOTHING`)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := copying(emptySchema(t))
			c.prepare(t, &o)
			s := mustOpen(t, o)
			require.Equal(t, c.copies, s.copies)
			require.NoError(t, await(s, batchOf(1, 10)))
			require.Equal(t, int64(10), number(t, "SELECT count(*) FROM "+o.Tables.Prefix+"ACTIVEMQ_MSGS"))
		})
	}
}
