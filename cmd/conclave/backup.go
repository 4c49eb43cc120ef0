package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/journal/inspect"
)

func newBackupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup [-c file] TO_DIR",
		Short: "Copy the journal of a running master, as it is at one moment",
		Long: "Copy the journal of a running master of this host (see `conclave stop --help` for\n" +
			"how to choose one) to a new directory: everything that was confirmed before the\n" +
			"command began is in it. The master goes on serving; it deletes no journal files\n" +
			"until the copy is done. A broker that is started on the copy, or on a copy of\n" +
			"that, serves what it holds.\n" +
			"Exit code 0: there is a whole backup; 1: there is none; 2: bad arguments;\n" +
			"3: the broker is a slave.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &codedError{exitUsage, errors.New("name one directory to copy to")}
			}
			return nil
		},
	}
	selection := addSelectionFlags(cmd)
	rate := cmd.Flags().String("rate", "", "copy at most so many `bytes` a second, as 50mb")
	link := cmd.Flags().Bool("link", false, "link complete files instead of copying them, on the same file system")
	quiet := cmd.Flags().BoolP("quiet", "q", false, "no progress")
	asJSON := cmd.Flags().Bool("json", false, "print the manifest")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o := inspect.CopyOptions{Link: *link}
		if *rate != "" {
			var err error
			if o.Rate, err = config.ParseBytes(*rate); err != nil || o.Rate <= 0 {
				return &codedError{exitUsage, fmt.Errorf("--rate %s: not a number of bytes", *rate)}
			}
		}
		b, err := chooseMaster(cmd, selection)
		if err != nil {
			return err
		}
		if !*quiet {
			o.Progress = progress(cmd.ErrOrStderr(), &o)
		}
		m, err := backup(cmd, b, args[0], &o)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), m)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d files of %s, epoch %d, up to db-%d.log:%d, in %v\n", args[0], len(m.Files),
			m.From, m.Epoch, m.Position.File, m.Position.Offset, time.Since(m.Began).Round(time.Millisecond))
		return nil
	}
	return cmd
}

// chooseMaster is the one broker that is meant, if it is a master.
func chooseMaster(cmd *cobra.Command, s *selection) (b control.Broker, err error) {
	found, _, err := s.find(cmd)
	switch {
	case err != nil:
		return b, err
	case len(found) == 0:
		return b, errors.New("not running: there is no such broker on this host")
	case len(found) > 1:
		return b, fmt.Errorf("%d brokers fit (%s): choose with --pid", len(found), pids(found))
	}
	b = found[0]
	switch {
	case b.Err != nil:
		return b, b.Err
	case b.Role == node.Slave:
		r := reportOf(b)
		return b, &codedError{exitSlave, fmt.Errorf("broker %s is a slave; the master is %s: run the command there", b.BrokerName, r.Lock)}
	case b.Role != node.Master:
		return b, fmt.Errorf("broker %s is %s", b.BrokerName, b.Role)
	case b.Database != "":
		return b, fmt.Errorf("broker %s keeps its messages in a database: back that up, with pg_dump or as PostgreSQL's documentation says", b.BrokerName)
	case b.Directory == "":
		return b, fmt.Errorf("broker %s stores nothing", b.BrokerName)
	}
	return b, nil
}

func backup(cmd *cobra.Command, b control.Broker, to string, o *inspect.CopyOptions) (*inspect.Manifest, error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	to, err := filepath.Abs(to)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	held, err := b.Hold()
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", b.BrokerName, err)
	}
	defer held.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // which ends when the moment does
		<-held.Gone
		cancel(errGone)
	}()
	o.Files = held.Files
	o.Manifest = inspect.Manifest{Broker: held.BrokerName, Host: held.Host, From: b.Directory, Epoch: held.Moment.Epoch, Began: began.UTC()}
	m, err := inspect.Copy(ctx, to, *o, held.Finish)
	if err != nil && context.Cause(ctx) == errGone {
		err = errors.Join(errGone, err)
	}
	return m, err
}

var errGone = errors.New("the master ended before the copy was whole")

// progress writes a line every second.
func progress(out io.Writer, o *inspect.CopyOptions) func(int64) {
	last := time.Now()
	return func(copied int64) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		total := int64(0)
		for _, f := range o.Files {
			total += f.Length
		}
		fmt.Fprintf(out, "%s of %s\n", inspect.Size(copied), inspect.Size(max(total, copied)))
	}
}
