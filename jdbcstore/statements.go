package jdbcstore

// statement is one of those that the committer has prepared; its value is its
// name on the connection.
type statement string

// The committer's statements.
const (
	stmtCount          statement = "count"
	stmtCountOne       statement = "count_one"
	stmtCountGone      statement = "count_gone"
	stmtInsert         statement = "insert"
	stmtInsertOne      statement = "insert_one"
	stmtInsertChecked  statement = "insert_checked"
	stmtCopy           statement = "copy" // not prepared
	stmtProducers      statement = "producers"
	stmtProducer       statement = "producer"
	stmtExpose         statement = "expose"
	stmtRecount        statement = "recount"
	stmtUncount        statement = "uncount"
	stmtUncountGone    statement = "uncount_gone"
	stmtPriorities     statement = "priorities"
	stmtPending        statement = "pending"
	stmtUpdate         statement = "update"
	stmtAckPending     statement = "ack_pending"
	stmtAckMark        statement = "ack_mark"
	stmtAckSparse      statement = "ack_sparse"
	stmtAckClosed      statement = "ack_closed"
	stmtAckDelete      statement = "ack_delete"
	stmtAckGone        statement = "ack_gone"
	stmtSubscribe      statement = "subscribe"
	stmtSubscription   statement = "subscription"
	stmtResubscribe    statement = "resubscribe"
	stmtUnsubscribe    statement = "unsubscribe"
	stmtUnsubscription statement = "unsubscription"
	stmtUnacked        statement = "unacked"
	stmtRelease        statement = "release"
	stmtDestProducers  statement = "dest_producers"
	stmtDestMessages   statement = "dest_messages"
	stmtDestAcks       statement = "dest_acks"
	stmtDestSubs       statement = "dest_subs"
	stmtDestAcked      statement = "dest_acked"
	stmtDest           statement = "dest"
	stmtPrepareAdd     statement = "prepare_add"
	stmtPrepareMark    statement = "prepare_mark"
	stmtPrepareAck     statement = "prepare_ack"
	stmtPrepare        statement = "prepare"
	stmtCommitAdd      statement = "commit_add"
	stmtDropAdd        statement = "drop_add"
	stmtUnmark         statement = "unmark"
	stmtUnmarkAck      statement = "unmark_ack"
	stmtForget         statement = "forget"
	stmtMarker         statement = "marker"
	stmtFind           statement = "find"
	stmtLast           statement = "last"
)

// visible are rows that are not messages of a transaction without outcome:
// their XID begins with '+', the removed ones' with '-'. (base64)
const visible = `(m.XID IS NULL OR m.XID LIKE 'L%')`

// held says that a subscription a of the message's topic has not acknowledged
// the message m. A subscription has one row, or one for each priority.
const held = `EXISTS (SELECT 1 FROM {acks} a WHERE a.CONTAINER = m.CONTAINER AND a.PRIORITY < 10 AND COALESCE(a.LAST_ACKED_ID, -1) < m.ID
	AND (a.PRIORITY = COALESCE(m.PRIORITY, 0) OR (SELECT count(*) FROM {acks} b WHERE b.CONTAINER = a.CONTAINER AND b.CLIENT_ID = a.CLIENT_ID AND b.SUB_NAME = a.SUB_NAME AND b.PRIORITY < 10) = 1)
	AND NOT COALESCE((SELECT TRUE FROM {acked} x WHERE x.CONTAINER = a.CONTAINER AND x.CLIENT_ID = a.CLIENT_ID AND x.SUB_NAME = a.SUB_NAME AND x.ID = m.ID), FALSE))`

// mark is the last ID that subscription ($2, $3) of container $1 has
// acknowledged, as it counts for the message m.
const mark = `COALESCE((SELECT a.LAST_ACKED_ID FROM {acks} a WHERE a.CONTAINER = $1 AND a.CLIENT_ID = $2 AND a.SUB_NAME = $3 AND a.PRIORITY = COALESCE(m.PRIORITY, 0)),
	(SELECT min(a.LAST_ACKED_ID) FROM {acks} a WHERE a.CONTAINER = $1 AND a.CLIENT_ID = $2 AND a.SUB_NAME = $3 AND a.PRIORITY < 10), -1)`

