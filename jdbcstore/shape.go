package jdbcstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// checkDurability says it when the server is set to lose what it has committed
// when its host crashes, which no session can change.
func (s *Store) checkDurability(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if len(names) > 0 {
		s.o.Log.Warn("the database may lose what was confirmed, or all it has, when its host crashes: settings of the server are off", "settings", names)
	}
	return err
}

// shape names every column that statements of the store use, of ActiveMQ's
// tables: ours are made by nobody else.
const shape = `SELECT ID, CONTAINER, MSGID_PROD, MSGID_SEQ, EXPIRATION, MSG, PRIORITY, XID FROM {msgs} WHERE false;
SELECT CONTAINER, SUB_DEST, CLIENT_ID, SUB_NAME, SELECTOR, LAST_ACKED_ID, PRIORITY, XID FROM {acks} WHERE false`

// checkShape finds out at the start that a column is missing, rather than with
// the first message.
func (s *Store) checkShape(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, s.names.Replace(shape)).ReadAll()
	return explain(err)
}
