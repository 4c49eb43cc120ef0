package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
)

// handOverLimit is far above what the master allows itself.
const handOverLimit = 2 * time.Minute

func newSwitchoverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "switchover",
		Short: "Hand the mastership over to another broker of the store",
		Long: "Make the master, which runs on this host, hand over: it lets clients finish what\n" +
			"they are at, stops, gives up the lock, and becomes a slave. Clients with\n" +
			"failover: URLs see no error. (See `conclave stop --help` for how to choose it.)\n" +
			"Exit code 0: another broker serves, the one of --to if that is given; 1: refused or\n" +
			"failed; 9: somebody else than asked for serves, or nobody took the lock and the old\n" +
			"master takes it again.",
		Args: cobra.NoArgs,
	}
	selection := addSelectionFlags(cmd)
	to := cmd.Flags().String("to", "", "the `node` that shall be master, by brokerName or host; others give way to it for a moment")
	drain := cmd.Flags().Duration("timeout", stopDrain, "how long to wait for acknowledgements, and then for open transactions")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *drain < 0 || *drain > mostDrain {
			return &codedError{exitUsage, fmt.Errorf("--timeout %v is not between 0 and %v", *drain, mostDrain)}
		}
		b, err := selection.master(cmd)
		if err != nil {
			return err
		}
		if *to != "" && *to == b.BrokerName {
			return fmt.Errorf("%s is the master already", *to)
		}
		plan := node.Plan{To: *to, DrainMillis: drain.Milliseconds()}
		outcome, err := b.HandOver(plan, handOverLimit)
		if err != nil {
			return fmt.Errorf("switchover: %w", err)
		}
		return reportHandOver(cmd, plan, &outcome, *asJSON)
	}
	return cmd
}

// mostDrain leaves time to stop within the node's bound.
const mostDrain = 4 * time.Second

// master returns the one master among the selected brokers; the error says
// who is, if it is none of them.
func (s *selection) master(cmd *cobra.Command) (control.Broker, error) {
	found, where, err := s.find(cmd)
	if err != nil {
		return control.Broker{}, err
	}
	var masters []control.Broker
	for _, b := range found {
		if b.Err == nil && b.Role == node.Master {
			masters = append(masters, b)
		}
		if where == (place{}) {
			where.directory = b.Directory
		}
	}
	switch {
	case len(masters) == 1:
		return masters[0], nil
	case len(masters) > 1:
		return control.Broker{}, fmt.Errorf("%d masters fit (%s): choose with --pid", len(masters), pids(masters))
	}
	r := where.report()
	if len(found) > 0 && r.Lock == nil {
		r = reportOf(found[0])
	}
	what := "this node is not the master"
	if len(found) == 0 {
		what = "not running: there is no such broker on this host"
	}
	if r.Lock == nil {
		return control.Broker{}, errors.New(what)
	}
	return control.Broker{}, fmt.Errorf("%s; the master is: %s", what, r.Lock)
}

// reportHandOver prints what became of it and chooses the exit code.
func reportHandOver(cmd *cobra.Command, plan node.Plan, o *node.Outcome, asJSON bool) error {
	out := cmd.OutOrStdout()
	if asJSON {
		if err := json.NewEncoder(out).Encode(o); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "master    %s\n", o)
		fmt.Fprintf(out, "gap       %d ms without service, after %d ms of waiting for acknowledgements\n", o.GapMillis, o.DrainMillis)
		if o.Unacknowledged > 0 || o.Transactions > 0 {
			fmt.Fprintf(out, "left over %d unacknowledged messages, %d open transactions\n", o.Unacknowledged, o.Transactions)
		}
	}
	switch {
	case o.Successor == nil && !o.Foreign:
		return &codedError{exitElsewhere, errors.New("nobody took the lock; the old master takes it again")}
	case plan.To != "" && (o.Foreign || o.Successor.Broker != plan.To && o.Successor.Host != plan.To):
		return &codedError{exitElsewhere, fmt.Errorf("%s did not take the lock", plan.To)}
	case !o.Foreign && !o.Serving && !asJSON:
		fmt.Fprintln(out, "note      its port was not seen open from here")
	}
	return nil
}
