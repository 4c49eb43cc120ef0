package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/journal/inspect"
)

func newVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check every batch and record of a journal",
		Long: "Read every file of a KahaDB directory and check its checksums, its records and\n" +
			"the messages in them, and whether files are missing. Nothing is changed. Of a\n" +
			"directory in use the journal is checked as far as it is written now.\n" +
			"Exit code 0: no damage; 1: damage; 2: it could not be checked.",
		Args: oneDirectory,
	}
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	quiet := cmd.Flags().BoolP("quiet", "q", false, "print nothing but findings")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		began := time.Now()
		v, err := inspect.Verify(reader(), args[0])
		if err != nil {
			return &codedError{exitUsage, err}
		}
		out := cmd.OutOrStdout()
		if *asJSON {
			err = printJSON(out, v)
		} else {
			err = printVerdict(out, v, *quiet, time.Since(began))
		}
		if err == nil && v.Damaged {
			err = &codedError{code: exitFailure}
		}
		return err
	}
	return cmd
}

func printVerdict(out io.Writer, v *inspect.Verdict, quiet bool, took time.Duration) error {
	w := buffered(out)
	for i := range v.Findings {
		fmt.Fprintln(w, v.Findings[i].String())
	}
	if v.More > 0 {
		fmt.Fprintf(w, "and %d more\n", v.More)
	}
	if !quiet {
		fmt.Fprintf(w, "%s: %d files, %s, %d batches, %d records, epoch %d, in %v\n", v.Directory, v.Files, inspect.Size(v.Bytes),
			v.Batches, v.Records, v.Epoch, took.Round(time.Millisecond))
		if v.Unchecked > 0 {
			fmt.Fprintf(w, "%d batches have no checksum\n", v.Unchecked)
		}
		if v.InUse {
			fmt.Fprintf(w, "in use by %s: checked as far as it was written\n", v.Holder)
		}
		verdict := "no damage"
		if v.Damaged {
			verdict = "DAMAGED"
		}
		fmt.Fprintln(w, verdict)
	}
	return w.Flush()
}
