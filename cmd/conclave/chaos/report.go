package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/conclavemq/conclave/client/ledger"
)

// Report is the outcome of a trial.
type Report struct {
	Directory    string
	Seed         uint64
	Duration     time.Duration
	Sent         int // whether or not they were acknowledged
	Acknowledged int
	Received     int // different messages
	Faults       ledger.Faults
	Gaps         map[string][]time.Duration // by fault: time without an acknowledged send
	Problem      error                      // what is wrong, in words; nil: nothing
	Kept         []string                   // folders to look into
}

func (r *Report) add(fault string, gap time.Duration) {
	if r.Gaps == nil {
		r.Gaps = map[string][]time.Duration{}
	}
	r.Gaps[fault] = append(r.Gaps[fault], gap)
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\ndirectory    %s, seed %d, %v\n", r.Directory, r.Seed, r.Duration)
	fmt.Fprintf(w, "messages     %d sent, %d acknowledged, %d received\n", r.Sent, r.Acknowledged, r.Received)
	fmt.Fprintf(w, "lost         %d\n", r.Faults.Lost)
	fmt.Fprintf(w, "duplicates   %d unflagged, %d flagged as redelivered, which JMS allows\n", r.Faults.Unflagged, r.Faults.Flagged)
	fmt.Fprintf(w, "order        %d out of it\n", r.Faults.Disorder)
	if r.Faults.Unknown > 0 {
		fmt.Fprintf(w, "unknown      %d were never sent\n", r.Faults.Unknown)
	}
	for _, fault := range slices.Sorted(maps.Keys(r.Gaps)) {
		median, worst := summary(r.Gaps[fault])
		fmt.Fprintf(w, "%-12s %d times; without service: median %d ms, worst %d ms\n",
			fault, len(r.Gaps[fault]), median.Milliseconds(), worst.Milliseconds())
	}
	if r.Problem == nil {
		fmt.Fprintln(w, "verdict      OK: nothing acknowledged is missing, nothing came twice unflagged or out of order")
		return
	}
	fmt.Fprintf(w, "verdict      FAILED\n%v\nkept for a look: %v\n", r.Problem, r.Kept)
}

func summary(gaps []time.Duration) (median, worst time.Duration) {
	sorted := slices.Sorted(slices.Values(gaps))
	return sorted[len(sorted)/2], sorted[len(sorted)-1]
}

// MarshalJSON writes durations in milliseconds.
func (r *Report) MarshalJSON() ([]byte, error) {
	type gap struct {
		Fault    string `json:"fault"`
		Times    int    `json:"times"`
		MedianMS int64  `json:"medianMS"`
		WorstMS  int64  `json:"worstMS"`
	}
	out := struct {
		Directory    string        `json:"directory"`
		Seed         uint64        `json:"seed"`
		DurationMS   int64         `json:"durationMS"`
		Sent         int           `json:"sent"`
		Acknowledged int           `json:"acknowledged"`
		Received     int           `json:"received"`
		Faults       ledger.Faults `json:"ledger"`
		Gaps         []gap         `json:"withoutService"`
		OK           bool          `json:"ok"`
		Problem      string        `json:"problem,omitempty"`
		Kept         []string      `json:"kept,omitempty"`
	}{Directory: r.Directory, Seed: r.Seed, DurationMS: r.Duration.Milliseconds(), Sent: r.Sent, Acknowledged: r.Acknowledged,
		Received: r.Received, Faults: r.Faults, Gaps: []gap{}, OK: r.Problem == nil, Kept: r.Kept}
	if r.Problem != nil {
		out.Problem = r.Problem.Error()
	}
	for _, fault := range slices.Sorted(maps.Keys(r.Gaps)) {
		median, worst := summary(r.Gaps[fault])
		out.Gaps = append(out.Gaps, gap{fault, len(r.Gaps[fault]), median.Milliseconds(), worst.Milliseconds()})
	}
	return json.Marshal(out)
}
