package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
	"github.com/conclavemq/conclave/message"
)

// consumerFlags are those of ActiveMQ's consumer command.
type consumerFlags struct {
	loadFlags
	ackMode     string
	batch       int
	durable     flagBool
	clientID    string
	bytesAsText flagBool
}

// ackModes are JMS's names. ActiveMQ's command knows the first three.
var ackModes = map[string]client.AckMode{
	"AUTO_ACKNOWLEDGE":       client.AutoAcknowledge,
	"CLIENT_ACKNOWLEDGE":     client.ClientAcknowledge,
	"DUPS_OK_ACKNOWLEDGE":    client.DupsOKAcknowledge,
	"SESSION_TRANSACTED":     client.Transacted,
	"INDIVIDUAL_ACKNOWLEDGE": client.IndividualAcknowledge,
}

func newConsumerCommand() *cobra.Command {
	f := consumerFlags{}
	cmd := &cobra.Command{
		Use:   "consumer",
		Short: "Receive messages from a broker",
		Long: "Receive messages from a broker, with the flags of ActiveMQ's consumer command,\n" +
			"and print the rate at the end.",
		Args: cobra.NoArgs,
	}
	f.add(cmd, "destination to consume from")
	flags := cmd.Flags()
	flags.StringVar(&f.ackMode, "ackMode", "AUTO_ACKNOWLEDGE", "`mode`: AUTO_ACKNOWLEDGE, CLIENT_ACKNOWLEDGE, DUPS_OK_ACKNOWLEDGE,\n"+
		"SESSION_TRANSACTED or INDIVIDUAL_ACKNOWLEDGE")
	flags.IntVar(&f.batch, "batchSize", 10, "messages a transaction or client acknowledgement")
	flags.Var(&f.durable, "durable", "subscribe durably to a topic; needs --clientId")
	flags.StringVar(&f.clientID, "clientId", "", "client `id` of the connection")
	flags.Var(&f.bytesAsText, "bytesAsText", "print BytesMessages as text")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }
	return cmd
}

func (f *consumerFlags) run(cmd *cobra.Command) error {
	mode, ok := ackModes[f.ackMode]
	if !ok {
		return &codedError{exitUsage, fmt.Errorf("--ackMode %s: no such mode", f.ackMode)}
	}
	destination := message.ParseDestination(f.destination, message.Queue)
	durable := bool(f.durable) && destination.Kind == message.Topic
	if durable && f.clientID == "" {
		return &codedError{exitUsage, fmt.Errorf("--durable needs --clientId")}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := cmd.OutOrStdout()
	say := f.speaker(out)
	say(fmt.Sprintf("Connecting to URL: %s as user: %s", f.brokerURL, f.user))
	say("Consuming " + f.destination)
	say(fmt.Sprintf("Sleeping between receives %d ms", f.sleep))
	say(fmt.Sprintf("Running %d parallel threads", f.parallel))
	c := load.Consumers{
		Target:      f.target(f.clientID, cmd.ErrOrStderr()),
		Destination: destination,
		Mode:        mode,
		Count:       f.count,
		Batch:       f.batch,
		Sleep:       time.Duration(f.sleep) * time.Millisecond,
		Durable:     durable,
		Say:         f.unlessQuiet(say),
	}
	if !f.quiet {
		c.Each = func(i int, d message.Delivery) error { return f.print(say, i, d.Message) }
	}
	return f.measure(out, "Consumed", func(m *load.Meter) error { return c.Run(ctx, m) })
}

// print says what was received as ActiveMQ's command does: the text, or the
// message's id.
func (f *consumerFlags) print(say func(string), i int, m *message.Message) error {
	what := m.ID.String()
	if m.Body == message.Text {
		text, err := client.Text(m)
		if err != nil {
			return err
		}
		what = text
	}
	say(fmt.Sprintf("consumer-%d Received %s", i+1, what))
	if bool(f.bytesAsText) && m.Body == message.Bytes {
		b, err := client.Bytes(m)
		if err != nil {
			return err
		}
		say("BytesMessage as text string: " + string(b))
	}
	return nil
}
