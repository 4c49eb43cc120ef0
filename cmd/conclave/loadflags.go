package main

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
)

// flagBool is a boolean that takes its value from the next word too, as
// ActiveMQ's commands are used: --persistent false.
type flagBool bool

func (b *flagBool) String() string { return strconv.FormatBool(bool(*b)) }
func (b *flagBool) Type() string   { return "true|false" }

func (b *flagBool) Set(s string) error {
	v, err := strconv.ParseBool(s)
	*b = flagBool(v)
	return err
}

// loadFlags are those that producer and consumer share.
type loadFlags struct {
	brokerURL   string
	user        string
	password    string
	destination string
	count       int64
	sleep       int64
	parallel    int
	quiet       bool
	separate    bool
}

func (f *loadFlags) add(cmd *cobra.Command, destination string) {
	flags := cmd.Flags()
	flags.StringVar(&f.brokerURL, "brokerUrl", "failover:(tcp://localhost:61616)", "broker `url`")
	flags.StringVar(&f.user, "user", "", "user `name`")
	flags.StringVar(&f.password, "password", "", "`password`")
	flags.StringVar(&f.destination, "destination", "queue://TEST", destination+", `queue://name` or topic://name")
	flags.Int64Var(&f.count, "messageCount", 1000, "messages of each thread")
	flags.Int64Var(&f.sleep, "sleep", 0, "`milliseconds` to wait after each message")
	flags.IntVar(&f.parallel, "parallelThreads", 1, "how many to run in parallel, each with a session")
	flags.BoolVar(&f.quiet, "quiet", false, "print the rate alone (not in ActiveMQ's command)")
	flags.BoolVar(&f.separate, "connectionPerThread", false, "give each thread a connection of its own (not in ActiveMQ's command)")
}

func (f *loadFlags) target(clientID string, warnings io.Writer) load.Target {
	log := slog.New(slog.NewTextHandler(warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return load.Target{
		URL: f.brokerURL,
		Client: client.Options{
			UserName: f.user,
			Password: f.password,
			ClientID: clientID,
			Log:      log,
		},
		Separate: f.separate,
		Parallel: max(f.parallel, 1),
	}
}

// speaker returns what prints a line in the manner of ActiveMQ's console.
func (f *loadFlags) speaker(out io.Writer) func(string) {
	if f.quiet {
		return func(string) {}
	}
	var mu sync.Mutex
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(out, " INFO | "+text)
	}
}

// unlessQuiet saves the formatting of lines that nobody reads.
func (f *loadFlags) unlessQuiet(say func(string)) func(string) {
	if f.quiet {
		return nil
	}
	return say
}

// measure runs a load and prints its rate.
func (f *loadFlags) measure(out io.Writer, verb string, run func(*load.Meter) error) error {
	m := load.NewMeter(max(f.parallel, 1))
	start := time.Now()
	err := run(m)
	took := time.Since(start)
	fmt.Fprintf(out, "%s %d messages in %d ms: %.0f messages/s\n",
		verb, m.Total(), took.Milliseconds(), float64(m.Total())/took.Seconds())
	return err
}
