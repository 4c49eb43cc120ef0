package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/inspect"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/lock"
)

func newRepairCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repair DIR",
		Short: "Cut damage out of a journal, and keep it in side files",
		Long: "Say what is damaged in a KahaDB directory and, with --write, take the lock as a\n" +
			"broker would, copy each damaged part to a file of its own (db-7.log.damaged-4096:\n" +
			"what lay at offset 4096) and replace the files by copies without it, so that\n" +
			"Conclave and ActiveMQ read them without complaint. What the parts held is lost to\n" +
			"the brokers; `conclave journal extract --damaged` takes out what still decodes.\n" +
			"Exit code 0: nothing to repair, or repaired; 1: there is damage, and no --write;\n" +
			"2: bad arguments; 6: a broker holds the lock.",
		Args: oneDirectory,
	}
	write := cmd.Flags().Bool("write", false, "repair; without it nothing is changed")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *write {
			return repair(cmd, args[0], *asJSON)
		}
		p, err := inspect.NewPlan(reader(), args[0])
		if err != nil {
			return err
		}
		if err := printPlan(cmd.OutOrStdout(), p, false, *asJSON); err != nil || p.Empty() {
			return err
		}
		return &codedError{code: exitFailure}
	}
	return cmd
}

// repair takes the directory as a broker does for as long as it lasts.
func repair(cmd *cobra.Command, dir string, asJSON bool) error {
	lease, err := takeDirectory(cmd.Context(), dir, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return err
	}
	owned := func() error {
		if lease.Valid() {
			return nil
		}
		return errors.Join(lock.ErrLost, lease.Cause())
	}
	p, err := inspect.NewPlan(vfs.OS{}, dir)
	if err == nil {
		err = inspect.Repair(vfs.OS{}, p, owned)
	}
	err = errors.Join(err, lease.Release())
	if err != nil {
		return err
	}
	return printPlan(cmd.OutOrStdout(), p, true, asJSON)
}

// takeDirectory takes the lock of a directory, without waiting for it.
func takeDirectory(ctx context.Context, dir string, log *slog.Logger) (*lock.Lease, error) {
	locker, err := lock.NewFile(lock.FileOptions{
		Directory: dir, FailIfLocked: true, BrokerName: "conclave journal repair", Log: log,
		Floor: func() uint64 { return journal.LastEpoch(dir) },
	})
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	lease, err := locker.Acquire(ctx)
	if errors.Is(err, lock.ErrHeld) {
		return nil, &codedError{exitHeld, fmt.Errorf("the directory is in use, stop its broker first: %w", err)}
	}
	return lease, err
}

func printPlan(out io.Writer, p *inspect.Plan, done, asJSON bool) error {
	if asJSON {
		return printJSON(out, struct {
			*inspect.Plan
			Done bool `json:"done"`
		}{p, done})
	}
	w := buffered(out)
	for _, f := range p.Files {
		if f.Aside != "" {
			fmt.Fprintf(w, "%s: empty; set aside as %s\n", f.File, f.Aside)
		}
		for _, c := range f.Cuts {
			fmt.Fprintf(w, "%s: %d bytes at offset %d cut out: %s\n", f.File, c.Length, c.Offset, c.Reason)
			if c.Side != "" {
				fmt.Fprintf(w, "    kept in %s\n", c.Side)
			}
			if c.Held != nil {
				fmt.Fprintf(w, "    still recognised: %s\n", c.Held)
			}
		}
		if f.Aside == "" && len(f.Cuts) == 0 {
			fmt.Fprintf(w, "%s: its end is lost, which the journal will say\n", f.File)
		}
	}
	for _, name := range p.Accepted {
		fmt.Fprintf(w, "%s: missing, which the journal will say\n", name)
	}
	switch {
	case p.Empty():
		fmt.Fprintln(w, "nothing to repair")
	case done:
		fmt.Fprintln(w, "repaired")
	default:
		fmt.Fprintln(w, "nothing was changed; --write repairs")
	}
	return w.Flush()
}
