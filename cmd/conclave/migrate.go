package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/migrate"
)

// migrateFlags are those of `migrate`.
type migrateFlags struct {
	config   *configFlags
	names    *tableFlags
	from, to string
	quiet    bool
	json     bool
}

func newMigrateCommand() *cobra.Command {
	f := &migrateFlags{}
	cmd := &cobra.Command{
		Use:   "migrate --from kahadb:DIR --to postgres:URL",
		Short: "Copy all messages from a directory to a database, or back",
		Long: "Copy everything that a store holds into another: kahadb:DIR is a KahaDB directory\n" +
			"of Conclave or ActiveMQ, postgres:URL a database with their tables (URL as in\n" +
			"dataSource). Queues, durable subscriptions with what each has not acknowledged,\n" +
			"redelivery counters, prepared XA branches and scheduled messages are copied;\n" +
			"then both sides are read and compared. No broker may run on either: the\n" +
			"command takes both locks. The source keeps what it has.\n\n" +
			"A copy that is cut short, however that was, is taken up by the same command.\n" +
			"Until it is complete the target has a queue " + migrate.Marker.Name + ";\n" +
			"do not serve it before.\n\n" +
			"ActiveMQ's tables in PostgreSQL, and its KahaDB directory, need no migration to be\n" +
			"served by Conclave: start it with the same dataSource, or directory.\n\n" +
			"With -c the names of the tables and the destinations with prioritizedMessages are\n" +
			"those of the configuration; what it says of the store's place is not used.\n" +
			"Exit code 0: both hold the same; 1: not done; 2: bad arguments.",
		Args: cobra.NoArgs,
	}
	f.config, f.names = addConfigFlags(cmd), addTableFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "the `store` to read: kahadb:DIR or postgres:URL")
	flags.StringVar(&f.to, "to", "", "the `store` to fill")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress")
	flags.BoolVar(&f.json, "json", false, "print the ledger as JSON, a line for each queue and subscription")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

func (f *migrateFlags) run(cmd *cobra.Command) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := f.config.load()
	if err != nil {
		return err
	}
	if c.Broker.PersistenceAdapter.JDBC == nil {
		c.Broker.PersistenceAdapter.JDBC = config.NewJDBC("")
	}
	f.names.apply(cmd, &c.Broker.PersistenceAdapter.JDBC.Statements)
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	from, err := parseEnd(f.from, "--from", &c.Broker, log)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	to, err := parseEnd(f.to, "--to", &c.Broker, log)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	if from.name() == to.name() {
		return &codedError{exitUsage, fmt.Errorf("%w: start Conclave on %s as it is", errInPlace, from.name())}
	}
	tuneTool()
	m := &migration{from: from, to: to, options: f.options(cmd, &c.Broker, from, log)}
	defer m.release()
	ledger, err := m.run(ctx)
	if ledger != nil {
		err = errors.Join(err, f.print(cmd.OutOrStdout(), ledger))
	}
	return err
}

var errInPlace = errors.New("both are the same store; what ActiveMQ wrote needs no migration")

func (f *migrateFlags) options(cmd *cobra.Command, b *config.Broker, from *storeEnd, log *slog.Logger) migrate.Options {
	policy := policies(&b.DestinationPolicy.PolicyMap)
	o := migrate.Options{
		Source:      from.name(),
		Prioritized: func(d message.Destination) bool { return policy(d).PrioritizedMessages },
		Log:         log,
	}
	if !f.quiet {
		o.Progress = migrationProgress(cmd.ErrOrStderr())
	}
	return o
}

// migrationProgress writes a line every second.
func migrationProgress(out io.Writer) func(migrate.Progress) {
	var phase migrate.Phase
	var began, last time.Time
	return func(p migrate.Progress) {
		now := time.Now()
		if p.Phase != phase {
			phase, began, last = p.Phase, now, now
			return
		}
		if now.Sub(last) < time.Second || p.Messages == 0 {
			return
		}
		last = now
		speed := float64(p.Messages) / now.Sub(began).Seconds()
		total := max(p.Total, p.Messages)
		fmt.Fprintf(out, "%s: %.1f %%, %d of %d messages, %.0f/s, about %.0f s left (%s)\n", p.Phase,
			100*float64(p.Messages)/float64(total), p.Messages, total, speed, float64(total-p.Messages)/speed, p.Destination)
	}
}

// print writes the ledger.
func (f *migrateFlags) print(out io.Writer, l *migrate.Ledger) error {
	var messages, unreadable int64
	for i := range l.Lines {
		line := &l.Lines[i]
		messages += line.From.Messages
		unreadable += line.Unreadable
		if f.json {
			if err := printJSON(out, line); err != nil {
				return err
			}
			continue
		}
		name := line.Destination.String()
		if line.Subscription != "" {
			name += " for " + line.Subscription
		}
		fmt.Fprintf(out, "%s: %d messages, %d bytes, sha256 %.16s; %d messages, %d bytes, sha256 %.16s\n", name,
			line.From.Messages, line.From.Bytes, line.From.Digest, line.To.Messages, line.To.Bytes, line.To.Digest)
	}
	if f.json {
		return nil
	}
	fmt.Fprintf(out, "%d messages in %d queues and subscriptions, %d prepared branches\n", messages, len(l.Lines), l.Branches)
	if unreadable > 0 {
		fmt.Fprintf(out, "%d messages of the source could not be read and are not in the target\n", unreadable)
	}
	return nil
}

// migration is one run of the command.
type migration struct {
	from, to *storeEnd
	options  migrate.Options
}

// run copies, opens the target again, compares both sides and completes it.
func (m *migration) run(ctx context.Context) (*migrate.Ledger, error) {
	for _, end := range []*storeEnd{m.from, m.to} {
		if err := end.acquire(ctx); err != nil {
			return nil, err
		}
		if err := end.open(ctx); err != nil {
			return nil, err
		}
	}
	err := migrate.Copy(ctx, m.from.side, m.to.side, m.options)
	if errors.Is(err, migrate.ErrNotEmpty) {
		return m.alreadyDone(ctx, err)
	}
	if err != nil {
		return nil, err
	}
	if err := m.to.reopen(ctx); err != nil {
		return nil, err
	}
	ledger, err := migrate.Verify(ctx, m.from.side, m.to.side, m.options)
	if err != nil {
		return ledger, err
	}
	if err := migrate.Finish(ctx, m.to.side.Store); err != nil {
		return ledger, err
	}
	return ledger, m.close()
}

// alreadyDone says whether a target that is not empty holds everything: a run
// that was killed at its very end is repeated.
func (m *migration) alreadyDone(ctx context.Context, refused error) (*migrate.Ledger, error) {
	ledger, err := migrate.Verify(ctx, m.from.side, m.to.side, m.options)
	if err != nil {
		return nil, fmt.Errorf("%w, and holds something else: %w", refused, err)
	}
	return ledger, m.close()
}

func (m *migration) close() error { return errors.Join(m.to.close(), m.from.close()) }

func (m *migration) release() {
	m.to.release()
	m.from.release()
}
