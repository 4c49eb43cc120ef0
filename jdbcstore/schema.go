package jdbcstore

// SchemaVersion is written to the schema; a Store refuses a higher one.
const SchemaVersion = 1

// Schema is the SQL that makes the tables, indexes and the trigger of a Store,
// each statement on its own. They change nothing that is there. The tables of
// the election are not among them; see lock/pglock.Tables.Schema.
func Schema(o Options) ([]string, error) {
	t := o.Tables
	if err := t.complete(); err != nil {
		return nil, err
	}
	r := t.replacer()
	var list []string
	for _, group := range [][]string{activeMQTables, activeMQIndexes, ourTables, ourTriggers} {
		for _, statement := range group {
			list = append(list, r.Replace(statement))
		}
	}
	return list, nil
}

// activeMQTables are ActiveMQ's, with the primary keys that it means to have
// and under the names that PostgreSQL gives: ActiveMQ drops the key of the
// second table and makes it anew whenever it starts.
var activeMQTables = []string{
	`CREATE TABLE IF NOT EXISTS {msgs}(ID {sequence} NOT NULL, CONTAINER {container} NOT NULL, MSGID_PROD {msgid}, MSGID_SEQ {sequence}, EXPIRATION {long}, MSG {binary}, PRIORITY {sequence}, XID {string}, PRIMARY KEY (ID))`,
	`CREATE TABLE IF NOT EXISTS {acks}(CONTAINER {container} NOT NULL, SUB_DEST {string}, CLIENT_ID {string} NOT NULL, SUB_NAME {string} NOT NULL, SELECTOR {string}, LAST_ACKED_ID {sequence}, PRIORITY {sequence} DEFAULT 5 NOT NULL, XID {string}, PRIMARY KEY (CONTAINER, CLIENT_ID, SUB_NAME, PRIORITY))`,
}

// activeMQIndexes have the names of ActiveMQ's. Those that none of its
// statements needs, beside ours, hold only rows of prepared transactions or of
// priorities: each full index costs every message about a tenth of its writes.
var activeMQIndexes = []string{
	`CREATE INDEX IF NOT EXISTS {msgsbare}_MIDX ON {msgs} (MSGID_PROD, MSGID_SEQ)`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_CIDX ON {msgs} (CONTAINER) WHERE XID IS NOT NULL`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_EIDX ON {msgs} (EXPIRATION) WHERE XID IS NOT NULL`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_PIDX ON {msgs} (PRIORITY) WHERE PRIORITY <> 0`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_XIDX ON {msgs} (XID) WHERE XID IS NOT NULL`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_IIDX ON {msgs} (ID ASC, XID, CONTAINER) WHERE XID IS NOT NULL`,
	`CREATE INDEX IF NOT EXISTS {acksbare}_XIDX ON {acks} (XID)`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_CONCLAVE_IDX ON {msgs} (CONTAINER, ID)`,
	`CREATE INDEX IF NOT EXISTS {msgsbare}_CONCLAVE_PIDX ON {msgs} (CONTAINER, PRIORITY, ID) WHERE PRIORITY <> 0`,
}

var ourTables = []string{
	`CREATE TABLE IF NOT EXISTS {state}(ID SMALLINT PRIMARY KEY CHECK (ID = 1), VERSION INTEGER NOT NULL, FOREIGN_WRITES BOOLEAN NOT NULL)`,
	`INSERT INTO {state} VALUES (1, 1, TRUE) ON CONFLICT DO NOTHING`,
	`CREATE TABLE IF NOT EXISTS {dests}(CONTAINER {container} PRIMARY KEY, MESSAGES BIGINT NOT NULL DEFAULT 0, BYTES BIGINT NOT NULL DEFAULT 0, EXPOSED BIGINT NOT NULL DEFAULT 0, MIXED BOOLEAN NOT NULL DEFAULT FALSE, LAST_ID BIGINT NOT NULL DEFAULT 0, BROKER_SEQ BIGINT NOT NULL DEFAULT 0, BATCH BIGINT NOT NULL DEFAULT 0) WITH (fillfactor = 50)`,
	`CREATE TABLE IF NOT EXISTS {subs}(CONTAINER {container} NOT NULL, CLIENT_ID {string} NOT NULL, SUB_NAME {string} NOT NULL, NO_LOCAL BOOLEAN NOT NULL DEFAULT FALSE, PENDING BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (CONTAINER, CLIENT_ID, SUB_NAME)) WITH (fillfactor = 50)`,
	`CREATE TABLE IF NOT EXISTS {acked}(CONTAINER {container} NOT NULL, CLIENT_ID {string} NOT NULL, SUB_NAME {string} NOT NULL, ID BIGINT NOT NULL, MSGID_PROD {msgid}, MSGID_SEQ BIGINT, PRIMARY KEY (CONTAINER, CLIENT_ID, SUB_NAME, ID))`,
	`CREATE TABLE IF NOT EXISTS {counters}(ID BIGINT PRIMARY KEY, REDELIVERIES INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS {producers}(PRODUCER {msgid} PRIMARY KEY, LAST_SEQ BIGINT NOT NULL, TOUCHED BIGINT NOT NULL) WITH (fillfactor = 50)`,
	`CREATE TABLE IF NOT EXISTS {prepared}(XID {string} NOT NULL, N INTEGER NOT NULL, ACTION SMALLINT NOT NULL, CONTAINER {container} NOT NULL, ID BIGINT NOT NULL, MSGID_PROD {msgid}, MSGID_SEQ BIGINT, CLIENT_ID {string}, SUB_NAME {string}, UNMATCHED BOOLEAN NOT NULL DEFAULT FALSE, PRIORITIZED BOOLEAN NOT NULL DEFAULT FALSE, PRIMARY KEY (XID, N))`,
}

// ourTriggers notice a writer that is no Conclave: what we count may be wrong
// afterwards.
var ourTriggers = []string{
	`CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$ BEGIN EXECUTE pg_catalog.format('UPDATE %I.{statebare} SET FOREIGN_WRITES = TRUE WHERE ID = 1 AND NOT FOREIGN_WRITES', TG_TABLE_SCHEMA); RETURN NULL; END $$`,
	`DROP TRIGGER IF EXISTS CONCLAVE_FOREIGN ON {msgs}`,
	`CREATE TRIGGER CONCLAVE_FOREIGN AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {msgs} FOR EACH STATEMENT WHEN (current_setting('conclave.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION {function}()`,
	`DROP TRIGGER IF EXISTS CONCLAVE_FOREIGN ON {acks}`,
	`CREATE TRIGGER CONCLAVE_FOREIGN AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {acks} FOR EACH STATEMENT WHEN (current_setting('conclave.writer', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION {function}()`,
}