// floor is the lowest mark of the subscription.
const floor = `COALESCE((SELECT min(a.LAST_ACKED_ID) FROM {acks} a WHERE a.CONTAINER = $1 AND a.CLIENT_ID = $2 AND a.SUB_NAME = $3 AND a.PRIORITY < 10), -1)`

// sparse says that the subscription has acknowledged m beyond its mark.
// (A scalar query: PostgreSQL would make a join of EXISTS, and then read all
// that the subscription has acknowledged for each message.)
const sparse = `COALESCE((SELECT TRUE FROM {acked} x WHERE x.CONTAINER = $1 AND x.CLIENT_ID = $2 AND x.SUB_NAME = $3 AND x.ID = m.ID), FALSE)`

// lessen takes the rows that a DELETE named d returns from what is counted.
const lessen = `UPDATE {dests} t SET MESSAGES = t.MESSAGES - s.n, BYTES = t.BYTES - s.b
	FROM (SELECT CONTAINER, count(*) n, COALESCE(sum(size), 0)::bigint b FROM d GROUP BY CONTAINER) s WHERE t.CONTAINER = s.CONTAINER`

// place is where the row of container $1 is: where it was when the committer
// last wrote it, $8, if it is still there. Through the key PostgreSQL would look
// at each version that somebody's transaction keeps, of which there is another
// with every batch: a dump of the database that takes an hour would slow each
// down to some tenths of a second.
const place = `COALESCE((SELECT p.ctid FROM {dests} p WHERE p.ctid = $8::tid AND p.CONTAINER = $1::text), (SELECT p.ctid FROM {dests} p WHERE p.CONTAINER = $1::text))`

const keepHighest = `ON CONFLICT (PRODUCER) DO UPDATE SET LAST_SEQ = GREATEST(t.LAST_SEQ, excluded.LAST_SEQ), TOUCHED = excluded.TOUCHED`

