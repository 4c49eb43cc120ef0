package pglock

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrPrefix reports a tablePrefix that is no beginning of a table's name.
var ErrPrefix = errors.New("tablePrefix is not usable")

// Tables are the names of the tables that an election uses, as ActiveMQ
// writes them: not quoted, so that PostgreSQL folds them to lower case.
type Tables struct {
	// Prefix begins each name; it may end a schema's name with a dot, as
	// "brokers.A_". (ActiveMQ: Statements.tablePrefix)
	Prefix string
	// LockTable is ActiveMQ's; "" is ACTIVEMQ_LOCK. (Statements.lockTableName)
	LockTable string
}

// epochTable is ours.
const epochTable = "CONCLAVE_EPOCH"

// maxName is what PostgreSQL keeps of a name.
const maxName = 63

var (
	prefixPattern = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_$]*\.)?([A-Za-z_][A-Za-z0-9_$]*)?$`)
	namePattern   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)
)

// Check refuses names that would not be plain identifiers. It must have
// succeeded before any other method is used in a statement.
func (t Tables) Check() error {
	if !prefixPattern.MatchString(t.Prefix) {
		return fmt.Errorf("%w: %q; use letters, digits and _, and a dot after a schema's name", ErrPrefix, t.Prefix)
	}
	if t.LockTable != "" && !namePattern.MatchString(t.LockTable) {
		return fmt.Errorf("lockTableName %q is not a plain name", t.LockTable)
	}
	for _, name := range []string{t.Epoch(), t.Lock()} {
		if _, after, ok := strings.Cut(name, "."); ok {
			name = after
		}
		if len(name) > maxName {
			return fmt.Errorf("%w: %s is longer than %d characters", ErrPrefix, name, maxName)
		}
	}
	return nil
}

// Epoch is the full name of the table of epochs.
func (t Tables) Epoch() string { return t.Prefix + epochTable }

// Lock is the full name of ActiveMQ's lock table.
func (t Tables) Lock() string {
	if t.LockTable == "" {
		return t.Prefix + "ACTIVEMQ_LOCK"
	}
	return t.Prefix + t.LockTable
}

// Schema is the SQL that makes the tables of the election, each statement on
// its own. They change nothing that is there.
func (t Tables) Schema() []string {
	return []string{
		"CREATE TABLE IF NOT EXISTS " + t.Lock() + "(ID BIGINT NOT NULL, TIME BIGINT, BROKER_NAME VARCHAR(250), PRIMARY KEY (ID))",
		"INSERT INTO " + t.Lock() + "(ID) VALUES (1) ON CONFLICT DO NOTHING",
		"CREATE TABLE IF NOT EXISTS " + t.Epoch() + "(ID SMALLINT PRIMARY KEY CHECK (ID = 1)" +
			", EPOCH BIGINT NOT NULL, HOLDER VARCHAR(64) NOT NULL" +
			", BROKER VARCHAR(250) NOT NULL, HOST VARCHAR(250) NOT NULL, PID BIGINT NOT NULL, BACKEND BIGINT NOT NULL" +
			", SINCE TIMESTAMPTZ NOT NULL, WINDOW_MS BIGINT NOT NULL, URIS TEXT NOT NULL" +
			", RELEASED TIMESTAMPTZ, SUCCESSOR VARCHAR(250), PATIENCE_MS BIGINT)",
	}
}

// qualified reports that the prefix names a schema.
func (t Tables) qualified() bool { return strings.Contains(t.Prefix, ".") }

// quoted is text within a string constant.
func quoted(text string) string { return strings.ReplaceAll(text, "'", "''") }
