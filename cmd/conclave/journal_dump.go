package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/inspect"
)

func newDumpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print the records of a journal",
		Long: "Print every record of a KahaDB directory with file, offset, size, epoch and\n" +
			"checksum, one a line. What is in messages is shown on request alone.",
		Args: oneDirectory,
	}
	var o inspect.DumpOptions
	flags := cmd.Flags()
	flags.StringVar(&o.Destination, "destination", "", "records of this `destination` alone: queue://NAME, topic://NAME or NAME")
	from := flags.String("from", "", "begin at this `FILE:OFFSET`, as db-7.log:4096 or 7:4096 or 7")
	to := flags.String("to", "", "end behind this `FILE:OFFSET`")
	flags.StringSliceVar(&o.Types, "type", nil, "records of these `types` alone: "+strings.Join(journal.RecordTypes(), ", "))
	flags.BoolVar(&o.Headers, "headers", false, "with the headers and properties of messages")
	flags.BoolVar(&o.Body, "body", false, "with their contents as well")
	asJSON := flags.Bool("json", false, "print one JSON object a line")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if o.From, err = parsePosition(*from, 0); err != nil {
			return err
		}
		if o.To, err = parsePosition(*to, 1<<62); err != nil {
			return err
		}
		for _, t := range o.Types {
			if !slices.Contains(journal.RecordTypes(), t) {
				return &codedError{exitUsage, fmt.Errorf("--type %s: not one of %s", t, strings.Join(journal.RecordTypes(), ", "))}
			}
		}
		out := buffered(cmd.OutOrStdout())
		print := printLine
		if *asJSON {
			print = func(out io.Writer, l *inspect.Line) error { return printJSON(out, l) }
		}
		if err := inspect.Dump(reader(), args[0], o, func(l *inspect.Line) error { return print(out, l) }); err != nil {
			return err
		}
		return out.Flush()
	}
	return cmd
}

// parsePosition reads a place; without an offset it is the one given.
func parsePosition(text string, offset int64) (inspect.Position, error) {
	if text == "" {
		return inspect.Position{}, nil
	}
	file, digits, ok := strings.Cut(text, ":")
	number, named := journal.FileNumber(file)
	var err error
	if !named {
		var n uint64
		n, err = strconv.ParseUint(file, 10, 31)
		number = uint32(n)
	}
	if err == nil && ok {
		offset, err = strconv.ParseInt(digits, 10, 63)
	}
	if err != nil || offset < 0 {
		return inspect.Position{}, &codedError{exitUsage, fmt.Errorf("%q is not FILE:OFFSET, as db-7.log:4096", text)}
	}
	return inspect.Position{File: number, Offset: offset}, nil
}

func printLine(out io.Writer, l *inspect.Line) error {
	_, err := fmt.Fprintln(out, l.String())
	if m := l.Message; m != nil && err == nil {
		err = printMessage(out, m)
	}
	return err
}

func printMessage(out io.Writer, m *inspect.Message) error {
	text := fmt.Sprintf("    %s of %d bytes, priority %d", m.Type, m.Bytes, m.Priority)
	if m.Persistent {
		text += ", persistent"
	}
	if m.Timestamp > 0 {
		text += ", sent " + time.UnixMilli(m.Timestamp).UTC().Format(time.RFC3339Nano)
	}
	if m.Expiration > 0 {
		text += ", expires " + time.UnixMilli(m.Expiration).UTC().Format(time.RFC3339Nano)
	}
	for _, part := range [][2]string{{"correlationId", m.CorrelationID}, {"replyTo", m.ReplyTo}, {"jmsType", m.JMSType},
		{"groupId", m.GroupID}, {"userId", m.UserID}, {"propertiesError", m.PropertiesError}} {
		if part[1] != "" {
			text += fmt.Sprintf(" %s=%q", part[0], part[1])
		}
	}
	text += "\n"
	for _, name := range sortedNames(m.Properties) {
		text += fmt.Sprintf("    %s=%#v\n", name, m.Properties[name])
	}
	if m.Content != nil {
		text += "    " + strconv.Quote(m.Text()) + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
