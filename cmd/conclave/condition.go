package main

import (
	"fmt"
	"io"
	"time"

	"github.com/conclavemq/conclave/cmd/conclave/control"
	"github.com/conclavemq/conclave/cmd/conclave/node"
	"github.com/conclavemq/conclave/journal"
)

// describe adds to an account what is known of the store. It waits for
// nothing.
func (b *bootstrap) describe(a *control.Account) {
	if s := b.console.Load(); s != nil {
		a.Console = s.URL()
	}
	if a.Role == node.Slave && b.follower != nil {
		a.Following = following(b.follower.State(), time.Now())
	}
	m := b.serving.Load()
	if m == nil || a.Role != node.Master && a.Role != node.Stopping {
		return
	}
	start := m.start
	a.Start = &start
	a.Network = m.network.Status()
	if j, ok := m.store.(*journal.Journal); ok {
		a.Snapshot = snapshot(j.LastSnapshot())
	}
}

func following(s journal.FollowState, now time.Time) *control.Following {
	f := &control.Following{Following: s.CaughtUp, File: journalFile(s.File), Offset: s.Offset, BehindBytes: s.BehindBytes,
		BehindMS: -1, Messages: s.Messages, Records: s.Records, Snapshot: s.Snapshot, Anew: s.Anew, Reason: s.Reason}
	if !s.End.IsZero() {
		f.BehindMS = now.Sub(s.End).Milliseconds()
	}
	return f
}

func snapshot(s journal.SnapshotState) *control.Snapshot {
	return &control.Snapshot{At: s.At, Messages: s.Messages, Bytes: s.Bytes, TookMS: s.Took.Milliseconds(),
		File: journalFile(s.File), Offset: s.Offset, Problem: s.Problem}
}

func journalFile(number uint32) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf("db-%d.log", number)
}

// noteOpening takes over the steps of opening the store.
func noteOpening(start *control.Start, m *master) {
	j, ok := m.store.(*journal.Journal)
	if !ok {
		return
	}
	o := j.Opening()
	start.Index, start.TailBytes = string(o.From), o.Bytes
	start.SnapshotMS, start.TailMS, start.InheritMS = milliseconds(o.Snapshot), milliseconds(o.Replay), milliseconds(o.Inherit)
}

// printStore says the same to people.
func printStore(out io.Writer, a *control.Account) {
	if f := a.Following; f != nil {
		state := "catching up"
		if f.Following {
			state = "yes"
		}
		fmt.Fprintf(out, "following %s: %s at offset %d, %d messages; behind by %d bytes at most, at the end %s\n",
			state, orNone(f.File), f.Offset, f.Messages, f.BehindBytes, ago(f.BehindMS))
		if !f.Snapshot.IsZero() {
			fmt.Fprintf(out, "          began with the snapshot of %s\n", f.Snapshot.Format(time.RFC3339))
		}
		if f.Anew > 0 {
			fmt.Fprintf(out, "          began anew %d times, last because: %s\n", f.Anew, f.Reason)
		}
	}
	if s := a.Start; s != nil {
		fmt.Fprintf(out, "started   in %.1f ms: store %.1f (index from %s; snapshot %.1f, tail of %d bytes %.1f, copy %.1f), broker %.1f, ports %.1f\n",
			s.TakeoverMS, s.StoreMS, orNone(s.Index), s.SnapshotMS, s.TailBytes, s.TailMS, s.InheritMS, s.BrokerMS, s.PortsMS)
	}
	if s := a.Snapshot; s != nil && !s.At.IsZero() {
		fmt.Fprintf(out, "snapshot  %s, %d messages, %d bytes in %d ms, at offset %d of %s\n",
			s.At.Format(time.RFC3339), s.Messages, s.Bytes, s.TookMS, s.Offset, s.File)
	} else if s != nil {
		fmt.Fprintln(out, "snapshot  none by this master yet")
	}
	if s := a.Snapshot; s != nil && s.Problem != "" {
		fmt.Fprintf(out, "          the last attempt failed: %s\n", s.Problem)
	}
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func ago(ms int64) string {
	if ms < 0 {
		return "never yet"
	}
	return fmt.Sprintf("%d ms ago", ms)
}
