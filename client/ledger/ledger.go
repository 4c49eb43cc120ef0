package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Ledger keeps account of numbered messages: which were tried, which of those
// a broker acknowledged, and which were delivered. Every goroutine may use it.
type Ledger struct {
	mu       sync.Mutex
	accounts map[string]*account // guarded by mu; by producer
	wrong    []error             // guarded by mu; found at delivery
	counts   Faults              // guarded by mu; but for Lost
}

// Faults counts what happened to messages that should not, and what may.
type Faults struct {
	Lost      int `json:"lost"`      // acknowledged and not delivered
	Unflagged int `json:"unflagged"` // delivered again without the redelivered flag
	Disorder  int `json:"disorder"`  // delivered after a later one of the same producer
	Unknown   int `json:"unknown"`   // never sent
	// Flagged were delivered as redelivered, which JMS allows.
	Flagged int `json:"flagged"`
}

// account is one producer's. Ledger.mu guards it.
type account struct {
	tried     int            // numbers below were given to the broker
	acked     map[int]bool   // of those the broker confirmed
	delivered map[int]int    // how often each came
	newest    map[string]int // by consumer: the last that came unflagged
}

// maxWrong bounds what a ledger remembers of deliveries that are wrong.
const maxWrong = 20

// New makes an empty ledger.
func New() *Ledger { return &Ledger{accounts: map[string]*account{}} }

func (l *Ledger) accountLocked(producer string) *account {
	a := l.accounts[producer]
	if a == nil {
		a = &account{acked: map[int]bool{}, delivered: map[int]int{}, newest: map[string]int{}}
		l.accounts[producer] = a
	}
	return a
}

// Entry is the body of a message: the mark by which it is found again, in a
// file as well. A producer's name has no space and no semicolon.
func Entry(producer string, number int) string {
	return fmt.Sprintf("ledger %s %d;", producer, number)
}

// Parse reads the mark that a body begins with.
func Parse(body string) (producer string, number int, err error) {
	mark, _, ok := strings.Cut(body, ";")
	words := strings.Fields(mark)
	if ok && len(words) == 3 && words[0] == "ledger" {
		if number, err = strconv.Atoi(words[2]); err == nil {
			return words[1], number, nil
		}
	}
	return "", 0, fmt.Errorf("%.60q is no entry of the ledger", body)
}

// Next opens the producer's next entry, which counts as tried from now on, and
// returns its number and the message's body, filled up to size bytes.
func (l *Ledger) Next(producer string, size int) (number int, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(producer)
	number = a.tried
	a.tried++
	return number, Fill(Entry(producer, number), size)
}

// Fill lengthens a body to size bytes.
func Fill(body string, size int) string {
	return body + strings.Repeat("x", max(0, size-len(body)))
}

// Acknowledged notes that the broker has confirmed an entry.
func (l *Ledger) Acknowledged(producer string, number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accountLocked(producer).acked[number] = true
}

// Delivered notes what a consumer received. An entry that came before must be
// flagged as redelivered; those that are not flagged come in order.
func (l *Ledger) Delivered(consumer, body string, redelivered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	producer, number, err := Parse(body)
	if err != nil {
		l.counts.Unknown++
		l.complainLocked(err)
		return
	}
	a := l.accountLocked(producer)
	if number >= a.tried {
		l.counts.Unknown++
		l.complainLocked(fmt.Errorf("%s was never sent", Entry(producer, number)))
	}
	a.delivered[number]++
	if redelivered {
		l.counts.Flagged++
		return
	}
	if a.delivered[number] > 1 {
		l.counts.Unflagged++
		l.complainLocked(fmt.Errorf("%s came again, unflagged", Entry(producer, number)))
	}
	if newest, ok := a.newest[consumer]; ok && number < newest {
		l.counts.Disorder++
		l.complainLocked(fmt.Errorf("%s came to %s after %d", Entry(producer, number), consumer, newest))
	}
	a.newest[consumer] = number
}

func (l *Ledger) complainLocked(err error) {
	if len(l.wrong) < maxWrong {
		l.wrong = append(l.wrong, err)
	}
}

// Missing lists the entries that were acknowledged and have not come.
func (l *Ledger) Missing() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for _, producer := range slices.Sorted(maps.Keys(l.accounts)) {
		a := l.accounts[producer]
		for _, number := range slices.Sorted(maps.Keys(a.acked)) {
			if a.delivered[number] == 0 {
				missing = append(missing, Entry(producer, number))
			}
		}
	}
	return missing
}

// Check reports everything that is wrong: an acknowledged entry that is
// missing and not excused, one that came twice, out of order, or from nowhere.
func (l *Ledger) Check(excused ...string) error {
	missing := slices.DeleteFunc(l.Missing(), func(entry string) bool { return slices.Contains(excused, entry) })
	l.mu.Lock()
	defer l.mu.Unlock()
	wrong := slices.Clone(l.wrong)
	if len(missing) > 0 {
		wrong = append(wrong, fmt.Errorf("%d acknowledged entries are lost, such as %s",
			len(missing), strings.Join(missing[:min(len(missing), 5)], " ")))
	}
	return errors.Join(wrong...)
}

// Faults counts what is wrong so far.
func (l *Ledger) Faults() Faults {
	missing := len(l.Missing())
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.counts
	f.Lost = missing
	return f
}

// Acks is how many entries have been acknowledged so far.
func (l *Ledger) Acks() int {
	return l.sum(func(a *account) int { return len(a.acked) })
}

// Tries is how many entries were given to the broker.
func (l *Ledger) Tries() int { return l.sum(func(a *account) int { return a.tried }) }

// Deliveries is how many different entries have come.
func (l *Ledger) Deliveries() int {
	return l.sum(func(a *account) int { return len(a.delivered) })
}

func (l *Ledger) sum(of func(*account) int) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		n += of(a)
	}
	return n
}
