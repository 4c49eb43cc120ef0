package storage

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what a check concludes.
type Verdict int

// The order is that of gravity.
const (
	// OK is fit for a pair of brokers.
	OK Verdict = iota
	// Warn is something to know: slow, unusual or not to be seen from here.
	Warn
	// Unsafe loses or doubles messages, or keeps a slave from taking over, in
	// a case that shared storage is there for.
	Unsafe
)

var verdictNames = [...]string{OK: "OK", Warn: "WARN", Unsafe: "UNSAFE"}

// String is OK, WARN or UNSAFE.
func (v Verdict) String() string { return verdictNames[v] }

// MarshalText makes JSON of it.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("no verdict %.20q", text)
}

// The checks, by the names under which a start can be told to allow what they
// find.
const (
	CheckMount         = "mount"
	CheckReadOnly      = "read-only"
	CheckNFSVersion    = "nfs-version"
	CheckLockOptions   = "lock-options"
	CheckCacheOptions  = "cache-options"
	CheckErrorOptions  = "error-options"
	CheckSyncOptions   = "sync-options"
	CheckRecoverLocks  = "recover-lost-locks"
	CheckSpace         = "space"
	CheckSelfExclusion = "self-exclusion"

	CheckWrite      = "write"
	CheckExclusion  = "exclusion"
	CheckAliasing   = "aliasing"
	CheckRelease    = "release"
	CheckRename     = "rename"
	CheckDirectory  = "directory-sync"
	CheckVisibility = "visibility"
	CheckSync       = "sync"
	CheckFallocate  = "fallocate"
	CheckSameStore  = "peer-directory"
)

// startChecks are what a start can find.
var startChecks = []string{
	CheckMount, CheckReadOnly, CheckNFSVersion, CheckLockOptions, CheckCacheOptions, CheckErrorOptions,
	CheckSyncOptions, CheckRecoverLocks, CheckSpace, CheckSelfExclusion,
}

// ParseNames splits a list of checks that a start is to allow, "a,b", and
// refuses names that no start checks.
func ParseNames(list string) (map[string]bool, error) {
	names := make(map[string]bool)
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if !slices.Contains(startChecks, name) {
			return nil, fmt.Errorf("%.40q is no check of a start: there are %s", name, strings.Join(startChecks, ", "))
		}
		names[name] = true
	}
	return names, nil
}

// Result is one finding.
type Result struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Host is where it was found, if not on this host alone.
	Host   string `json:"host,omitempty"`
	Reason string `json:"reason"`
	// Remedy is what to do about it; empty if there is nothing to do.
	Remedy string `json:"remedy,omitempty"`
	// Skipped says that the check could not be made.
	Skipped bool `json:"skipped,omitempty"`
}

// String is one line for people.
func (r Result) String() string {
	text := fmt.Sprintf("%-6s  %-18s  ", r.Verdict, r.Check)
	if r.Host != "" {
		text += "[" + r.Host + "] "
	}
	text += r.Reason
	if r.Remedy != "" {
		text += ". Remedy: " + r.Remedy
	}
	return text
}

// Report is a whole check.
type Report struct {
	Directory string   `json:"directory"`
	Host      string   `json:"host"`
	Peer      string   `json:"peer,omitempty"` // the other host
	Results   []Result `json:"results"`
	Verdict   Verdict  `json:"verdict"`
	// Incomplete says that a check could not be made.
	Incomplete bool `json:"incomplete,omitempty"`
}

// add keeps the gravest verdict.
func (r *Report) add(results ...Result) {
	for _, found := range results {
		r.Results = append(r.Results, found)
		r.Verdict = max(r.Verdict, found.Verdict)
		r.Incomplete = r.Incomplete || found.Skipped
	}
}

// Summary is the last line: the verdict, and the checks that led to it.
func (r *Report) Summary() string {
	var names []string
	for _, found := range r.Results {
		if found.Verdict == r.Verdict && r.Verdict != OK && !slices.Contains(names, found.Check) {
			names = append(names, found.Check)
		}
	}
	switch r.Verdict {
	case Unsafe:
		return "verdict: UNSAFE (" + strings.Join(names, ", ") + "): do not run brokers on " + r.Directory
	case Warn:
		if r.Incomplete {
			return "verdict: WARN (" + strings.Join(names, ", ") + "): not everything could be checked"
		}
		return "verdict: WARN (" + strings.Join(names, ", ") + "): " + r.Directory + " can be used, with the limits above"
	}
	return "verdict: OK: " + r.Directory + " is fit for brokers"
}
