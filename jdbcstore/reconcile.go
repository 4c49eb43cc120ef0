package jdbcstore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// own has a text that names subscription ($1, $2, $3) name that of table t.
var own = strings.NewReplacer("$1", "t.CONTAINER", "$2", "t.CLIENT_ID", "$3", "t.SUB_NAME")

// reconciling brings our tables in line with ActiveMQ's, after one has
// written: it is the only thing that reads all messages.
var reconciling = []string{
	`SET LOCAL enable_seqscan = on`, `SET LOCAL enable_sort = on`, `SET LOCAL enable_hashjoin = on`, `SET LOCAL enable_bitmapscan = on`, `SET LOCAL plan_cache_mode = auto`,
	// What was acknowledged beyond a mark, unless an ID has got another message.
	`DELETE FROM {acked} x WHERE NOT EXISTS (SELECT 1 FROM {msgs} m WHERE m.ID = x.ID AND m.CONTAINER = x.CONTAINER
		AND m.MSGID_PROD IS NOT DISTINCT FROM x.MSGID_PROD AND m.MSGID_SEQ IS NOT DISTINCT FROM x.MSGID_SEQ)
		OR NOT EXISTS (SELECT 1 FROM {acks} a WHERE a.CONTAINER = x.CONTAINER AND a.CLIENT_ID = x.CLIENT_ID AND a.SUB_NAME = x.SUB_NAME)`,
	`DELETE FROM {counters} c WHERE NOT EXISTS (SELECT 1 FROM {msgs} m WHERE m.ID = c.ID)`,
	// What every subscription has acknowledged and ActiveMQ has not deleted yet.
	`DELETE FROM {msgs} m WHERE m.CONTAINER LIKE 'topic://%' AND ` + visible + ` AND NOT ` + held,
	`UPDATE {dests} SET MESSAGES = 0, BYTES = 0, MIXED = FALSE`,
	`INSERT INTO {dests} AS t (CONTAINER, MESSAGES, BYTES, MIXED, LAST_ID, EXPOSED)
		SELECT m.CONTAINER, count(*), COALESCE(sum(octet_length(m.MSG)), 0), bool_or(COALESCE(m.PRIORITY, 0) = 0), max(m.ID), (max(m.ID) >> 12) + 1 FROM {msgs} m WHERE ` + visible + ` GROUP BY m.CONTAINER
		ON CONFLICT (CONTAINER) DO UPDATE SET MESSAGES = excluded.MESSAGES, BYTES = excluded.BYTES, MIXED = excluded.MIXED, LAST_ID = GREATEST(t.LAST_ID, excluded.LAST_ID),
		EXPOSED = GREATEST(t.EXPOSED, excluded.EXPOSED)`,
	`INSERT INTO {dests} (CONTAINER) SELECT DISTINCT CONTAINER FROM {acks} ON CONFLICT DO NOTHING`,
	`DELETE FROM {subs} t WHERE NOT EXISTS (SELECT 1 FROM {acks} a WHERE a.CONTAINER = t.CONTAINER AND a.CLIENT_ID = t.CLIENT_ID AND a.SUB_NAME = t.SUB_NAME AND a.PRIORITY < 10)`,
	`INSERT INTO {subs} (CONTAINER, CLIENT_ID, SUB_NAME) SELECT DISTINCT CONTAINER, CLIENT_ID, SUB_NAME FROM {acks} WHERE PRIORITY < 10 ON CONFLICT DO NOTHING`,
	`UPDATE {subs} t SET PENDING = (SELECT count(*) FROM {msgs} m WHERE m.CONTAINER = t.CONTAINER AND ` + visible + ` AND m.ID > ` + own.Replace(mark) + ` AND NOT ` + own.Replace(sparse) + `)`,
	`UPDATE {state} SET FOREIGN_WRITES = FALSE WHERE ID = 1 AND FOREIGN_WRITES`,
}

