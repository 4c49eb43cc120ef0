package guest

import (
	"fmt"
	"sync"
	"time"

	"github.com/conclavemq/conclave/journal/vfs"
)

// holder writes to a file as the journal does, for ever: what a master would
// do that knows nothing of leases.
type holder struct {
	mu      sync.Mutex
	outcome HoldOutcome // guarded by mu
	stop    chan struct{}
}

// HoldOutcome is how a holder fares.
type HoldOutcome struct {
	Written int       // successful writes and syncs, one after the other
	Since   time.Time // when the last of them ended, by this host's clock
	Error   string    // of the last one, "" if it succeeded
}

// Hold creates a file as the journal does, which locks it, and writes and
// syncs every tenth of a second until Release.
func (a *Agent) Hold(path string, _ *None) error {
	f, err := vfs.OS{}.Create(path)
	if err != nil {
		return err
	}
	h := &holder{stop: make(chan struct{})}
	a.mu.Lock()
	a.holders[path] = h
	a.mu.Unlock()
	go h.run(f)
	return nil
}

func (h *holder) run(f vfs.File) {
	defer f.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := int64(0); ; n++ {
		_, err := f.WriteAt(fmt.Appendf(nil, "%15d\n", n), 16*n)
		if err == nil {
			err = f.Sync()
		}
		h.mu.Lock()
		if h.outcome.Error = ""; err != nil {
			h.outcome.Error = err.Error()
		} else {
			h.outcome.Written++
			h.outcome.Since = time.Now()
		}
		h.mu.Unlock()
		select {
		case <-h.stop:
			return
		case <-tick.C:
		}
	}
}

// Holder says how the holder of a file fares.
func (a *Agent) Holder(path string, outcome *HoldOutcome) error {
	a.mu.Lock()
	h := a.holders[path]
	a.mu.Unlock()
	if h == nil {
		return fmt.Errorf("nobody holds %s", path)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	*outcome = h.outcome
	return nil
}

// Release ends a holder, unless it hangs.
func (a *Agent) Release(path string, _ *None) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := a.holders[path]; h != nil {
		close(h.stop)
		delete(a.holders, path)
	}
	return nil
}