// statements are their texts; see Tables.replacer.
var statements = map[statement]string{
	// Deletes rows and changes what is counted, in one go.
	stmtCount: `WITH d AS (DELETE FROM {msgs} WHERE ID = ANY($7::bigint[]) RETURNING CONTAINER, octet_length(MSG) size),
		y AS (SELECT unnest($1::text[]) c, unnest($2::bigint[]) m, unnest($3::bigint[]) b, unnest($4::bool[]) x, unnest($5::bigint[]) l, unnest($6::bigint[]) q
			UNION ALL SELECT CONTAINER, -1, -COALESCE(size, 0), FALSE, 0, 0 FROM d)
		INSERT INTO {dests} AS t (CONTAINER, MESSAGES, BYTES, MIXED, LAST_ID, BROKER_SEQ, BATCH)
		SELECT c, sum(m), sum(b), bool_or(x), max(l), max(q), $8::bigint FROM y GROUP BY c
		ON CONFLICT (CONTAINER) DO UPDATE SET MESSAGES = t.MESSAGES + excluded.MESSAGES, BYTES = t.BYTES + excluded.BYTES,
		MIXED = t.MIXED OR excluded.MIXED, LAST_ID = GREATEST(t.LAST_ID, excluded.LAST_ID),
		BROKER_SEQ = GREATEST(t.BROKER_SEQ, excluded.BROKER_SEQ), BATCH = excluded.BATCH`,
	// The same for one destination, whose row is there.
	stmtCountOne: `UPDATE {dests} SET MESSAGES = MESSAGES + $2::bigint, BYTES = BYTES + $3::bigint, MIXED = MIXED OR $4::bool,
		LAST_ID = GREATEST(LAST_ID, $5::bigint), BROKER_SEQ = GREATEST(BROKER_SEQ, $6::bigint), BATCH = $7::bigint WHERE ctid = ` + place + ` RETURNING ctid`,
	stmtCountGone: `WITH d AS (DELETE FROM {msgs} WHERE ID = ANY($9::bigint[]) RETURNING octet_length(MSG) size),
		s AS (SELECT count(*) n, COALESCE(sum(size), 0)::bigint b FROM d)
		UPDATE {dests} t SET MESSAGES = MESSAGES + $2::bigint - s.n, BYTES = BYTES + $3::bigint - s.b, MIXED = MIXED OR $4::bool,
		LAST_ID = GREATEST(LAST_ID, $5::bigint), BROKER_SEQ = GREATEST(BROKER_SEQ, $6::bigint), BATCH = $7::bigint FROM s WHERE t.ctid = ` + place + ` RETURNING t.ctid`,
	stmtInsertOne: `INSERT INTO {msgs} (ID, MSGID_PROD, MSGID_SEQ, CONTAINER, EXPIRATION, PRIORITY, MSG)
		VALUES ($1::bigint, $2::text, $3::bigint, $4::text, $5::bigint, $6::bigint, $7::bytea)`,
	stmtInsert: `INSERT INTO {msgs} (ID, MSGID_PROD, MSGID_SEQ, CONTAINER, EXPIRATION, PRIORITY, MSG)
		SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::text[]), unnest($5::bigint[]), unnest($6::bigint[]), unnest($7::bytea[])`,
	stmtCopy: `COPY {msgs} (ID, MSGID_PROD, MSGID_SEQ, CONTAINER, EXPIRATION, PRIORITY, MSG) FROM STDIN (FORMAT binary)`,
	stmtInsertChecked: `WITH d AS (INSERT INTO {msgs} (ID, MSGID_PROD, MSGID_SEQ, CONTAINER, EXPIRATION, PRIORITY, MSG)
		SELECT $1::bigint, $2::text, $3::bigint, $4::text, $5::bigint, $6::bigint, $7::bytea
		WHERE NOT EXISTS (SELECT 1 FROM {msgs} m WHERE m.MSGID_PROD = $2 AND m.MSGID_SEQ = $3 AND m.CONTAINER = $4 AND ` + visible + `)
		RETURNING CONTAINER, octet_length(MSG) size),
		p AS (UPDATE {subs} t SET PENDING = t.PENDING + 1 FROM d WHERE t.CONTAINER = d.CONTAINER)
		UPDATE {dests} t SET MESSAGES = t.MESSAGES + 1, BYTES = t.BYTES + d.size FROM d WHERE t.CONTAINER = d.CONTAINER`,
	stmtProducers: `INSERT INTO {producers} AS t (PRODUCER, LAST_SEQ, TOUCHED)
		SELECT unnest($1::text[]), unnest($2::bigint[]), $3::bigint ` + keepHighest,
	// The same for one producer, whose row was at $4, if it has one; see place.
	stmtProducer: `WITH u AS (UPDATE {producers} t SET LAST_SEQ = GREATEST(t.LAST_SEQ, $2::bigint), TOUCHED = $3::bigint WHERE t.ctid = $4::tid AND t.PRODUCER = $1::text RETURNING t.ctid),
		i AS (INSERT INTO {producers} AS t (PRODUCER, LAST_SEQ, TOUCHED) SELECT $1::text, $2::bigint, $3::bigint WHERE NOT EXISTS (SELECT FROM u) ` + keepHighest + ` RETURNING t.ctid)
		SELECT ctid FROM u UNION ALL SELECT ctid FROM i`,
	stmtExpose: `UPDATE {dests} t SET EXPOSED = $2::bigint WHERE CONTAINER = $1::text`,
	stmtRecount: `INSERT INTO {counters} (ID, REDELIVERIES) SELECT $1::bigint, $2::bigint
		WHERE EXISTS (SELECT 1 FROM {msgs} m WHERE m.ID = $1) ON CONFLICT (ID) DO UPDATE SET REDELIVERIES = excluded.REDELIVERIES`,
	stmtUncount:     `DELETE FROM {counters} WHERE ID = ANY($1::bigint[])`,
	stmtUncountGone: `DELETE FROM {counters} c WHERE c.ID = ANY($1::bigint[]) AND NOT EXISTS (SELECT 1 FROM {msgs} m WHERE m.ID = c.ID)`,
	stmtPriorities: `INSERT INTO {acks} (CONTAINER, CLIENT_ID, SUB_NAME, SELECTOR, SUB_DEST, LAST_ACKED_ID, PRIORITY)
		SELECT a.CONTAINER, a.CLIENT_ID, a.SUB_NAME, a.SELECTOR, a.SUB_DEST, a.LAST_ACKED_ID, p FROM {acks} a, generate_series(0, 9) p
		WHERE a.CONTAINER = $1::text AND a.CLIENT_ID = $2::text AND a.SUB_NAME = $3::text AND a.PRIORITY < 10
		AND a.PRIORITY = (SELECT min(b.PRIORITY) FROM {acks} b WHERE b.CONTAINER = $1 AND b.CLIENT_ID = $2 AND b.SUB_NAME = $3)
		AND NOT EXISTS (SELECT 1 FROM {acks} b WHERE b.CONTAINER = $1 AND b.CLIENT_ID = $2 AND b.SUB_NAME = $3 AND b.PRIORITY = p)`,
	stmtPending: `UPDATE {subs} SET PENDING = PENDING + $2::bigint WHERE CONTAINER = $1::text`,
	stmtUpdate: `WITH o AS (SELECT ID, CONTAINER, octet_length(MSG) size FROM {msgs} WHERE ID = $1::bigint AND CONTAINER = $2::text),
		u AS (UPDATE {msgs} m SET MSG = $3::bytea FROM o WHERE m.ID = o.ID)
		UPDATE {dests} t SET BYTES = t.BYTES + octet_length($3::bytea) - COALESCE(o.size, 0) FROM o WHERE t.CONTAINER = o.CONTAINER`,

	stmtAckPending: `UPDATE {subs} t SET PENDING = t.PENDING - (SELECT count(*) FROM {msgs} m WHERE m.ID = ANY($4::bigint[]) AND m.CONTAINER = $1 AND ` + visible + `
		AND m.ID > ` + mark + ` AND NOT ` + sparse + `) WHERE t.CONTAINER = $1::text AND t.CLIENT_ID = $2::text AND t.SUB_NAME = $3::text`,
	stmtAckMark: `UPDATE {acks} k SET LAST_ACKED_ID = GREATEST(k.LAST_ACKED_ID, COALESCE((SELECT m.ID FROM {msgs} m
		WHERE (m.CONTAINER, m.ID) > ($1, COALESCE(k.LAST_ACKED_ID, -1)) AND m.CONTAINER <= $1 AND ` + visible + ` AND m.ID <> ALL($4::bigint[]) AND NOT ` + sparse + `
		AND (k.PRIORITY = COALESCE(m.PRIORITY, 0) OR (SELECT count(*) FROM {acks} b WHERE b.CONTAINER = $1 AND b.CLIENT_ID = $2 AND b.SUB_NAME = $3 AND b.PRIORITY < 10) = 1)
		ORDER BY m.CONTAINER, m.ID LIMIT 1) - 1, $5::bigint))
		WHERE k.CONTAINER = $1::text AND k.CLIENT_ID = $2::text AND k.SUB_NAME = $3::text AND k.PRIORITY < 10`,
	stmtAckSparse: `INSERT INTO {acked} (CONTAINER, CLIENT_ID, SUB_NAME, ID, MSGID_PROD, MSGID_SEQ) SELECT $1::text, $2::text, $3::text, m.ID, m.MSGID_PROD, m.MSGID_SEQ
		FROM {msgs} m WHERE m.ID = ANY($4::bigint[]) AND m.CONTAINER = $1 AND m.ID > ` + mark + ` ON CONFLICT DO NOTHING`,
	stmtAckClosed: `DELETE FROM {acked} m WHERE m.CONTAINER = $1::text AND m.CLIENT_ID = $2::text AND m.SUB_NAME = $3::text
		AND m.ID <= (SELECT min(a.LAST_ACKED_ID) FROM {acks} a WHERE a.CONTAINER = $1 AND a.CLIENT_ID = $2 AND a.SUB_NAME = $3 AND a.PRIORITY < 10)`,
	stmtAckDelete: `WITH d AS (DELETE FROM {msgs} m WHERE m.ID = ANY($2::bigint[]) AND m.CONTAINER = $1::text AND ` + visible + ` AND NOT ` + held + `
		RETURNING m.CONTAINER, octet_length(m.MSG) size) ` + lessen,
	stmtAckGone: `DELETE FROM {acked} x WHERE x.CONTAINER = $1::text AND x.ID = ANY($2::bigint[]) AND NOT EXISTS (SELECT 1 FROM {msgs} m WHERE m.ID = x.ID)`,

	stmtSubscribe: `INSERT INTO {acks} (CONTAINER, CLIENT_ID, SUB_NAME, SELECTOR, SUB_DEST, LAST_ACKED_ID, PRIORITY)
		VALUES ($1::text, $2::text, $3::text, NULLIF($4::text, ''), $5::text, $6::bigint, 0)`,
	stmtSubscription: `INSERT INTO {subs} AS t (CONTAINER, CLIENT_ID, SUB_NAME, NO_LOCAL, PENDING)
		SELECT $1::text, $2::text, $3::text, $4::bool, (SELECT count(*) FROM {msgs} m WHERE m.CONTAINER = $1 AND m.ID > $5::bigint AND ` + visible + `)
		ON CONFLICT (CONTAINER, CLIENT_ID, SUB_NAME) DO UPDATE SET NO_LOCAL = excluded.NO_LOCAL, PENDING = excluded.PENDING`,
	stmtResubscribe: `WITH s AS (UPDATE {subs} SET NO_LOCAL = $6::bool WHERE CONTAINER = $1::text AND CLIENT_ID = $2::text AND SUB_NAME = $3::text)
		UPDATE {acks} SET SELECTOR = NULLIF($4::text, ''), SUB_DEST = $5::text WHERE CONTAINER = $1 AND CLIENT_ID = $2 AND SUB_NAME = $3`,
	stmtUnsubscribe:    `DELETE FROM {acks} WHERE CONTAINER = $1::text AND CLIENT_ID = $2::text AND SUB_NAME = $3::text`,
	stmtUnsubscription: `DELETE FROM {subs} WHERE CONTAINER = $1::text AND CLIENT_ID = $2::text AND SUB_NAME = $3::text`,
	stmtUnacked:        `DELETE FROM {acked} WHERE CONTAINER = $1::text AND CLIENT_ID = $2::text AND SUB_NAME = $3::text`,
	stmtRelease: `WITH d AS (DELETE FROM {msgs} m WHERE m.CONTAINER = $1::text AND ` + visible + ` AND NOT ` + held + `
		RETURNING m.CONTAINER, octet_length(m.MSG) size, m.MSGID_PROD, m.MSGID_SEQ),
		p AS (INSERT INTO {producers} AS t (PRODUCER, LAST_SEQ, TOUCHED) SELECT MSGID_PROD, max(MSGID_SEQ), $2::bigint FROM d
			WHERE MSGID_PROD IS NOT NULL AND MSGID_SEQ IS NOT NULL GROUP BY MSGID_PROD ` + keepHighest + `),
		x AS (DELETE FROM {acked} WHERE CONTAINER = $1 AND NOT EXISTS (SELECT 1 FROM {acks} a WHERE a.CONTAINER = $1)) ` + lessen,

	stmtDestProducers: `INSERT INTO {producers} AS t (PRODUCER, LAST_SEQ, TOUCHED) SELECT m.MSGID_PROD, max(m.MSGID_SEQ), $2::bigint FROM {msgs} m
		WHERE m.CONTAINER = $1::text AND ` + visible + ` AND m.MSGID_PROD IS NOT NULL AND m.MSGID_SEQ IS NOT NULL GROUP BY m.MSGID_PROD ` + keepHighest,
	stmtDestMessages: `WITH d AS (DELETE FROM {msgs} m WHERE m.CONTAINER = $1::text AND ` + visible + ` RETURNING m.ID)
		DELETE FROM {counters} c USING d WHERE c.ID = d.ID`,
	stmtDestAcks:  `DELETE FROM {acks} WHERE CONTAINER = $1::text`,
	stmtDestSubs:  `DELETE FROM {subs} WHERE CONTAINER = $1::text`,
	stmtDestAcked: `DELETE FROM {acked} WHERE CONTAINER = $1::text`,
	stmtDest:      `DELETE FROM {dests} WHERE CONTAINER = $1::text`,

	stmtPrepareAdd: `INSERT INTO {msgs} (ID, MSGID_PROD, MSGID_SEQ, CONTAINER, EXPIRATION, PRIORITY, MSG, XID)
		VALUES ($1::bigint, $2::text, $3::bigint, $4::text, $5::bigint, $6::bigint, $7::bytea, $8::text)`,
	stmtPrepareMark: `UPDATE {msgs} SET XID = $2::text WHERE ID = $1::bigint AND XID IS NULL`,
	// The mark of the last message up to which the branch has, with what is
	// acknowledged, everything: ActiveMQ would acknowledge what lies before.
	stmtPrepareAck: `WITH f AS (SELECT max(m.ID) id FROM {msgs} m WHERE m.ID = ANY($4::bigint[]) AND m.CONTAINER = $1::text AND m.ID < COALESCE((SELECT m.ID FROM {msgs} m
			WHERE (m.CONTAINER, m.ID) > ($1, ` + floor + `) AND m.CONTAINER <= $1 AND ` + visible + ` AND m.ID <> ALL($4) AND NOT ` + sparse + ` ORDER BY m.CONTAINER, m.ID LIMIT 1), 9223372036854775807))
		UPDATE {acks} k SET XID = replace(encode('\x2d'::bytea || int8send(f.id) || '\x00'::bytea || $5::bytea, 'base64'), E'\n', '')
		FROM f WHERE f.id IS NOT NULL AND k.CONTAINER = $1 AND k.CLIENT_ID = $2::text AND k.SUB_NAME = $3::text AND k.XID IS NULL AND k.PRIORITY < 10
		AND (SELECT count(*) FROM {acks} b WHERE b.CONTAINER = $1 AND b.CLIENT_ID = $2 AND b.SUB_NAME = $3 AND b.PRIORITY < 10) = 1`,
	stmtPrepare: `INSERT INTO {prepared} (XID, N, ACTION, CONTAINER, ID, MSGID_PROD, MSGID_SEQ, CLIENT_ID, SUB_NAME, UNMATCHED, PRIORITIZED)
		VALUES ($1::text, $2::bigint, $3::bigint, $4::text, $5::bigint, $6::text, $7::bigint, $8::text, $9::text, $10::bool, $11::bool)`,
	stmtCommitAdd: `WITH d AS (UPDATE {msgs} m SET XID = NULL, ID = $2::bigint WHERE m.ID = $1::bigint RETURNING CONTAINER, octet_length(MSG) size)
		UPDATE {dests} t SET MESSAGES = t.MESSAGES + 1, BYTES = t.BYTES + d.size FROM d WHERE t.CONTAINER = d.CONTAINER`,
	stmtDropAdd:   `DELETE FROM {msgs} WHERE ID = ANY($1::bigint[]) AND XID LIKE 'K%'`,
	stmtUnmark:    `UPDATE {msgs} SET XID = NULL WHERE ID = ANY($1::bigint[]) AND XID = $2::text`,
	stmtUnmarkAck: `UPDATE {acks} SET XID = NULL WHERE CASE WHEN XID ~ '^[A-Za-z0-9+/]+=*$' AND length(XID) % 4 = 0 THEN substring(decode(XID, 'base64') FROM 11) = $1::bytea ELSE FALSE END`,
	stmtForget:    `DELETE FROM {prepared} WHERE XID = $1::text`,
	stmtMarker:    `INSERT INTO {dests} AS t (CONTAINER, BATCH) VALUES ('', $1::bigint) ON CONFLICT (CONTAINER) DO UPDATE SET BATCH = excluded.BATCH`,
	stmtFind:      `SELECT COALESCE((SELECT min(m.ID) FROM {msgs} m WHERE m.MSGID_PROD = $1::text AND m.MSGID_SEQ = $2::bigint AND m.CONTAINER = $3::text AND ` + visible + `), -1)`,
	stmtLast: `SELECT p, GREATEST((SELECT t.LAST_SEQ FROM {producers} t WHERE t.PRODUCER = p), (SELECT max(m.MSGID_SEQ) FROM {msgs} m WHERE m.MSGID_PROD = p AND ` + visible + `))
		FROM unnest($1::text[]) p`,
}
