//go:build postgres

package jdbcstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// TestRefusedUnits: what a column cannot hold is refused, and nothing beside
// it.
func TestRefusedUnits(t *testing.T) {
	s := mustOpen(t, options(emptySchema(t)))
	long := benchMessage(1, 1)
	long.Destination = message.NewQueue(strings.Repeat("Q", 300))
	require.ErrorContains(t, await(s, store.Single(store.Op{Action: store.Add, Destination: long.Destination, Message: long}, true, nil)), "destination of more than")
	nul := benchMessage(1, 2)
	nul.Destination = message.NewQueue("A\x00B")
	require.Error(t, await(s, store.Single(store.Op{Action: store.Add, Destination: nul.Destination, Message: nul}, true, nil)))
	news := message.NewTopic("NEWS")
	info := &message.SubscriptionInfo{ClientID: strings.Repeat("c", 251), Name: "s", Destination: news, SubscribedDestination: news}
	require.ErrorIs(t, await(s, store.Single(store.Op{Action: store.AddSubscription, Destination: news, Info: info}, true, nil)), store.ErrTooLarge)
	name := strings.Repeat("ü", 230)
	full := benchMessage(1, 3)
	full.Destination = message.NewQueue(name)
	require.NoError(t, await(s, store.Single(store.Op{Action: store.Add, Destination: full.Destination, Message: full}, true, nil)))
}

// TestRefusedByDatabase: what only the database knows to be wrong is found by
// halves, and the other units are carried out in their order.
func TestRefusedByDatabase(t *testing.T) {
	p := emptySchema(t)
	s := mustOpen(t, options(p))
	sql(t, `ALTER TABLE `+p+`ACTIVEMQ_MSGS ADD CHECK (MSGID_SEQ <> 13)`)
	results := make(chan string, 40)
	block := make(chan struct{})
	s.Append(&store.Unit{Done: func(error) { <-block }})
	for n := range int64(40) {
		s.Append(store.Single(benchAdd(1, n), true, func(err error) { results <- fmt.Sprint(n, err != nil) }))
	}
	close(block)
	for n := range 40 {
		require.Equal(t, fmt.Sprint(n, n == 13), <-results)
	}
	require.Equal(t, int64(39), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS`))
	require.Equal(t, int64(39), number(t, `SELECT MESSAGES FROM `+p+`CONCLAVE_DESTS WHERE CONTAINER = 'queue://BENCH'`))
}

// TestNoSpace: in a full database removals are still taken, and new messages
// again when there is room.
func TestNoSpace(t *testing.T) {
	p := emptySchema(t)
	o := options(p)
	o.FailIfNoSpace = true
	s := mustOpen(t, o)
	u := store.Single(benchAdd(1, 1), true, nil)
	require.NoError(t, await(s, u))
	sql(t, `CREATE FUNCTION `+p+`full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`,
		`CREATE TRIGGER disk BEFORE INSERT ON `+p+`ACTIVEMQ_MSGS FOR EACH STATEMENT EXECUTE FUNCTION `+p+`full()`)
	require.ErrorIs(t, await(s, store.Single(benchAdd(1, 2), true, nil)), store.ErrNoSpace)
	require.ErrorIs(t, s.Admit(context.Background()), store.ErrNoSpace)
	require.NoError(t, await(s, store.Single(store.Op{Action: store.Remove, Destination: benchQueue, ID: u.Ops[0].Message.ID, Seq: u.Ops[0].Seq}, true, nil)))
	sql(t, `DROP TRIGGER disk ON `+p+`ACTIVEMQ_MSGS`)
	require.Eventually(t, func() bool { return s.Admit(context.Background()) == nil }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, await(s, store.Single(benchAdd(1, 3), true, nil)))
}

// TestNoSpaceForRemovals: a database without room for a removal has it wait.
func TestNoSpaceForRemovals(t *testing.T) {
	p := emptySchema(t)
	s := mustOpen(t, options(p))
	u := store.Single(benchAdd(1, 1), true, nil)
	require.NoError(t, await(s, u))
	sql(t, `CREATE FUNCTION `+p+`full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`,
		`CREATE TRIGGER disk BEFORE DELETE ON `+p+`ACTIVEMQ_MSGS FOR EACH STATEMENT EXECUTE FUNCTION `+p+`full()`)
	removed := make(chan error, 1)
	go func() {
		removed <- await(s, store.Single(store.Op{Action: store.Remove, Destination: benchQueue, ID: u.Ops[0].Message.ID, Seq: u.Ops[0].Seq}, true, nil))
	}()
	require.Eventually(t, func() bool { return s.refusesAdds() }, 10*time.Second, time.Millisecond)
	sql(t, `DROP TRIGGER disk ON `+p+`ACTIVEMQ_MSGS`)
	require.NoError(t, <-removed)
	require.Zero(t, number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS`))
}

