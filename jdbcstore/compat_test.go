//go:build postgres

package jdbcstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// activeMQ makes tables as ActiveMQ 5.17.2 does on PostgreSQL, where the
// change of the second table's primary key fails.
func activeMQ(t *testing.T, p string) {
	sql(t, `CREATE TABLE `+p+`ACTIVEMQ_MSGS(ID BIGINT NOT NULL, CONTAINER VARCHAR(250) NOT NULL, MSGID_PROD VARCHAR(250), MSGID_SEQ BIGINT, EXPIRATION BIGINT, MSG BYTEA, PRIMARY KEY ( ID ) )`,
		`CREATE INDEX ACTIVEMQ_MSGS_MIDX ON `+p+`ACTIVEMQ_MSGS (MSGID_PROD,MSGID_SEQ)`,
		`CREATE INDEX ACTIVEMQ_MSGS_CIDX ON `+p+`ACTIVEMQ_MSGS (CONTAINER)`,
		`CREATE INDEX ACTIVEMQ_MSGS_EIDX ON `+p+`ACTIVEMQ_MSGS (EXPIRATION)`,
		`CREATE TABLE `+p+`ACTIVEMQ_ACKS(CONTAINER VARCHAR(250) NOT NULL, SUB_DEST VARCHAR(250), CLIENT_ID VARCHAR(250) NOT NULL, SUB_NAME VARCHAR(250) NOT NULL, SELECTOR VARCHAR(250), LAST_ACKED_ID BIGINT, CONSTRAINT PK_ACTIVEMQ_ACKS PRIMARY KEY ( CONTAINER, CLIENT_ID, SUB_NAME))`,
		`ALTER TABLE `+p+`ACTIVEMQ_MSGS ADD PRIORITY BIGINT`,
		`CREATE INDEX ACTIVEMQ_MSGS_PIDX ON `+p+`ACTIVEMQ_MSGS (PRIORITY)`,
		`ALTER TABLE `+p+`ACTIVEMQ_MSGS ADD XID VARCHAR(250)`,
		`ALTER TABLE `+p+`ACTIVEMQ_ACKS ADD PRIORITY BIGINT DEFAULT 5 NOT NULL`,
		`ALTER TABLE `+p+`ACTIVEMQ_ACKS ADD XID VARCHAR(250)`,
		`CREATE INDEX ACTIVEMQ_MSGS_XIDX ON `+p+`ACTIVEMQ_MSGS (XID)`,
		`CREATE INDEX ACTIVEMQ_ACKS_XIDX ON `+p+`ACTIVEMQ_ACKS (XID)`,
		`CREATE INDEX ACTIVEMQ_MSGS_IIDX ON `+p+`ACTIVEMQ_MSGS (ID ASC, XID, CONTAINER)`)
}

// row is a message as ActiveMQ inserts it.
func row(t *testing.T, p string, id int64, m *message.Message, xid string) string {
	data, err := openwire.NewStore(openwire.StoreVersion).AppendMessage(nil, m)
	require.NoError(t, err)
	if xid = "'" + xid + "'"; xid == "''" {
		xid = "NULL"
	}
	return fmt.Sprintf(`INSERT INTO %sACTIVEMQ_MSGS(ID, MSGID_PROD, MSGID_SEQ, CONTAINER, EXPIRATION, PRIORITY, MSG, XID) VALUES (%d, '%s', %d, '%s', 0, 0, '\x%s', %s)`,
		p, id, m.ID.Producer.String(), m.ID.ProducerSequence, m.Destination.String(), hex.EncodeToString(data), xid)
}

func acks(p, container, client, name string, last, priority int64, xid string) string {
	if xid = "'" + xid + "'"; xid == "''" {
		xid = "NULL"
	}
	return fmt.Sprintf(`INSERT INTO %sACTIVEMQ_ACKS(CONTAINER, CLIENT_ID, SUB_NAME, SELECTOR, LAST_ACKED_ID, SUB_DEST, PRIORITY, XID) VALUES ('%s', '%s', '%s', NULL, %d, '%s', %d, %s)`,
		p, container, client, name, last, container, priority, xid)
}

// ackMark is the XID of a subscription that acknowledges the message with that
// ID in a branch.
func ackMark(x *message.XID, id uint64) string {
	b := append(binary.BigEndian.AppendUint64([]byte{'-'}, id), 1)
	return base64.StdEncoding.EncodeToString(appendIdentity(b, x))
}

func topicMessage(n int64) *message.Message {
	m := benchMessage(9, n)
	m.Destination = message.NewTopic("NEWS")
	return m
}

