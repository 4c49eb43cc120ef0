package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/internal/hostport"
)

func newCheckConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Check a configuration and say what it amounts to",
		Long: "Check a configuration without touching the store or any port.\n" +
			"Exit code 0: it can be used; 2: it cannot, and every mistake is listed.",
		Args: cobra.NoArgs,
	}
	flags := addConfigFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.load()
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		for _, warning := range c.Warnings {
			fmt.Fprintln(out, "warning:", warning)
		}
		fmt.Fprintf(out, "broker %s\n", c.Broker.BrokerName)
		if _, err := newLocker(&c.Broker, slog.New(slog.DiscardHandler)); err != nil {
			return &codedError{exitUsage, err}
		}
		if j := c.Broker.Database(); j != nil {
			fmt.Fprintf(out, "store  %s\n", databaseName(j))
		} else if dir := c.Broker.StoreDirectory(); dir != "" {
			fmt.Fprintf(out, "store  %s\n", dir)
		} else {
			fmt.Fprintln(out, "store  memory alone (persistent: false)")
		}
		for _, connector := range c.Broker.TransportConnectors {
			fmt.Fprintf(out, "listen %s (%s)\n", connector.URI, connector.Name)
		}
		for _, connector := range c.Broker.NetworkConnectors {
			fmt.Fprintf(out, "bridge %s (%s)\n", connector.URI, connector.Name)
		}
		if k := c.Console; k != nil {
			fmt.Fprintf(out, "console %s\n", hostport.URI("http", k.Host, k.Port))
		}
		fmt.Fprintln(out, "configuration is good")
		return nil
	}
	return cmd
}