// reconcile reckons with what a broker that is no Conclave has written.
func (s *Store) reconcile(ctx context.Context, conn *pgx.Conn) error {
	tx, err := s.enter(ctx, conn)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := s.reconcilePrepared(ctx, tx); err != nil {
		return err
	}
	for _, statement := range reconciling {
		if _, err := tx.Exec(ctx, s.names.Replace(statement)); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// marked is a row that carries a transaction's mark.
type marked struct {
	id          message.TransactionID
	action      store.Action
	container   string
	row         int64
	producer    *string
	sequence    *int64
	client, sub string
}

// reconcilePrepared forgets transactions that ActiveMQ has ended, whose marks
// on messages have gone, and takes over those that it has prepared.
func (s *Store) reconcilePrepared(ctx context.Context, tx pgx.Tx) error {
	rows, err := s.markedRows(ctx, tx)
	if err != nil {
		return err
	}
	there := map[string][]marked{}
	for _, m := range rows {
		key := encodeXID('+', &m.id.XID)
		there[key] = append(there[key], m)
	}
	known, err := tx.Query(ctx, s.names.Replace(`SELECT XID, bool_or(ACTION IN (1, 2)) FROM {prepared} GROUP BY XID`))
	if err != nil {
		return err
	}
	var xid string
	var marks bool
	var ended []string
	if _, err := pgx.ForEachRow(known, []any{&xid, &marks}, func() error {
		if marks && len(there[xid]) == 0 {
			ended = append(ended, xid)
		}
		delete(there, xid)
		return nil
	}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, s.names.Replace(`DELETE FROM {prepared} WHERE XID = ANY($1)`), ended); err != nil {
		return err
	}
	for xid, list := range there {
		slices.SortStableFunc(list, func(a, b marked) int { return int(a.action) - int(b.action) })
		for n, m := range list {
			if _, err := tx.Exec(ctx, s.names.Replace(`INSERT INTO {prepared} (XID, N, ACTION, CONTAINER, ID, MSGID_PROD, MSGID_SEQ, CLIENT_ID, SUB_NAME) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`),
				xid, n, int(m.action), m.container, m.row, m.producer, m.sequence, m.client, m.sub); err != nil {
				return err
			}
		}
	}
	return nil
}

// markedRows reads the marks on messages and subscriptions.
func (s *Store) markedRows(ctx context.Context, tx pgx.Tx) ([]marked, error) {
	rows, err := tx.Query(ctx, s.names.Replace(`SELECT ID, CONTAINER, MSGID_PROD, MSGID_SEQ, XID, '', '' FROM {msgs} WHERE XID IS NOT NULL
		UNION ALL SELECT 0, CONTAINER, NULL, NULL, XID, CLIENT_ID, SUB_NAME FROM {acks} WHERE XID IS NOT NULL ORDER BY 1`))
	if err != nil {
		return nil, err
	}
	var list []marked
	var m marked
	var xid string
	_, err = pgx.ForEachRow(rows, []any{&m.row, &m.container, &m.producer, &m.sequence, &xid, &m.client, &m.sub}, func() error {
		action, id, t, err := decodeXID(xid)
		if err != nil {
			s.o.Log.Error("row of a transaction that cannot be read; it is left alone", "container", m.container, "id", m.row, "error", err)
			return nil
		}
		m.id = t
		switch {
		case m.client != "" || m.sub != "":
			m.action, m.row = store.Acknowledge, id
		case action == '+':
			m.action = store.Add
		default:
			m.action = store.Remove
		}
		list = append(list, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.expandAcks(ctx, tx, list)
}

// expandAcks puts every message that an acknowledgement of ActiveMQ covers in
// the place of the last.
func (s *Store) expandAcks(ctx context.Context, tx pgx.Tx, list []marked) ([]marked, error) {
	var whole []marked
	for _, m := range list {
		if m.action != store.Acknowledge {
			whole = append(whole, m)
			continue
		}
		rows, err := tx.Query(ctx, s.names.Replace(`SELECT m.ID, m.MSGID_PROD, m.MSGID_SEQ FROM {msgs} m WHERE m.CONTAINER = $1 AND m.ID <= $4 AND `+visible+` AND m.ID > `+mark+` AND NOT `+sparse+` ORDER BY m.ID`),
			m.container, m.client, m.sub, m.row)
		if err != nil {
			return nil, err
		}
		each := m
		if _, err := pgx.ForEachRow(rows, []any{&each.row, &each.producer, &each.sequence}, func() error {
			whole = append(whole, each)
			return nil
		}); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return nil, err
		}
	}
	return whole, nil
}
