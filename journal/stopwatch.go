package journal

import (
	"log/slog"
	"time"
)

// stopwatch measures the phases of a take-over.
type stopwatch struct {
	began, last time.Time
	laps        []slog.Attr
}

func newStopwatch() *stopwatch {
	now := time.Now()
	return &stopwatch{began: now, last: now}
}

// lap ends a phase.
func (w *stopwatch) lap(name string) {
	now := time.Now()
	w.laps = append(w.laps, slog.Duration(name, now.Sub(w.last)))
	w.last = now
}

// of is the time of a phase, 0 if there was none.
func (w *stopwatch) of(name string) time.Duration {
	for _, lap := range w.laps {
		if lap.Key == name {
			return lap.Value.Duration()
		}
	}
	return 0
}

// LogValue is the time of each phase and the total.
func (w *stopwatch) LogValue() slog.Value {
	return slog.GroupValue(append(w.laps, slog.Duration("total", w.last.Sub(w.began)))...)
}
