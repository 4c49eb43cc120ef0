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

// replacer puts names and types in place of what stands in braces.
func (t *Tables) replacer() *strings.Replacer {
	return strings.NewReplacer(
		"{msgs}", t.full(t.Messages), "{msgsbare}", t.bare(t.Messages),
		"{acks}", t.full(t.Acks), "{acksbare}", t.bare(t.Acks),
		"{state}", t.full("CONCLAVE_STATE"), "{statebare}", t.bare("CONCLAVE_STATE"),
		"{dests}", t.full("CONCLAVE_DESTS"), "{subs}", t.full("CONCLAVE_SUBS"),
		"{acked}", t.full("CONCLAVE_ACKED"), "{counters}", t.full("CONCLAVE_COUNTERS"),
		"{producers}", t.full("CONCLAVE_PRODUCERS"), "{prepared}", t.full("CONCLAVE_PREPARED"),
		"{function}", t.full("CONCLAVE_FOREIGN"),
		"{container}", t.ContainerType, "{msgid}", t.MessageIDType, "{sequence}", t.SequenceType,
		"{long}", t.LongType, "{binary}", t.BinaryType, "{string}", t.StringType,
	)
}

// length is how many characters a column type holds; a type without bound
// holds as many as an index can.
func length(columnType string) int {
	if _, after, ok := strings.Cut(columnType, "("); ok {
		n, _ := strconv.Atoi(strings.TrimSuffix(after, ")"))
		return n
	}
	return 1000
}
