package migrate

import (
	"log/slog"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Side is an open store and what it held when it was opened.
type Side struct {
	Store store.Store
	State *store.State
}

// Options configure a copy. The zero value of a field is its default.
type Options struct {
	// Source names the source in the target while the copy is not complete. A
	// copy is taken up only from the source that it was begun with.
	Source string
	// Prioritized says which destinations are read by priority
	// (prioritizedMessages); nil is none.
	Prioritized func(message.Destination) bool
	// PageMessages and PageBytes bound what is read at a time, and a quarter
	// of that is written as one unit: 1000 and 4 MiB.
	PageMessages int
	PageBytes    int64
	// Progress is called after each page, by the goroutine that copies; it
	// may be nil.
	Progress func(Progress)
	// Log is slog.Default by default.
	Log *slog.Logger
}

func (o *Options) complete() {
	if o.PageMessages == 0 {
		o.PageMessages = 1000
	}
	if o.PageBytes == 0 {
		o.PageBytes = 4 << 20
	}
	if o.Prioritized == nil {
		o.Prioritized = func(message.Destination) bool { return false }
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Phase is what is being done.
type Phase string

// The phases.
const (
	Copying   Phase = "copying"
	Verifying Phase = "verifying"
)

// Progress is how far a phase is.
type Progress struct {
	Phase       Phase
	Destination message.Destination
	// Messages of Total have been dealt with. Total is what the source said
	// when it was opened; a message counts again for each subscription.
	Messages, Total int64
}

// load is what a phase has to go through.
func load(s *store.State) int64 {
	var n int64
	for i := range s.Destinations {
		n += s.Destinations[i].Messages
		for j := range s.Destinations[i].Subscriptions {
			n += s.Destinations[i].Subscriptions[j].Pending
		}
	}
	return n
}

// meter counts for Progress.
type meter struct {
	now  Progress
	tell func(Progress)
}

func (m *meter) add(n int, dest message.Destination) {
	m.now.Messages += int64(n)
	m.now.Destination = dest
	m.tell(m.now)
}

// find is what a state says of a destination, or nil.
func find(s *store.State, dest message.Destination) *store.DestinationState {
	for i := range s.Destinations {
		if s.Destinations[i].Destination == dest {
			return &s.Destinations[i]
		}
	}
	return nil
}
