package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/journal/vfs"
)

func newJournalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Look into a KahaDB directory, and repair it",
		Long: "Look into a KahaDB directory of Conclave or ActiveMQ, whether or not a broker\n" +
			"uses it. All but `repair --write` only read.",
	}
	cmd.AddCommand(newVerifyCommand(), newDumpCommand(), newStatsCommand(), newRepairCommand(), newExtractCommand())
	return cmd
}

// toolPercent is GOGC for tools that hold an index: it keeps the heap near what
// the index takes.
const toolPercent = 40

func tuneTool() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(toolPercent)
	}
}

// oneDirectory checks the argument of a journal command.
func oneDirectory(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &codedError{exitUsage, errors.New("name one directory: that of kahaDB")}
	}
	info, err := os.Stat(args[0])
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", args[0])
	}
	if err != nil {
		return &codedError{exitUsage, err}
	}
	return nil
}

// reader is the file system of all commands that only read.
func reader() vfs.FS { return vfs.Quiet{} }

// buffered writes to out in large pieces; the caller flushes.
func buffered(out io.Writer) *bufio.Writer { return bufio.NewWriterSize(out, 64<<10) }

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
