package harness

import (
	"fmt"
	"sync"
	"time"

	"github.com/conclavemq/conclave/client/ledger"
)

// Outcome is what a client knows of what it asked for.
type Outcome uint8

// The outcomes. What was never answered, and a commit that a failover cut off,
// stay Unknown: they took effect as a whole or not at all.
const (
	Unknown Outcome = iota
	Confirmed
	Undone // rolled back, or refused
)

// Item is one message: the producer's name and its number.
type Item struct {
	Producer string
	Number   int
}

// String is the mark that the message's body begins with.
func (i Item) String() string { return Entry(i.Producer, i.Number) }

// History is what clients outside a broker asked for, were answered and
// received. Verify checks it against what the broker promises. Every goroutine
// may use it.
type History struct {
	mu         sync.Mutex
	clock      int                // mu; counts entries
	messages   map[Item]*sent     // mu
	producers  map[string]int     // mu; numbers given out
	units      []*Unit            // mu
	answers    []answer           // mu
	newest     map[[2]string]int  // mu; by consumer and producer: the last that came unflagged
	wrong      []Violation        // mu; found at delivery
	flagged    int                // mu; duplicates that were flagged
	unflagged  int                // mu; and that were not
	received   int                // mu; deliveries
	lastChange time.Time          // mu; when something was confirmed or came
	masters    map[string]*master // mu; by the identity of the mastership
}

// sent is a message. History.mu guards it.
type sent struct {
	outcome Outcome  // of a send outside a unit
	unit    *Unit    // it was sent in, nil: none
	came    int      // how often
	settled int      // clock when its consumption was confirmed, 0: never
	taken   *Unit    // the last unit that consumed it
	passes  *Item    // the message that it passes on
	copies  []Item   // messages that pass it on
	story   []string // what happened to it, for people
}

// maxStory bounds what is told of one message.
const maxStory = 12

// tell notes what happens to a message.
func (m *sent) tell(what string) {
	if len(m.story) < maxStory {
		m.story = append(m.story, time.Now().Format("05.000 ")+what+";")
	}
}

// Unit is a transaction: what was sent and received in it.
type Unit struct {
	sends, takes []Item
	outcome      Outcome
}

// answer is a request that a mastership confirmed, or a delivery by it.
type answer struct {
	master        string
	asked, gotten time.Time
	delivery      bool
}

// master is what is known of one mastership.
type master struct{ first time.Time }

// NewHistory makes an empty history.
func NewHistory() *History {
	return &History{messages: map[Item]*sent{}, producers: map[string]int{}, newest: map[[2]string]int{},
		masters: map[string]*master{}, lastChange: time.Now()}
}

// Send opens a producer's next message and returns it with its body. unit may
// be nil.
func (h *History) Send(producer string, unit *Unit, size int) (Item, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	item := Item{producer, h.producers[producer]}
	h.producers[producer]++
	m := &sent{unit: unit}
	m.tell("sent")
	h.messages[item] = m
	if unit != nil {
		unit.sends = append(unit.sends, item)
	}
	return item, ledger.Fill(item.String(), size)
}

// Pass opens a message that stands for one that the unit has received.
func (h *History) Pass(producer string, unit *Unit, of Item) (Item, string) {
	item, body := h.Send(producer, unit, 0)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages[item].passes = &of
	if m := h.messages[of]; m != nil {
		m.copies = append(m.copies, item)
	}
	return item, body
}

// Ends notes how a send outside a unit ended.
func (h *History) Ends(item Item, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages[item].outcome = o
	h.messages[item].tell([]string{"not answered", "confirmed", "undone"}[o])
	h.lastChange = time.Now()
}

// Begin opens a unit.
func (h *History) Begin() *Unit {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := &Unit{}
	h.units = append(h.units, u)
	return u
}

// End notes how a unit ended. What a confirmed one received must not come
// again.
func (h *History) End(u *Unit, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u.outcome = o
	h.clock++
	h.lastChange = time.Now()
	if o != Confirmed {
		return
	}
	for _, item := range u.takes {
		if m := h.messages[item]; m != nil && m.settled == 0 {
			m.settled = h.clock
			m.tell("consumption confirmed")
		}
	}
}

// Answered notes that a mastership has confirmed what was asked for at a
// moment; a delivery is asked for when it is waited for. An empty master is
// one that is not known for certain.
func (h *History) Answered(master string, asked time.Time, delivery bool) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = append(h.answers, answer{master, asked, now, delivery})
	h.masterLocked(master, now)
}

func (h *History) masterLocked(name string, at time.Time) {
	if name != "" && h.masters[name] == nil {
		h.masters[name] = &master{first: at}
	}
}

// Received notes a delivery to a consumer, in a unit or, if that is nil, not.
// It returns the message.
func (h *History) Received(consumer, body string, flagged bool, unit *Unit) (Item, error) {
	producer, number, err := ledger.Parse(body)
	item := Item{producer, number}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	h.received++
	h.lastChange = time.Now()
	m := h.messages[item]
	if err != nil || m == nil {
		h.accuseLocked("P4", "%.60q was never sent", body)
		return item, err
	}
	m.came++
	m.tell(fmt.Sprintf("came to %s, flagged %v", consumer, flagged))
	if unit != nil {
		unit.takes = append(unit.takes, item)
		m.taken = unit
	}
	switch {
	case m.settled > 0:
		h.accuseLocked("P3", "%s came again after its consumption was confirmed: %s", item, m.story)
	case m.came > 1 && flagged:
		h.flagged++
	case m.came > 1:
		h.unflagged++
		h.accuseLocked("P3", "%s came again, unflagged: %s", item, m.story)
	}
	if !flagged {
		key := [2]string{consumer, producer}
		if newest, ok := h.newest[key]; ok && number < newest {
			h.accuseLocked("P5", "%s came to %s after %d", item, consumer, newest)
		}
		h.newest[key] = number
	}
	return item, nil
}

// Quiet is how long nothing has been confirmed and nothing came.
func (h *History) Quiet() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.lastChange)
}

// FirstAnswer finds the first confirmed request after a moment, by a
// mastership that had confirmed nothing before it, or by any.
func (h *History) FirstAnswer(after time.Time, fresh bool) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.answers {
		if a.delivery || !a.gotten.After(after) {
			continue
		}
		if m := h.masters[a.master]; !fresh || m != nil && m.first.After(after) {
			return a.gotten, true
		}
	}
	return time.Time{}, false
}

// Answers is how many requests have been confirmed since a moment.
func (h *History) Answers(since time.Time) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.answers) - 1; i >= 0 && h.answers[i].gotten.After(since); i-- {
		if !h.answers[i].delivery {
			n++
		}
	}
	return n
}
