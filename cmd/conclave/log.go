package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// logWriter writes lines on a goroutine of its own, so that a full pipe or a
// log file on storage that hangs cannot hold up a broker, least of all one
// that has to fall silent. Beyond its bound lines are dropped and counted.
type logWriter struct {
	out   io.Writer
	lines chan []byte
	idle  chan chan struct{} // answered when everything before is written

	mu      sync.Mutex
	dropped int // guarded by mu; since the last line that found room
}

const (
	maxLogLines = 4096
	maxLogLine  = 16 << 10
)

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, lines: make(chan []byte, maxLogLines), idle: make(chan chan struct{})}
	go w.run()
	return w
}

// Write takes one line. It never blocks and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append([]byte(nil), line[:min(len(line), maxLogLine)]...)
	if len(line) > maxLogLine {
		text[maxLogLine-1] = '\n'
	}
	if w.dropped > 0 {
		text = append(fmt.Appendf(nil, "%d log lines were dropped: standard error is too slow\n", w.dropped), text...)
	}
	select {
	case w.lines <- text:
		w.dropped = 0
	default:
		w.dropped++
	}
	return len(line), nil
}

func (w *logWriter) run() {
	for {
		select {
		case text := <-w.lines:
			w.put(text)
		case done := <-w.idle:
			for len(w.lines) > 0 {
				w.put(<-w.lines)
			}
			close(done)
		}
	}
}

func (w *logWriter) put(text []byte) { _, _ = w.out.Write(text) } // nowhere to report it

// flush waits until what was logged is written, for at most a second.
func (w *logWriter) flush() {
	bound := time.NewTimer(time.Second)
	defer bound.Stop()
	done := make(chan struct{})
	select {
	case w.idle <- done:
	case <-bound.C:
		return
	}
	select {
	case <-done:
	case <-bound.C:
	}
}

// newLog writes text to standard error.
func newLog(level string) (*slog.Logger, *logWriter, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, nil, &codedError{exitUsage, fmt.Errorf("--log-level: %w", err)}
	}
	w := newLogWriter(os.Stderr)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), w, nil
}
