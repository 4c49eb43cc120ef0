package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/chaos"
)

func newChaosCommand() *cobra.Command {
	o := chaos.Options{}
	cmd := &cobra.Command{
		Use:   "chaos DIRECTORY",
		Short: "Try a directory out: a pair of brokers, load, and faults",
		Long: "Run a pair of brokers in a new folder below the directory, on a mount for instance,\n" +
			"send and receive through failover, kill, pause and stop the master again and again,\n" +
			"and report what was lost, doubled or out of order and how long nobody served.\n" +
			"What lies in the directory is not touched; the folder is removed if all is well.\n" +
			"Exit code 0: all is well; 1: it is not, or the trial could not be made.",
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.DurationVar(&o.Duration, "duration", time.Minute, "how long faults happen; receiving what is left comes after it")
	megabytes := flags.Int64("size", 64, "`MiB` of message bodies, at most")
	flags.IntVar(&o.Size, "messageSize", 1024, "bytes of a message")
	flags.IntVar(&o.Producers, "producers", 4, "number of producers")
	flags.IntVar(&o.Consumers, "consumers", 4, "number of consumers")
	flags.DurationVar(&o.Interval, "interval", 2*time.Second, "mean time between two faults")
	names := flags.String("faults", strings.Join(chaos.FaultNames(), ","), "faults to choose from")
	flags.Uint64Var(&o.Seed, "seed", 0, "of the order of faults; 0: a random one, which is printed")
	asJSON := flags.Bool("json", false, "print the report as one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *megabytes < 1 || *megabytes > 1<<20 {
			return &codedError{exitUsage, fmt.Errorf("--size %d: not 1 to %d MiB", *megabytes, 1<<20)}
		}
		var err error
		if o.Binary, err = os.Executable(); err != nil {
			return err
		}
		o.Directory, o.Bytes, o.Faults = args[0], *megabytes<<20, strings.Split(*names, ",")
		o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		for o.Seed == 0 {
			o.Seed = rand.Uint64N(1e9)
		}
		if !*asJSON {
			o.Progress = func(line string) { fmt.Fprintln(cmd.OutOrStdout(), line) }
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		report, err := chaos.Run(ctx, o)
		if err != nil {
			return fmt.Errorf("chaos: %w", err)
		}
		if *asJSON {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
		} else {
			report.Print(cmd.OutOrStdout())
		}
		if err == nil && report.Problem != nil {
			err = errors.New("chaos: the accounts do not balance")
		}
		return err
	}
	return cmd
}
