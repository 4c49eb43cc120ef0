package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/lock"
)

func newStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether a broker of this host runs, and who is master",
		Long: "Say which role a broker of this host has (see `conclave stop --help` for how to\n" +
			"choose one), which epoch it is, and who holds the lock, since when.\n" +
			"Exit code 0: master; 3: slave; 4: starting or stopping; 5: running, but does not\n" +
			"answer; 1: not running. Of several brokers the most active one counts.",
		Args: cobra.NoArgs,
	}
	selection := addSelectionFlags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object a line")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		found, where, err := selection.find(cmd)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		reports := make([]report, 0, len(found)+1)
		for _, b := range found {
			reports = append(reports, where.complete(reportOf(b)))
		}
		if len(found) == 0 {
			reports = append(reports, where.report())
		}
		for _, r := range reports {
			if err := r.print(out, *asJSON); err != nil {
				return err
			}
		}
		if code := statusCode(found); code != 0 {
			return &codedError{code: code}
		}
		return nil
	}
	return cmd
}

// report is what status says of one broker.
type report struct {
	// Role shadows the account's: it may be "not running" or "not answering".
	Role string `json:"role"`
	control.Account
	Lock *holder `json:"lock,omitempty"`
	// Problem is why the lock cannot be read.
	Problem string `json:"problem,omitempty"`
}

// holder is who has the lock of a directory.
type holder struct {
	Held       bool      `json:"held"`
	Epoch      uint64    `json:"epoch,omitempty"`
	BrokerName string    `json:"brokerName,omitempty"`
	Host       string    `json:"host,omitempty"`
	PID        int       `json:"pid,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	URIs       []string  `json:"uris,omitempty"`
	// Foreign says that the holder is another program, such as ActiveMQ.
	Foreign bool `json:"foreign,omitempty"`
	// Description says what is known of such a program, in a database.
	Description string `json:"description,omitempty"`
}

func reportOf(b control.Broker) report {
	r := report{Role: string(b.Role), Account: b.Account}
	if b.Err != nil {
		r.Role = "not answering"
	}
	return withHolder(r)
}

// report is what can be said of a store where no broker was found.
func (p place) report() report {
	r := report{Role: "not running", Account: control.Account{Directory: p.directory, Database: databaseName(p.database)}}
	if p.database == nil {
		return withHolder(r)
	}
	status, err := readDatabase(p.database, databaseTime)
	if err != nil {
		r.Problem = err.Error()
		return r
	}
	r.Lock = holderOf(status)
	return r
}

// complete asks the database where the process has not.
func (p place) complete(r report) report {
	if r.Lock == nil && r.Problem == "" && r.Database != "" && p.database != nil {
		own := p.report()
		r.Lock, r.Problem = own.Lock, own.Problem
	}
	return r
}

// storageTime bounds the look at the lock: the storage may hang.
const storageTime = 2 * time.Second

func withHolder(r report) report {
	if r.Account.Lock != nil {
		r.Lock = holderOf(*r.Account.Lock)
	}
	r.Problem = r.Account.Problem
	if r.Directory == "" {
		return r
	}
	type answer struct {
		status lock.Status
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		status, err := lock.ReadHolder(r.Directory)
		done <- answer{status, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			r.Problem = a.err.Error()
		}
		r.Lock = holderOf(a.status)
	case <-time.After(storageTime):
		r.Problem = lock.ErrHung.Error()
	}
	return r
}

func holderOf(s lock.Status) *holder {
	if s.IsForeign() {
		return &holder{Held: true, PID: s.ForeignPID, Foreign: true, Description: s.Foreign}
	}
	h := s.Holder
	return &holder{Held: s.Held, Epoch: h.Epoch, BrokerName: h.Broker, Host: h.Host, PID: h.PID, Since: h.Since, URIs: h.URIs}
}

func (r report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	if r.Role == "not running" {
		fmt.Fprintln(out, "Conclave not running")
	} else {
		fmt.Fprintf(out, "Conclave is running (pid '%d')\n", r.PID)
		fmt.Fprintf(out, "broker    %s on %s, version %s\n", r.BrokerName, r.Host, r.Version)
		fmt.Fprintf(out, "role      %s%s\n", r.Role, since(r.Since))
	}
	if r.Directory != "" {
		fmt.Fprintf(out, "store     %s\n", r.Directory)
	}
	if r.Database != "" {
		fmt.Fprintf(out, "store     %s\n", r.Database)
	}
	if r.Lock != nil {
		fmt.Fprintf(out, "master    %s\n", r.Lock)
	}
	if r.Role == string(node.Master) {
		for _, uri := range r.URIs {
			fmt.Fprintf(out, "clients   %s\n", uri)
		}
	}
	fmt.Fprint(out, printConsole(&r.Account))
	printStore(out, &r.Account)
	printNetwork(out, &r.Account)
	if r.Problem != "" {
		fmt.Fprintf(out, "problem   %s\n", r.Problem)
	}
	return nil
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.Format(time.RFC3339)
}

// String says who is master, for people.
func (h *holder) String() string {
	switch {
	case h.Description != "":
		return h.Description
	case h.Foreign:
		return fmt.Sprintf("another program, such as ActiveMQ (pid %d)", h.PID)
	case h.Epoch == 0 && h.Held:
		return "unknown; the lock is held"
	case h.Epoch == 0:
		return "nobody, and nobody has been"
	}
	text := fmt.Sprintf("broker %s on %s (pid %d), epoch %d%s", h.BrokerName, h.Host, h.PID, h.Epoch, since(h.Since))
	if !h.Held {
		return "nobody; the last was " + text
	}
	return text
}

// statusCode is the exit code for the most active of the brokers.
func statusCode(found []control.Broker) int {
	code := exitFailure
	rank := map[int]int{exitFailure: 0, exitSilent: 1, exitSlave: 2, exitBetween: 3, 0: 4}
	for _, b := range found {
		c := exitBetween
		switch {
		case b.Err != nil:
			c = exitSilent
		case b.Role == node.Master:
			c = 0
		case b.Role == node.Slave:
			c = exitSlave
		}
		if rank[c] > rank[code] {
			code = c
		}
	}
	return code
}
