package main

import (
	"errors"
	"fmt"
	"os"
)

// Exit codes. The README lists them.
const (
	exitFailure   = 1   // also status: not running; check-storage: unsafe
	exitUsage     = 2   // bad flags or a bad configuration
	exitSlave     = 3   // status: slave
	exitWarn      = 3   // check-storage: warnings
	exitBetween   = 4   // status: starting or stopping
	exitUnchecked = 4   // check-storage: not everything was checked
	exitSilent    = 5   // status: running without answering
	exitHeld      = 6   // start: the lock is held and failIfLocked is set
	exitLost      = 7   // start: mastership lost and restartAllowed is false
	exitUnclean   = 8   // start: the stop did not finish in its bound
	exitElsewhere = 9   // switchover: not the node that was asked for
	exitSignalled = 128 // plus the number of a second signal
)

func main() {
	os.Exit(exitCode(newRootCommand().Execute()))
}

// codedError carries the exit code of a command; a nil error prints nothing.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *codedError) Unwrap() error { return e.err }

// exitCode prints a command's error and says how the process ends.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	code := exitFailure
	if coded := (*codedError)(nil); errors.As(err, &coded) {
		code = coded.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "conclave: "+text)
	}
	return code
}