func seqs(t *testing.T, page []store.Entry, err error) (list []int64) {
	require.NoError(t, err)
	for _, e := range page {
		list = append(list, int64(e.Seq))
	}
	return list
}

// TestActiveMQSchema: what ActiveMQ has written is served: messages, durable
// subscriptions with what they have not acknowledged, prepared transactions.
// A row that cannot be read is reported once, and the others are served.
func TestActiveMQSchema(t *testing.T) {
	p := emptySchema(t)
	activeMQ(t, p)
	x := message.XID{FormatID: 7, Global: "global\x00", Branch: "branch"}
	tx := message.TransactionID{XA: true, XID: x}
	prepared := benchMessage(2, 1)
	prepared.Transaction = tx
	news := message.NewTopic("NEWS")
	sql(t, row(t, p, 1, benchMessage(1, 1), ""), row(t, p, 2, benchMessage(1, 2), ""), row(t, p, 3, benchMessage(1, 3), encodeXID('-', &x)),
		row(t, p, 4, prepared, encodeXID('+', &x)), row(t, p, 5, topicMessage(1), ""), row(t, p, 6, topicMessage(2), ""), row(t, p, 7, topicMessage(3), ""),
		row(t, p, 8, topicMessage(4), ""),
		acks(p, "topic://NEWS", "a", "sub", 6, 0, ackMark(&x, 7)), acks(p, "topic://NEWS", "b", "sub", 5, 0, ""),
		acks(p, "queue://RECORDED", "queue://RECORDED", "queue://RECORDED", 0, 11, ""),
		`INSERT INTO `+p+`ACTIVEMQ_MSGS(ID, MSGID_PROD, MSGID_SEQ, CONTAINER, PRIORITY, MSG) VALUES (9, 'ID:x:1:1', 1, 'queue://BENCH', 0, '\xdeadbeef')`)
	o := options(p)
	logged := &outcomes{}
	o.Log = slog.New(logged)
	s := mustOpen(t, o)
	state := s.Recovered()
	require.True(t, state.Rival)
	sizes := map[string]int64{}
	for _, d := range state.Destinations {
		sizes[d.Destination.String()] = d.Messages
	}
	require.Equal(t, map[string]int64{"queue://BENCH": 4, "topic://NEWS": 3, "queue://RECORDED": 0}, sizes)
	page, err := s.Page(nil, benchQueue, 0, 100, 1<<20)
	require.Equal(t, []int64{1, 2, 3}, seqs(t, page, err))
	require.True(t, page[0].Redelivered)
	errorsLogged := logged.errors.Load()
	require.Positive(t, errorsLogged)
	_, err = s.Page(nil, benchQueue, 0, 100, 1<<20)
	require.NoError(t, err)
	require.Equal(t, errorsLogged, logged.errors.Load(), "reported once")
	page, err = s.PageSubscription(nil, news, "a:sub", 0, 100, 1<<20)
	require.Equal(t, []int64{7, 8}, seqs(t, page, err))
	page, err = s.PageSubscription(nil, news, "b:sub", 0, 100, 1<<20)
	require.Equal(t, []int64{6, 7, 8}, seqs(t, page, err))

	require.Len(t, state.Prepared, 1)
	require.Equal(t, tx, state.Prepared[0].Transaction)
	var actions []store.Action
	for _, op := range state.Prepared[0].Ops {
		actions = append(actions, op.Action)
	}
	require.Equal(t, []store.Action{store.Add, store.Remove, store.Acknowledge}, actions)
	require.NoError(t, await(s, &store.Unit{Transaction: tx, Outcome: store.Commit, Sync: true}))
	page, err = s.Page(nil, benchQueue, 0, 100, 1<<20)
	require.Equal(t, []int64{1, 2, 10}, seqs(t, page, err))
	page, err = s.PageSubscription(nil, news, "a:sub", 0, 100, 1<<20)
	require.Equal(t, []int64{8}, seqs(t, page, err))
	require.Zero(t, number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_ACKS WHERE XID IS NOT NULL`))
	require.Equal(t, int64(7), number(t, `SELECT LAST_ACKED_ID FROM `+p+`ACTIVEMQ_ACKS WHERE CLIENT_ID = 'a'`), "ActiveMQ goes on after it")

	// ActiveMQ takes over, consumes one and adds one.
	require.NoError(t, s.Close())
	sql(t, `DELETE FROM `+p+`ACTIVEMQ_MSGS WHERE ID = 1`, row(t, p, 11, benchMessage(1, 4), ""), `UPDATE `+p+`ACTIVEMQ_ACKS SET LAST_ACKED_ID = 8 WHERE CLIENT_ID = 'a'`)
	s = mustOpen(t, o)
	for _, d := range s.Recovered().Destinations {
		switch d.Destination {
		case benchQueue:
			require.Equal(t, int64(4), d.Messages)
		case news:
			require.Equal(t, int64(0), d.Subscriptions[0].Pending)
			require.Equal(t, int64(3), d.Subscriptions[1].Pending)
		}
	}
	require.NoError(t, s.Close())
	s = mustOpen(t, o)
	require.False(t, s.Recovered().Rival, "nobody else has written since")
}

// TestPreparedForActiveMQ: what is prepared here carries the marks that
// ActiveMQ reads.
func TestPreparedForActiveMQ(t *testing.T) {
	p := emptySchema(t)
	s := mustOpen(t, options(p))
	require.NoError(t, await(s, store.Single(benchAdd(1, 1), true, nil)))
	tx := message.TransactionID{XA: true, XID: message.XID{FormatID: 7, Global: "g", Branch: "b"}}
	added := benchAdd(1, 2)
	added.Message.Transaction = tx
	news := message.NewTopic("NEWS")
	info := &message.SubscriptionInfo{ClientID: "a", Name: "sub", Destination: news, SubscribedDestination: news}
	for _, op := range []store.Op{{Action: store.AddSubscription, Destination: news, Info: info, Subscription: info.Key()},
		{Action: store.Add, Destination: news, Message: topicMessage(1)}, {Action: store.Add, Destination: news, Message: topicMessage(2)},
		{Action: store.Add, Destination: news, Message: topicMessage(3)}, {Action: store.Add, Destination: news, Message: topicMessage(4)}} {
		require.NoError(t, await(s, store.Single(op, true, nil)))
	}
	acknowledge := func(n int64) store.Op {
		return store.Op{Action: store.Acknowledge, Destination: news, ID: topicMessage(n).ID, Seq: store.Seq(n + 1), Subscription: info.Key()}
	}
	require.NoError(t, await(s, &store.Unit{Transaction: tx, Outcome: store.Prepare, Sync: true,
		Ops: []store.Op{added, {Action: store.Remove, Destination: benchQueue, Seq: 1, ID: benchMessage(1, 1).ID}, acknowledge(1), acknowledge(2), acknowledge(4)}}))
	mark := func(x *message.XID, id uint64) string {
		b := append(binary.BigEndian.AppendUint64([]byte{'-'}, id), 0)
		return base64.StdEncoding.EncodeToString(appendIdentity(b, x))
	}
	require.Equal(t, int64(1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_ACKS WHERE XID = $1`, mark(&tx.XID, 3)), "up to what is not acknowledged")
	other := message.TransactionID{XA: true, XID: message.XID{FormatID: 8, Global: strings.Repeat("g", 64), Branch: strings.Repeat("b", 64)}}
	require.NoError(t, await(s, &store.Unit{Transaction: other, Outcome: store.Prepare, Sync: true, Ops: []store.Op{acknowledge(3)}}))
	require.NoError(t, await(s, &store.Unit{Transaction: other, Outcome: store.Rollback, Sync: true}))
	require.Equal(t, int64(1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_ACKS WHERE XID = $1`, mark(&tx.XID, 3)), "another's mark stays")
	require.Equal(t, int64(1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS WHERE ID = 1 AND XID = $1`, encodeXID('-', &tx.XID)))
	require.Equal(t, int64(1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_MSGS WHERE ID = 6 AND XID = $1`, encodeXID('+', &tx.XID)))
	require.NoError(t, s.Close())
	// ActiveMQ commits it.
	sql(t, `DELETE FROM `+p+`ACTIVEMQ_MSGS WHERE ID = 1`, `UPDATE `+p+`ACTIVEMQ_MSGS SET XID = NULL, ID = 7 WHERE ID = 6`,
		`UPDATE `+p+`ACTIVEMQ_ACKS SET XID = NULL, LAST_ACKED_ID = 3`)
	s = mustOpen(t, options(p))
	require.Empty(t, s.Recovered().Prepared)
	page, err := s.Page(nil, benchQueue, 0, 100, 1<<20)
	require.Equal(t, []int64{7}, seqs(t, page, err))
	page, err = s.PageSubscription(nil, news, info.Key(), 0, 100, 1<<20)
	require.Equal(t, []int64{4, 5}, seqs(t, page, err))
	require.ErrorIs(t, await(s, &store.Unit{Transaction: tx, Outcome: store.Commit}), store.ErrUnknownTransaction)
}

// TestPrioritizedSubscriptions: a topic that is read by priority has ten rows
// a subscription, as in ActiveMQ, where the key allows that.
func TestPrioritizedSubscriptions(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		p := emptySchema(t)
		if narrow {
			activeMQ(t, p)
		}
		s := mustOpen(t, options(p))
		news := message.NewTopic("NEWS")
		info := &message.SubscriptionInfo{ClientID: "a", Name: "sub", Destination: news, SubscribedDestination: news}
		require.NoError(t, await(s, store.Single(store.Op{Action: store.AddSubscription, Destination: news, Info: info, Subscription: info.Key()}, true, nil)))
		var ids []store.Seq
		for n := range int64(6) {
			m := topicMessage(n)
			m.Priority = uint8(4 + n%2)
			u := store.Single(store.Op{Action: store.Add, Destination: news, Message: m, Prioritized: true}, true, nil)
			require.NoError(t, await(s, u))
			ids = append(ids, u.Ops[0].Seq)
		}
		for _, i := range []int64{1, 3, 2} {
			require.NoError(t, await(s, store.Single(store.Op{Action: store.Acknowledge, Destination: news, ID: topicMessage(i).ID, Seq: ids[i], Subscription: info.Key()}, true, nil)))
		}
		for range 2 {
			page, err := s.PagePriority(nil, news, info.Key(), 5, 0, 100, 1<<20)
			require.Equal(t, []int64{int64(ids[5])}, seqs(t, page, err))
			page, err = s.PagePriority(nil, news, info.Key(), 4, 0, 100, 1<<20)
			require.Equal(t, []int64{int64(ids[0]), int64(ids[4])}, seqs(t, page, err))
			require.NoError(t, s.Close())
			s = mustOpen(t, options(p))
			require.Equal(t, int64(3), s.Recovered().Destinations[0].Subscriptions[0].Pending)
		}
		if narrow {
			require.Equal(t, int64(1), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_ACKS`))
			continue
		}
		require.Equal(t, int64(10), number(t, `SELECT count(*) FROM `+p+`ACTIVEMQ_ACKS`))
		require.GreaterOrEqual(t, number(t, `SELECT LAST_ACKED_ID FROM `+p+`ACTIVEMQ_ACKS WHERE PRIORITY = 5`), int64(ids[3]))
		require.Less(t, number(t, `SELECT LAST_ACKED_ID FROM `+p+`ACTIVEMQ_ACKS WHERE PRIORITY = 4`), int64(ids[0]))
	}
}

