package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/jdbcstore"
)

func newSchemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema [-c file] [--tablePrefix P] [--grant ROLE]",
		Short: "Print the SQL that makes the tables in PostgreSQL",
		Long: "Print the SQL that makes the tables of a jdbcPersistenceAdapter, with the names\n" +
			"of the configuration or of the flags. A broker makes them itself, unless its\n" +
			"role may not: then a role that may runs this once, and the broker is\n" +
			"configured with createTablesOnStartup: false. No database is asked. The\n" +
			"statements change nothing that is there: they may be run on a schema that\n" +
			"ActiveMQ made, and again. Run them in the schema that the broker's role finds first\n" +
			"(search_path), or give a prefix that names it, as --tablePrefix mq.",
		Args: cobra.NoArgs,
	}
	flags := addConfigFlags(cmd)
	names := addTableFlags(cmd)
	grant := cmd.Flags().String("grant", "", "also print what this `role` has to be granted")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.load()
		if err != nil {
			return err
		}
		j := c.Broker.Database()
		if j == nil {
			j = config.NewJDBC("")
		}
		names.apply(cmd, &j.Statements)
		return printSchema(cmd.OutOrStdout(), j, *grant)
	}
	return cmd
}

// tableFlags are the names of the tables, for a command without a configuration.
type tableFlags struct{ prefix, messages, acks, lock string }

func addTableFlags(cmd *cobra.Command) *tableFlags {
	t := &tableFlags{}
	flags := cmd.Flags()
	flags.StringVar(&t.prefix, "tablePrefix", "", "`text` that the name of each table begins with")
	flags.StringVar(&t.messages, "messageTableName", "", "`name` of the table ACTIVEMQ_MSGS")
	flags.StringVar(&t.acks, "durableSubAcksTableName", "", "`name` of the table ACTIVEMQ_ACKS")
	flags.StringVar(&t.lock, "lockTableName", "", "`name` of the table ACTIVEMQ_LOCK")
	return t
}

// apply has the flags that are given override a configuration.
func (t *tableFlags) apply(cmd *cobra.Command, s *config.Statements) {
	for name, pair := range map[string][2]*string{
		"tablePrefix":             {&s.TablePrefix, &t.prefix},
		"messageTableName":        {&s.MessageTableName, &t.messages},
		"durableSubAcksTableName": {&s.DurableSubAcksTableName, &t.acks},
		"lockTableName":           {&s.LockTableName, &t.lock},
	} {
		if cmd.Flags().Changed(name) {
			*pair[0] = *pair[1]
		}
	}
}

func printSchema(out io.Writer, j *config.JDBC, role string) error {
	election := electionTables(j)
	if err := election.Check(); err != nil {
		return &codedError{exitUsage, err}
	}
	list, err := jdbcstore.Schema(jdbcstore.Options{Tables: storeTables(&j.Statements)})
	if err != nil {
		return &codedError{exitUsage, err}
	}
	list = append(list, election.Schema()...)
	if role != "" {
		list = append(list, grants(list, role)...)
	}
	b := buffered(out)
	fmt.Fprintf(b, "-- Tables of a jdbcPersistenceAdapter, version %d of the schema.\nBEGIN;\n", jdbcstore.SchemaVersion)
	for _, statement := range list {
		fmt.Fprintf(b, "%s;\n", statement)
	}
	fmt.Fprintln(b, "COMMIT;")
	return b.Flush()
}

var createTable = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS ([^( ]+)\s*\(`)

// grants lets a role use the tables that the statements make, and the schema
// that a prefix names.
func grants(statements []string, role string) []string {
	var tables []string
	for _, s := range statements {
		if m := createTable.FindStringSubmatch(s); m != nil {
			tables = append(tables, m[1])
		}
	}
	quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
	list := []string{"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON " + strings.Join(tables, ", ") + " TO " + quoted}
	if schema, _, ok := strings.Cut(tables[0], "."); ok {
		list = append(list, "GRANT USAGE ON SCHEMA "+schema+" TO "+quoted)
	}
	return list
}
