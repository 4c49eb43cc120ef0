package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// A broker that loses its mastership soon after it began would do so again:
// its successor lets the others go first.
const (
	soon         = 5 * time.Second
	restartPause = time.Second
)

// envPaused tells the successor to wait before it asks for the lock.
const envPaused = "CONCLAVE_RESTART_PAUSED"

// restart replaces the process's image by a new start of the same command
// line: descriptors, locks and whatever hangs are gone, the pid stays. It
// returns only if that fails.
func restart(lived time.Duration) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if _, err := os.Stat(executable); err != nil {
		executable = "/proc/self/exe" // its file was replaced or deleted
	}
	environment := os.Environ()
	if lived < soon {
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
