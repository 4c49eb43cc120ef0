package broker

import "time"

// What one look into the store brings.
const (
	jobPage      = 256
	jobPageBytes = 1 << 20
)

// What is fired at once. Two of these are on their way to the disk at a time, so
// that many jobs that are due together share few syncs.
const (
	salvo      = 1024
	salvoBytes = 4 << 20 // of message sizes
)

// retryJobs is when the scheduler tries again what the store or a destination
// did not take.
const retryJobs = time.Second

// load reads what an earlier master left, in the order of the log. Jobs that
// are due fire while it reads on.
func (s *schedule) load() {
	began, n := time.Now(), 0
	for {
		s.mu.Lock()
		after, seen := s.cursor, s.visible
		s.mu.Unlock()
		entries, err := s.b.store.Page(nil, s.dest, after, jobPage, jobPageBytes)
		if err != nil {
			s.b.log.Error("cannot read the scheduled messages from the store", "error", err)
			if !s.nap(retryJobs) {
				return
			}
			continue
		}
		s.mu.Lock()
		for i := range entries {
			s.enterLocked(s.alarmOf(entries[i].Message, entries[i].Seq))
			s.cursor = entries[i].Seq
		}
		n += len(entries)
		if len(entries) == 0 {
			s.cursor = max(s.cursor, seen) // what is missing is gone, or cannot be read
		}
		s.loading = len(entries) > 0 || s.visible > s.cursor
		done := !s.loading
		s.mu.Unlock()
		s.stir()
		if done {
			close(s.loaded)
			s.b.log.Info("scheduled messages are read", "jobs", n, "milliseconds", time.Since(began).Milliseconds())
			return
		}
		if s.b.stopping.Load() {
			return
		}
	}
}

// nap waits, and reports false if the broker stops meanwhile.
func (s *schedule) nap(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.b.quiet:
		return false
	case <-timer.C:
		return true
	}
}