func openError(o Options) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := Open(ctx, o)
	if err == nil {
		_ = s.Close()
	}
	return err
}

// TestOpenRefuses: what is wrong with a database is said by name.
func TestOpenRefuses(t *testing.T) {
	p := emptySchema(t)
	o := options(p)
	o.NoCreateTables = true
	require.ErrorIs(t, openError(o), ErrSchemaMissing)
	o.NoCreateTables = false
	require.NoError(t, openError(o))
	sql(t, `UPDATE `+p+`CONCLAVE_STATE SET VERSION = 99`)
	require.ErrorIs(t, openError(o), ErrSchemaVersion)

	sql(t, `CREATE ROLE plain LOGIN PASSWORD 'plain'`)
	o = options(emptySchema(t))
	o.DataSource = server.URLAs("plain", "plain", "postgres")
	require.ErrorIs(t, openError(o), ErrSchemaRights)
	o.DataSource = server.URLAs("plain", "wrong", "postgres")
	require.ErrorContains(t, openError(o), "password authentication failed")
	require.NotContains(t, openError(o).Error(), "wrong@")
	o.DataSource = "postgres://h:\x00"
	require.ErrorIs(t, openError(o), errOptions)
	o.DataSource, o.Tables.Prefix = server.URL("postgres"), "a;b"
	require.ErrorIs(t, openError(o), errOptions)
}

// TestPlainRole: a role that may not make tables uses those that are there.
func TestPlainRole(t *testing.T) {
	p := emptySchema(t)
	o := options(p)
	list, err := Schema(o)
	require.NoError(t, err)
	sql(t, list...)
	sql(t, list...)
	sql(t, `CREATE ROLE user_only LOGIN PASSWORD 'plain'`, `GRANT USAGE ON SCHEMA `+strings.TrimSuffix(p, ".")+` TO user_only`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA `+strings.TrimSuffix(p, ".")+` TO user_only`)
	o.DataSource = server.URLAs("user_only", "plain", "postgres")
	s := mustOpen(t, o)
	require.NoError(t, await(s, store.Single(benchAdd(1, 1), true, nil)))
	require.NoError(t, s.Close())
	s = mustOpen(t, o)
	require.Equal(t, int64(1), s.Recovered().Destinations[0].Messages)
}

// TestEncodings: a database in another encoding serves what it can hold.
func TestEncodings(t *testing.T) {
	for encoding, refused := range map[string]bool{"LATIN1": true, "SQL_ASCII": false} {
		name := "db_" + strings.ToLower(encoding)
		sql(t, `CREATE DATABASE `+name+` ENCODING '`+encoding+`' TEMPLATE template0 LOCALE 'C'`)
		o := options("")
		o.DataSource = server.URL(name)
		logged := &outcomes{}
		o.Log = slog.New(logged)
		s := mustOpen(t, o)
		for n, queue := range []string{"plain", "schön"} {
			m := benchMessage(1, int64(n))
			m.Destination = message.NewQueue(queue)
			require.NoError(t, await(s, store.Single(store.Op{Action: store.Add, Destination: m.Destination, Message: m}, true, nil)))
			page, err := s.Page(nil, m.Destination, 0, 10, 1<<20)
			require.NoError(t, err)
			require.Len(t, page, 1)
		}
		m := benchMessage(1, 9)
		m.Destination = message.NewQueue("漢字")
		err := await(s, store.Single(store.Op{Action: store.Add, Destination: m.Destination, Message: m}, true, nil))
		if refused {
			require.ErrorIs(t, err, ErrEncoding)
			_, there := s.Find(m.Destination, benchMessage(1, 0).ID)
			require.False(t, there, "what cannot be stored")
		} else {
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
	}
}

// TestLookUpIsNotGuessed: a message that the database says nothing of is not
// taken for new; a message that comes after all of its producer's is not asked
// for.
func TestLookUpIsNotGuessed(t *testing.T) {
	o := options(emptySchema(t))
	s := mustOpen(t, o)
	require.NoError(t, await(s, store.Single(benchAdd(1, 5), true, nil)))
	sql(t, `ALTER TABLE `+o.Tables.Prefix+`ACTIVEMQ_MSGS RENAME TO ELSEWHERE`)
	_, there := s.Find(benchQueue, benchMessage(1, 6).ID)
	require.False(t, there)
	select {
	case <-s.Failed():
		require.Fail(t, "it was asked for")
	default:
	}
	s.Find(benchQueue, benchMessage(1, 5).ID)
	<-s.Failed()
	require.ErrorIs(t, await(s, store.Single(benchAdd(1, 6), true, nil)), store.ErrFailed)
}

// TestStandby: a store refuses a standby.
func TestStandby(t *testing.T) {
	standby, err := server.Standby("standby", nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	require.NoError(t, standby.Start())
	o := options("")
	o.DataSource = standby.URL("postgres")
	require.ErrorIs(t, openError(o), errServer)
}
