package jdbcstore

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Tables are the names and column types of ActiveMQ's tables, as its element
// statements has them. "" is ActiveMQ's default. Names are written without
// quotes: PostgreSQL folds them to lower case.
type Tables struct {
	Prefix        string // of every table, ours too; may begin with a schema and a dot. (tablePrefix)
	Messages      string // ACTIVEMQ_MSGS (messageTableName)
	Acks          string // ACTIVEMQ_ACKS (durableSubAcksTableName)
	BinaryType    string // BYTEA (binaryDataType)
	ContainerType string // VARCHAR(250) (containerNameDataType)
	MessageIDType string // VARCHAR(250) (msgIdDataType)
	SequenceType  string // BIGINT (sequenceDataType)
	LongType      string // BIGINT (longDataType)
	StringType    string // VARCHAR(250) (stringIdDataType)
}

var (
	prefixForm = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_$]*\.)?([A-Za-z_][A-Za-z0-9_$]*)?$`)
	nameForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*$`)
	typeForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z ]*(\(\d{1,9}\))?$`)
)

// maxName is what PostgreSQL keeps of a name; an index has a longer one than
// its table.
const maxName = 63 - len("_conclave_pidx")

func (t *Tables) complete() error {
	for _, d := range []struct {
		field *string
		value string
		form  *regexp.Regexp
		name  string
	}{
		{&t.Prefix, "", prefixForm, "tablePrefix"},
		{&t.Messages, "ACTIVEMQ_MSGS", nameForm, "messageTableName"},
		{&t.Acks, "ACTIVEMQ_ACKS", nameForm, "durableSubAcksTableName"},
		{&t.BinaryType, "BYTEA", typeForm, "binaryDataType"},
		{&t.ContainerType, "VARCHAR(250)", typeForm, "containerNameDataType"},
		{&t.MessageIDType, "VARCHAR(250)", typeForm, "msgIdDataType"},
		{&t.SequenceType, "BIGINT", typeForm, "sequenceDataType"},
		{&t.LongType, "BIGINT", typeForm, "longDataType"},
		{&t.StringType, "VARCHAR(250)", typeForm, "stringIdDataType"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
		if !d.form.MatchString(*d.field) {
			return fmt.Errorf("jdbcstore: %w: %s %q", errOptions, d.name, *d.field)
		}
	}
	for _, name := range []string{t.bare(t.Messages), t.bare(t.Acks), t.bare("CONCLAVE_PRODUCERS")} {
		if len(name) > maxName {
			return fmt.Errorf("jdbcstore: %w: table name %s is longer than %d characters", errOptions, name, maxName)
		}
	}
	return nil
}

// full is a table's name with the prefix.
func (t *Tables) full(name string) string { return t.Prefix + name }

// bare is full without the schema.
func (t *Tables) bare(name string) string {
	full := t.full(name)
	return full[strings.IndexByte(full, '.')+1:]
}

func (t *Tables) msgs() string      { return t.full(t.Messages) }
func (t *Tables) acks() string      { return t.full(t.Acks) }
func (t *Tables) state() string     { return t.full("CONCLAVE_STATE") }
func (t *Tables) dests() string     { return t.full("CONCLAVE_DESTS") }
func (t *Tables) subs() string      { return t.full("CONCLAVE_SUBS") }
func (t *Tables) acked() string     { return t.full("CONCLAVE_ACKED") }
func (t *Tables) counters() string  { return t.full("CONCLAVE_COUNTERS") }
func (t *Tables) producers() string { return t.full("CONCLAVE_PRODUCERS") }
func (t *Tables) prepared() string  { return t.full("CONCLAVE_PREPARED") }

// length is how many characters a column type holds; a type without bound
// holds as many as an index can.
func length(columnType string) int {
	if _, after, ok := strings.Cut(columnType, "("); ok {
		n, _ := strconv.Atoi(strings.TrimSuffix(after, ")"))
		return n
	}
	return 1000
}
