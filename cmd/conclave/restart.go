package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/config"
)

// restartPause is what a broker that lost its mastership, or could not take it
// over, lets pass before it asks for the lock again: its storage has failed it,
// and a slave that polls must come first.
const restartPause = config.DefaultLockAcquireSleepInterval * 3 / 2

// envPaused tells the successor to wait before it asks for the lock.
const envPaused = "CONCLAVE_RESTART_PAUSED"

// envRestarted tells the successor that it is one.
const envRestarted = "CONCLAVE_RESTARTED"

// isSuccessor reports that this process was master before it began anew.
func isSuccessor() bool { return os.Getenv(envRestarted) != "" }

// restart replaces the process's image by a new start of the same command
// line: descriptors, locks and whatever hangs are gone, the pid stays. It
// returns only if that fails. With a pause the others go first.
func restart(pause bool) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if _, err := os.Stat(executable); err != nil {
		executable = "/proc/self/exe" // its file was replaced or deleted
	}
	environment := os.Environ()
	if !isSuccessor() {
		environment = append(environment, envRestarted+"=1")
	}
	if pause {
		environment = append(environment, envPaused+"=1")
	}
	return fmt.Errorf("restart: %w", syscall.Exec(executable, os.Args, environment))
}

// pauseAfterRestart is the successor's part.
func pauseAfterRestart(ctx context.Context) error {
	if os.Getenv(envPaused) == "" {
		return nil
	}
	if err := os.Unsetenv(envPaused); err != nil {
		return err
	}
	select {
	case <-time.After(restartPause):
	case <-ctx.Done():
	}
	return nil
}
