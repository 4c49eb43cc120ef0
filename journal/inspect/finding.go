package inspect

import (
	"fmt"
	"strings"

	"github.com/conclavemq/conclave/journal"
)

// Severity says what a finding means.
type Severity string

// The severities. Only Damaged makes a directory damaged.
const (
	Damaged Severity = "damage"  // something is lost, or cannot be read
	Warning Severity = "warning" // something may be lost
	Note    Severity = "note"
)

// Finding is something that Verify has to say about a part of a file.
type Finding struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Offset   int64    `json:"offset"`
	Length   int64    `json:"length"`
	// Files is how many files are missing, from File on; 0 for other findings.
	Files  int    `json:"files,omitempty"`
	Reason string `json:"reason"`
	// Held is what can still be recognised in a damaged part.
	Held *Held `json:"held,omitempty"`
	// Record says that one record of a batch is meant whose checksum holds.
	Record bool `json:"record,omitempty"`
	tail   bool
	short  bool // the file ends there
}

// Held counts the records that decode in a damaged part. No checksum vouches
// for them.
type Held struct {
	Messages map[string]int `json:"messages,omitempty"` // by destination
	Others   map[string]int `json:"others,omitempty"`   // by type of record
	// Bytes is what the records take of the part.
	Bytes int64 `json:"bytes"`
}

func (h *Held) add(r *journal.Record) {
	h.Bytes += int64(r.Size)
	d, ok := r.Destination()
	if r.Adds() && ok {
		if h.Messages == nil {
			h.Messages = map[string]int{}
		}
		h.Messages[d.String()]++
		return
	}
	if h.Others == nil {
		h.Others = map[string]int{}
	}
	h.Others[r.Type()]++
}

// String is for people: "3 messages for queue://A, 1 acknowledge".
func (h *Held) String() string {
	var parts []string
	for _, d := range sortedKeys(h.Messages) {
		parts = append(parts, fmt.Sprintf("%d %s for %s", h.Messages[d], plural(h.Messages[d], "message"), d))
	}
	for _, t := range sortedKeys(h.Others) {
		parts = append(parts, fmt.Sprintf("%d %s", h.Others[t], plural(h.Others[t], "record")+" of type "+t))
	}
	if len(parts) == 0 {
		return "nothing that can be recognised"
	}
	return strings.Join(parts, ", ")
}

// String is one line for people.
func (f *Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s", f.Severity)
	if f.File != "" {
		b.WriteString(f.File + ": ")
	}
	switch {
	case f.Files > 0 && f.Length > 0:
		fmt.Fprintf(&b, "%s (%d bytes)", f.Reason, f.Length)
	case f.Length > 0:
		fmt.Fprintf(&b, "offset %d, %d bytes: %s", f.Offset, f.Length, f.Reason)
	default:
		b.WriteString(f.Reason)
	}
	if f.Held != nil {
		b.WriteString("; still recognised: " + f.Held.String())
	}
	return b.String()
}

func ofDamage(d journal.Damage) Finding {
	f := Finding{Severity: Damaged, File: d.File, Offset: d.Offset, Length: d.Length, Files: d.Missing, Reason: d.Reason, tail: d.Tail}
	switch {
	case d.Doubtful:
		f.Severity = Warning
	case d.Tail:
		f.Severity = Warning
		f.Reason = "an incomplete write at the end, which was never confirmed, or damage: " + d.Reason
	}
	return f
}
