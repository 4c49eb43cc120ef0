package storage

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"
)

// The operations of a helper. Names are of files in the scratch directory;
// slots are open files. Every one that waits has a limit.
const (
	opHost      = "host"      // → Text: host name, Text2: boot id
	opInspect   = "inspect"   // Size: a journal file → Results, OK: a slave waits in the kernel there
	opCreate    = "create"    // make the scratch directory Name
	opJoin      = "join"      // use the scratch directory Name, waiting for it
	opRemove    = "remove"    // remove the scratch directory
	opOpen      = "open"      // open Name as Slot, making it if it is missing
	opView      = "view"      // open Name as Slot for reading only
	opClose     = "close"     // close Slot
	opLock      = "lock"      // take a lock of Kind on Slot → OK: it is had
	opPoll      = "poll"      // take a lock of Kind on Name, opened anew each time → OK, Took
	opFill      = "fill"      // write Size zeros to Slot and sync
	opPut       = "put"       // write a block of Version at Offset of Slot and sync
	opAwait     = "await"     // wait for a block of Version at Offset of Slot, or of Name opened anew → OK, Took
	opAwaitName = "awaitName" // wait until the directory's list has Name → OK, Took
	opReplace   = "replace"   // replace Name Count times, ending with Version → Count, Took
	opWatch     = "watch"     // read Name until it has Version → Watched
	opSyncDir   = "syncDir"   // sync the directory
	opSyncCost  = "syncCost"  // append to Slot and sync, Count times; Size is preallocated → Times
	opBulkSync  = "bulkSync"  // write Size to Slot, then sync → Took: of the sync
	opAllocate  = "allocate"  // fallocate Size on Slot → OK: is supported
	// Not a helper's: Listen kills its helper and starts another.
	opKill = "kill"
	// Not a helper's: the check is over, Text is its last line.
	opVerdict = "verdict"
)

// Bounds of what is asked of a helper, whoever asks.
const (
	maxLine  = 64 << 10
	maxSlots = 8
	maxSize  = 64 << 20
	maxCount = 10000
	maxLimit = 2 * time.Hour
)

var (
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
	scratchPattern = regexp.MustCompile(`^\.conclave-check-[0-9a-f]{32}$`)
)

// request is one line to a helper.
type request struct {
	Op      string        `json:"op"`
	Name    string        `json:"name,omitempty"`
	Slot    int           `json:"slot,omitempty"`
	Kind    string        `json:"kind,omitempty"`
	Wait    bool          `json:"wait,omitempty"`
	Offset  int64         `json:"offset,omitempty"`
	Size    int64         `json:"size,omitempty"`
	Count   int           `json:"count,omitempty"`
	Version uint64        `json:"version,omitempty"`
	Limit   time.Duration `json:"limit,omitempty"`
	Text    string        `json:"text,omitempty"`
}

// onFiles are the operations that do something to the file Name: without one they
// would do it to the scratch directory itself.
var onFiles = []string{opOpen, opView, opPoll, opAwaitName, opReplace, opWatch}

// check refuses what is out of bounds.
func (r *request) check() error {
	switch {
	case r.Op == opCreate || r.Op == opJoin:
		if !scratchPattern.MatchString(r.Name) {
			return fmt.Errorf("%s: %.60q is no scratch directory", r.Op, r.Name)
		}
	case r.Name == "" && slices.Contains(onFiles, r.Op):
		return fmt.Errorf("%s: it needs a name", r.Op)
	case r.Name != "" && !namePattern.MatchString(r.Name):
		return fmt.Errorf("%s: %.60q is no name", r.Op, r.Name)
	case r.Slot < 0 || r.Slot >= maxSlots || r.Size < 0 || r.Size > maxSize && r.Op != opInspect || r.Count < 0 || r.Count > maxCount ||
		r.Offset < 0 || r.Offset > maxSize || r.Limit < 0 || r.Limit > maxLimit:
		return fmt.Errorf("%s: a number is out of bounds", r.Op)
	}
	return nil
}

// reply is one line from a helper: the call that takes long, or the answer.
type reply struct {
	// At is a call that has not returned yet; the answer is still to come.
	At string `json:"at,omitempty"`

	Error string `json:"error,omitempty"`
	// Errno is the kernel's number, if the error has one.
	Errno   int           `json:"errno,omitempty"`
	OK      bool          `json:"ok,omitempty"`
	Text    string        `json:"text,omitempty"`
	Text2   string        `json:"text2,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Count   int           `json:"count,omitempty"`
	Times   *times        `json:"times,omitempty"`
	Watched *watched      `json:"watched,omitempty"`
	Results []Result      `json:"results,omitempty"`
}

// times are durations of one call, many times.
type times struct {
	Count  int           `json:"count"`
	Median time.Duration `json:"median"`
	P99    time.Duration `json:"p99"`
}

// watched is what a reader saw of a file that was being replaced.
type watched struct {
	Reads    int `json:"reads"`
	Versions int `json:"versions"` // different ones
	Missing  int `json:"missing"`  // no file, several times in a row
	Torn     int `json:"torn"`     // parts of two versions, or too few bytes
	Back     int `json:"back"`     // older than one seen before
	Again    int `json:"again"`    // replaced between being found and being read
}

// writeLine sends one value.
func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) >= maxLine {
		return fmt.Errorf("a line of %d bytes", len(b))
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// newLines reads lines within the bound.
func newLines(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	return lines
}
