package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Violation is a promise that a history shows to be broken.
type Violation struct {
	Promise string // P1 to P12
	Text    string
}

// Error names the promise and says what happened.
func (v Violation) Error() string { return v.Promise + ": " + v.Text }

// maxWrong bounds what a history remembers of what is wrong.
const maxWrong = 20

func (h *History) accuseLocked(promise, format string, args ...any) {
	if len(h.wrong) < maxWrong {
		h.wrong = append(h.wrong, Violation{promise, fmt.Sprintf(format, args...)})
	}
}

// Account is a history in numbers.
type Account struct {
	Sent, Confirmed, Received int
	Flagged, Unflagged        int // duplicates
	Lost                      int
}

// String is one line for people.
func (a Account) String() string {
	return fmt.Sprintf("sent %d, acked %d, received %d, duplicates %d flagged %d unflagged, lost %d",
		a.Sent, a.Confirmed, a.Received, a.Flagged, a.Unflagged, a.Lost)
}

// Account sums the history up.
func (h *History) Account() Account {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := Account{Sent: len(h.messages), Received: h.received, Flagged: h.flagged, Unflagged: h.unflagged}
	for _, m := range h.messages {
		if m.state() != Confirmed {
			continue
		}
		a.Confirmed++
		if m.came == 0 {
			a.Lost++
		}
	}
	return a
}

// state is what the producer knows of a message.
func (m *sent) state() Outcome {
	if m.unit != nil {
		return m.unit.outcome
	}
	return m.outcome
}

// Missing is how many messages must still come: those that were confirmed and
// have not.
func (h *History) Missing() int { return h.Account().Lost }

// Story is what happened to a message, for people.
func (h *History) Story(item Item) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.messages[item]; m != nil {
		return slices.Clone(m.story)
	}
	return nil
}

// Mark is how many messages each producer has been given so far.
func (h *History) Mark() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.producers)
}

// Lost are the messages that were confirmed and have not come.
func (h *History) Lost() (items []Item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for item, m := range h.messages {
		if m.state() == Confirmed && m.came == 0 {
			items = append(items, item)
		}
	}
	return items
}

// Verify checks a history that is over: every queue is empty and every
// consumer has ended. late is how much later than a new mastership's first
// answer one of an earlier may arrive.
func (h *History) Verify(late time.Duration) []Violation {
	h.mu.Lock()
	defer h.mu.Unlock()
	wrong := slices.Clone(h.wrong)
	wrong = append(wrong, h.checkMasters(late)...)
	wrong = append(wrong, h.checkMessages()...)
	return append(wrong, h.checkUnits()...)
}

// checkMasters is P1: once a mastership has answered, none that answered
// before it answers any more. What was asked for only after the first answer
// of the new one settles the matter; for what was under way there is a little
// time to arrive.
func (h *History) checkMasters(late time.Duration) (wrong []Violation) {
	for _, a := range h.answers {
		mine := h.masters[a.master]
		if mine == nil {
			continue
		}
		for name, other := range h.masters {
			if !other.first.After(mine.first) {
				continue
			}
			// A delivery may have waited in the client.
			asked := !a.delivery && a.asked.After(other.first)
			if asked || a.gotten.After(other.first.Add(late)) {
				what := "confirmed a request"
				if a.delivery {
					what = "delivered"
				}
				wrong = append(wrong, Violation{"P1", fmt.Sprintf("%s %s %v after %s had begun to",
					a.master, what, a.gotten.Sub(other.first).Round(time.Millisecond), name)})
			}
		}
		if len(wrong) >= maxWrong {
			break
		}
	}
	return wrong
}

// checkMessages is P2 and P4: what was confirmed came, and what was undone did
// not.
func (h *History) checkMessages() (wrong []Violation) {
	var lost []string
	for item, m := range h.messages {
		switch state := m.state(); {
		case state == Confirmed && m.came == 0:
			lost = append(lost, item.String())
		case state == Undone && m.came > 0:
			wrong = append(wrong, Violation{"P4", item.String() + " came though it was rolled back or refused"})
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		wrong = append(wrong, Violation{"P2", fmt.Sprintf("%d confirmed messages are lost, such as %s",
			len(lost), strings.Join(lost[:min(len(lost), 5)], " "))})
	}
	return wrong
}

// checkUnits is P6: of a unit whose outcome is not known all came or nothing;
// and what was passed on from one queue to another came there once, unless it
// was consumed without being passed on.
func (h *History) checkUnits() (wrong []Violation) {
	for _, u := range h.units {
		came := 0
		for _, item := range u.sends {
			came += min(1, h.messages[item].came)
		}
		if u.outcome == Unknown && came > 0 && came < len(u.sends) {
			wrong = append(wrong, Violation{"P6", fmt.Sprintf("%d of %d messages of one transaction came, beginning with %s",
				came, len(u.sends), u.sends[0])})
		}
	}
	for item, m := range h.messages {
		if len(m.copies) == 0 {
			continue
		}
		passed := 0
		for _, c := range m.copies {
			passed += min(1, h.messages[c].came)
		}
		ended := passed
		if m.taken != nil && len(m.taken.sends) == 0 && m.taken.outcome == Confirmed {
			ended++ // consumed without being passed on
		}
		switch {
		case passed > 1, ended > 1:
			wrong = append(wrong, Violation{"P6", fmt.Sprintf("%s was passed on %d times in %d tries", item, passed, len(m.copies))})
		case ended == 0:
			wrong = append(wrong, Violation{"P6", fmt.Sprintf("%s was consumed and not passed on in %d tries", item, len(m.copies))})
		}
	}
	return wrong
}
