package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/control"
)

func newStopCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Stop a broker of this host cleanly",
		Long: "Stop a broker of this host: the one of the configuration (-c), of --directory,\n" +
			"--brokerName or --pid, or --all. Exit code 0: it has ended; 1: it was not\n" +
			"running, or still is after --timeout.",
		Args: cobra.NoArgs,
	}
	selection := addSelectionFlags(cmd)
	timeout := cmd.Flags().Duration("timeout", 30*time.Second, "how long to wait for the end")
	force := cmd.Flags().Bool("force", false, "kill what has not ended by then")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		found, _, err := selection.find(cmd)
		if err != nil {
			return err
		}
		switch {
		case len(found) == 0:
			return errors.New("not running: there is no such broker on this host")
		case len(found) > 1 && !selection.all:
			return fmt.Errorf("%d brokers fit (%s): choose with --pid, or --all", len(found), pids(found))
		}
		return stopAll(cmd, found, *timeout, *force)
	}
	return cmd
}

func stopAll(cmd *cobra.Command, found []control.Broker, timeout time.Duration, force bool) error {
	var failed []error
	for _, b := range found {
		if err := b.Stop(); err != nil && !force {
			failed = append(failed, fmt.Errorf("pid %d: %w", b.PID, err))
		}
	}
	deadline := time.Now().Add(timeout)
	for _, b := range found {
		for b.Running() && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		switch {
		case !b.Running():
			fmt.Fprintf(cmd.OutOrStdout(), "Conclave has stopped (pid '%d')\n", b.PID)
		case force:
			if err := b.Kill(); err != nil {
				failed = append(failed, fmt.Errorf("kill pid %d: %w", b.PID, err))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Conclave was killed (pid '%d')\n", b.PID)
		default:
			failed = append(failed, fmt.Errorf("pid %d is still running after %v", b.PID, timeout))
		}
	}
	return errors.Join(failed...)
}

func pids(found []control.Broker) string {
	text := "pids"
	for _, b := range found {
		text += fmt.Sprintf(" %d", b.PID)
	}
	return text
}
