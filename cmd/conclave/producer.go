package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
	"github.com/conclavemq/conclave/message"
)

// producerFlags are those of ActiveMQ's producer command.
type producerFlags struct {
	loadFlags
	persistent       flagBool
	batch            int
	ttl              int64
	size             int
	textSize         int
	message          string
	payloadURL       string
	group            string
	priority         uint8
	disableTimestamp flagBool
	async            flagBool
}

func newProducerCommand() *cobra.Command {
	f := producerFlags{persistent: true}
	cmd := &cobra.Command{
		Use:   "producer",
		Short: "Send messages to a broker",
		Long: "Send messages to a broker, with the flags of ActiveMQ's producer command,\n" +
			"and print the rate at the end.",
		Args: cobra.NoArgs,
	}
	f.add(cmd, "producer destination")
	flags := cmd.Flags()
	flags.Var(&f.persistent, "persistent", "send persistent messages")
	flags.IntVar(&f.batch, "transactionBatchSize", 0, "send in transactions of `N` messages; 0: without transactions")
	flags.Int64Var(&f.ttl, "msgTTL", 0, "`milliseconds` that a message may live; 0: for ever")
	flags.IntVar(&f.size, "messageSize", 0, "send BytesMessages of `N` bytes; 0: TextMessages")
	flags.IntVar(&f.textSize, "textMessageSize", 0, "send TextMessages of `N` characters")
	flags.StringVar(&f.message, "message", "", "`text` of each message")
	flags.StringVar(&f.payloadURL, "payloadUrl", "", "`url` (file: or http:) of a document that is the text of each message")
	flags.StringVar(&f.group, "msgGroupID", "", "message `group`")
	flags.Uint8Var(&f.priority, "messagePriority", 4, "`priority` 0 to 9")
	flags.Var(&f.disableTimestamp, "disableMessageTimestamp", "send messages without a timestamp")
	flags.Var(&f.async, "asyncSend", "do not wait for the answers to persistent messages (not in ActiveMQ's command)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

func (f *producerFlags) run(cmd *cobra.Command) error {
	if f.priority > 9 {
		return &codedError{exitUsage, fmt.Errorf("--messagePriority %d: not 0 to 9", f.priority)}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	next, err := f.messages()
	if err != nil {
		return err
	}
	say := f.speaker(cmd.OutOrStdout())
	kind := "non-persistent"
	if f.persistent {
		kind = "persistent"
	}
	say(fmt.Sprintf("Connecting to URL: %s as user: %s", f.brokerURL, f.user))
	say("Producing messages to " + f.destination)
	say("Using " + kind + " messages")
	say(fmt.Sprintf("Sleeping between sends %d ms", f.sleep))
	say(fmt.Sprintf("Running %d parallel threads", f.parallel))
	p := load.Producers{
		Target:      f.target("", cmd.ErrOrStderr()),
		Destination: message.ParseDestination(f.destination, message.Queue),
		Options: client.ProducerOptions{
			NonPersistent: !bool(f.persistent),
			Priority:      client.PriorityOf(f.priority),
			TTL:           time.Duration(f.ttl) * time.Millisecond,
			NoTimestamp:   bool(f.disableTimestamp),
		},
		Count:    f.count,
		Batch:    f.batch,
		Sleep:    time.Duration(f.sleep) * time.Millisecond,
		NoAnswer: bool(f.async),
		Message:  next,
		Say:      f.unlessQuiet(say),
	}
	return f.measure(cmd.OutOrStdout(), "Produced", func(m *load.Meter) error { return p.Run(ctx, m) })
}

// messages returns what makes each message: the first that is given of
// messageSize, textMessageSize, payloadUrl and message, else a numbered text.
func (f *producerFlags) messages() (func(int, int64) (*message.Message, error), error) {
	fixed, err := f.text()
	if err != nil {
		return nil, err
	}
	body := make([]byte, f.size)
	for i := range body {
		body[i] = '.'
	}
	return func(_ int, n int64) (*message.Message, error) {
		var m *message.Message
		switch {
		case f.size > 0:
			m = client.NewBytes(body)
		case fixed != "":
			m = client.NewText(fixed)
		default:
			m = client.NewText(fmt.Sprintf("test message: %d", n))
		}
		m.GroupID = f.group
		return m, nil
	}, nil
}

// text is the fixed text of every message, "" where there is none.
func (f *producerFlags) text() (string, error) {
	switch {
	case f.size > 0:
		return "", nil
	case f.textSize > 0:
		return strings.Repeat(filler, f.textSize/len(filler)+1)[:f.textSize], nil
	case f.payloadURL != "":
		return fetch(f.payloadURL)
	}
	return f.message, nil
}

// filler stands in for ActiveMQ's demo text.
const filler = "The quick brown fox jumps over the lazy dog. "

// maxPayload is the largest document that is sent, in bytes.
const maxPayload = 64 << 20

// fetch reads a document from a file: or http(s): URL.
func fetch(where string) (string, error) {
	u, err := url.Parse(where)
	if err != nil {
		return "", &codedError{exitUsage, fmt.Errorf("--payloadUrl: %w", err)}
	}
	var body io.ReadCloser
	switch u.Scheme {
	case "file":
		body, err = os.Open(u.Path)
	case "http", "https":
		body, err = get(where)
	default:
		err = fmt.Errorf("scheme %q is not supported", u.Scheme)
	}
	if err != nil {
		return "", fmt.Errorf("--payloadUrl: %w", err)
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxPayload+1))
	if err == nil && len(b) > maxPayload {
		err = fmt.Errorf("document of more than %d bytes", maxPayload)
	}
	if err != nil {
		return "", fmt.Errorf("--payloadUrl: %w", err)
	}
	return string(b), nil
}

func get(where string) (io.ReadCloser, error) {
	c := http.Client{Timeout: 30 * time.Second}
	r, err := c.Get(where)
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusOK {
		r.Body.Close()
		return nil, fmt.Errorf("%s", r.Status)
	}
	return r.Body, nil
}