// TestPlans: pages walk the index of their destination and nothing else,
// whatever the statistics say.
func TestPlans(t *testing.T) {
	p := emptySchema(t)
	s := mustOpen(t, options(p))
	ctx := context.Background()
	sql(t, `INSERT INTO `+p+`ACTIVEMQ_MSGS SELECT i, CASE WHEN i % 1000 = 0 THEN 'queue://SMALL' ELSE 'queue://LARGE' END, 'ID:x:1:1', i, 0, '\x00', 0, NULL FROM generate_series(1, 20000) i`)
	sub := &subscription{client: "a", name: "b"}
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			sql(t, `ANALYZE `+p+`ACTIVEMQ_MSGS`)
		}
		for text, index := range map[string]string{pageQuery: "conclave_idx", pageZeroQuery: "conclave_idx", pagePriorityQuery: "conclave_pidx"} {
			parameters := []any{"queue://SMALL", int64(5), 100}
			if text == pagePriorityQuery {
				parameters = append(parameters, int64(4))
			}
			ofSub, more := ofSubscription(text, sub, parameters)
			requirePlan(t, s, ctx, text, parameters, index)
			requirePlan(t, s, ctx, ofSub, more, index)
		}
	}
}

func requirePlan(t *testing.T, s *Store, ctx context.Context, text string, parameters []any, index string) {
	rows, err := s.pool.Query(ctx, "EXPLAIN "+s.names.Replace(text), append([]any{pgx.QueryExecModeExec}, parameters...)...)
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	found := false
	for _, line := range plan {
		require.NotContains(t, line, "Seq Scan on activemq_msgs")
		require.NotContains(t, line, "activemq_msgs_pkey")
		require.NotContains(t, line, "Sort")
		found = found || strings.Contains(line, "activemq_msgs_"+index)
	}
	require.True(t, found, "%s", plan)
}
