package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavemq/conclave/journal/inspect"
)

func newStatsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats DIR",
		Short: "Say what a journal holds, and what keeps its files",
		Long: "Replay a KahaDB directory without changing it, and say for each destination\n" +
			"what waits in it and for each file who keeps it from being deleted.",
		Args: oneDirectory,
	}
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		tuneTool()
		s, err := inspect.Measure(reader(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), s)
		}
		w := buffered(cmd.OutOrStdout())
		printStats(w, s)
		return w.Flush()
	}
	return cmd
}

func printStats(out io.Writer, s *inspect.Stats) {
	for _, d := range s.Damage {
		fmt.Fprintln(out, d.String())
	}
	if s.InUse {
		fmt.Fprintf(out, "in use by %s: read as far as it was written\n", s.Holder)
	}
	if s.Moving {
		fmt.Fprintln(out, "files were deleted while they were read: some messages that are listed may have gone")
	}
	printDestinations(out, s)
	for _, p := range s.Prepared {
		fmt.Fprintf(out, "prepared %s: %d messages, %d removals, in %v\n", p.Transaction, p.Messages, p.Removals, p.Files)
	}
	printFiles(out, s)
	fmt.Fprintf(out, "\n%d messages, %s live of %s written, %s on disk", s.Messages, inspect.Size(s.LiveBytes),
		inspect.Size(s.BatchBytes), inspect.Size(s.DiskBytes))
	if bound := s.Bound(); s.DiskBytes > bound {
		fmt.Fprintf(out, ", above the bound of %s (twice what is live, and two files)", inspect.Size(bound))
	}
	fmt.Fprintln(out)
}

func printDestinations(out io.Writer, s *inspect.Stats) {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "DESTINATION\tMESSAGES\tBYTES\tOLDEST\t")
	for _, d := range s.Destinations {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t\n", d.Destination, d.Messages, d.Bytes, oldestText(d.Oldest))
		for _, sub := range d.Subscriptions {
			last := ""
			if sub.LastFile != "" {
				last = fmt.Sprintf("last active in %s, %s or before", sub.LastFile, timeText(sub.LastChange))
			}
			fmt.Fprintf(t, "  subscription %s:%s\t%d\t\t%s\t%s\n", sub.ClientID, sub.Name, sub.Pending, oldestText(sub.Oldest), last)
		}
	}
	_ = t.Flush() // into a buffer, which reports its own error
}

func printFiles(out io.Writer, s *inspect.Stats) {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\nFILE\tSIZE\tLIVE\tMESSAGES\tKEPT BY")
	for _, f := range s.Files {
		var kept []string
		if f.Newest {
			kept = append(kept, "the journal ends in it")
		}
		for _, p := range f.Pins {
			kept = append(kept, pinText(p))
		}
		if len(kept) == 0 {
			kept = append(kept, "nothing: it goes, or is written again, at the next clean-up")
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", f.File, f.Size, f.LiveBytes, f.Messages, kept[0])
		for _, text := range kept[1:] {
			fmt.Fprintf(t, "\t\t\t\t%s\n", text)
		}
	}
	_ = t.Flush()
}

func pinText(p inspect.Pin) string {
	switch {
	case p.Kind == "ends":
		return "what it ends in files " + p.Name
	case p.Kind == "transaction":
		return "prepared " + p.Name
	case p.Messages == 0:
		return p.Kind + " " + p.Name
	}
	text := fmt.Sprintf("%s %s: %d", p.Kind, p.Name, p.Messages)
	if o := oldestText(p.Oldest); o != "" {
		text += ", oldest " + o
	}
	return text
}

func oldestText(o *inspect.Oldest) string {
	switch {
	case o == nil:
		return ""
	case o.Error != "":
		return "unreadable at " + o.File
	}
	return timeText(o.Timestamp)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Format(time.RFC3339)
}
