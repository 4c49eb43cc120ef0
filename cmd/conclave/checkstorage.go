package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock/storage"
)

// helperCommand is what a check starts of its own binary to touch the storage.
const helperCommand = "storage-helper"

// storageFlags are those of check-storage.
type storageFlags struct {
	listen, peer  string
	maxFileLength string
	timeout       time.Duration
	call, view    time.Duration
	asJSON        bool
}

func newCheckStorageCommand() *cobra.Command {
	var f storageFlags
	cmd := &cobra.Command{
		Use:   "check-storage DIR",
		Short: "Try whether a directory's storage is fit for a pair of brokers",
		Long: "Try locks, renames, syncs and what one process sees of another's writes, in a\n" +
			"scratch directory below DIR that is removed again, and look at how DIR is\n" +
			"mounted. It takes some seconds. A broker may be running on DIR.\n\n" +
			"For storage that hosts share, run it on two of them:\n" +
			"    host1$ conclave check-storage DIR --listen :7070\n" +
			"    host2$ conclave check-storage DIR --peer host1:7070\n" +
			"The open port can be used only by somebody who can write to DIR.\n\n" +
			"Exit code 0: OK; 3: WARN, it can be used with limits; 1: UNSAFE; 2: bad usage;\n" +
			"4: it could not be checked, or not to the end.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return &codedError{exitUsage, errors.New("check-storage needs one directory")}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "wait at `host:port` for a --peer, and do on this host what it says")
	flags.StringVar(&f.peer, "peer", "", "check against the host that listens at `host:port`, too")
	flags.StringVar(&f.maxFileLength, "journalMaxFileLength", "32mb", "`size` of journal files that there should be room for")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "how long all of it may take")
	flags.DurationVar(&f.call, "call-timeout", 10*time.Second, "when a call to the storage counts as hanging")
	flags.DurationVar(&f.view, "view-timeout", 30*time.Second, "how long another process may take to see what was written")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		options, err := f.options(args[0])
		if err != nil {
			return &codedError{exitUsage, err}
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
		defer cancel()
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		if f.listen != "" {
			return listenForCheck(ctx, cmd, options, f.listen)
		}
		return checkStorage(ctx, cmd.OutOrStdout(), options, f.asJSON)
	}
	return cmd
}

// maxCheckTime bounds each time that can be set.
const maxCheckTime = time.Hour

// options checks the flags, without a look at the storage.
func (f *storageFlags) options(dir string) (storage.Options, error) {
	if f.listen != "" && f.peer != "" {
		return storage.Options{}, errors.New("--listen and --peer are for two different hosts")
	}
	if f.listen != "" && f.asJSON {
		return storage.Options{}, errors.New("--json belongs to the host with --peer, which has the results")
	}
	for name, address := range map[string]string{"--listen": f.listen, "--peer": f.peer} {
		if address == "" {
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil || port == "" || name == "--peer" && host == "" {
			return storage.Options{}, fmt.Errorf("%s %s: write %s host:port", name, address, name)
		}
	}
	for name, d := range map[string]time.Duration{"--timeout": f.timeout, "--call-timeout": f.call, "--view-timeout": f.view} {
		if d <= 0 || d > maxCheckTime {
			return storage.Options{}, fmt.Errorf("%s %v is not within 0 and %v", name, d, maxCheckTime)
		}
	}
	length, err := config.ParseBytes(f.maxFileLength)
	if err != nil {
		return storage.Options{}, fmt.Errorf("--journalMaxFileLength: %w", err)
	}
	if length < 1 || length > 1<<40 {
		return storage.Options{}, fmt.Errorf("--journalMaxFileLength %s is not within 1 byte and 1024 gb", f.maxFileLength)
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return storage.Options{}, err
	}
	executable, err := os.Executable()
	if err != nil {
		return storage.Options{}, err
	}
	return storage.Options{Directory: absolute, Helper: []string{executable, helperCommand},
		Peer: f.peer, FileLength: length, CallTime: f.call, ViewTime: f.view}, nil
}

// checkStorage prints each finding as it comes, then the verdict.
func checkStorage(ctx context.Context, out io.Writer, options storage.Options, asJSON bool) error {
	if !asJSON {
		options.Found = func(r storage.Result) { fmt.Fprintln(out, r) }
	}
	report, err := storage.Run(ctx, options)
	if report == nil {
		return &codedError{exitUnchecked, err}
	}
	switch {
	case asJSON:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if errPrint := encoder.Encode(storageReport{report, problem(err)}); errPrint != nil {
			return errPrint
		}
	case err == nil:
		fmt.Fprintln(out, report.Summary())
	}
	if err != nil && report.Verdict != storage.Unsafe {
		return &codedError{exitUnchecked, fmt.Errorf("not everything was checked: %w", err)}
	}
	if report.Incomplete && report.Verdict != storage.Unsafe {
		return &codedError{code: exitUnchecked}
	}
	return verdictError(report.Verdict, err)
}

// storageReport is what --json prints.
type storageReport struct {
	*storage.Report
	// Problem is why the check did not come to its end.
	Problem string `json:"problem,omitempty"`
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// verdictError is the exit code of a verdict.
func verdictError(v storage.Verdict, err error) error {
	switch v {
	case storage.Unsafe:
		return &codedError{exitFailure, err}
	case storage.Warn:
		return &codedError{exitWarn, err}
	}
	return err
}

// listenForCheck is the other host's part.
func listenForCheck(ctx context.Context, cmd *cobra.Command, options storage.Options, address string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return &codedError{exitUnchecked, err}
	}
	out := cmd.OutOrStdout()
	host, err := os.Hostname()
	if err != nil {
		host = "THIS-HOST"
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	fmt.Fprintf(out, "waiting at %s; now run on the other host: conclave check-storage DIR --peer %s:%s\n", listener.Addr(), host, port)
	verdict, err := storage.Listen(ctx, listener, options, func(line string) { fmt.Fprintln(out, line) })
	if err != nil {
		return &codedError{exitUnchecked, err}
	}
	fmt.Fprintf(out, "verdict: %s; the other host has the reasons\n", verdict)
	return verdictError(verdict, nil)
}

// newStorageHelperCommand is for check-storage alone.
func newStorageHelperCommand() *cobra.Command {
	return &cobra.Command{
		Use:    helperCommand + " DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return storage.Serve(args[0], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
