package journal

import (
	"cmp"
	"slices"

	"github.com/conclavemq/conclave/message"
)

// Pins says what keeps a file from being deleted.
type Pins struct {
	File      File
	Length    int64 // bytes of batches
	LiveBytes int64 // records of stored messages
	Messages  int   // stored, in this file
	// Destinations and Subscriptions hold messages in the file, those with the
	// most first.
	Destinations  []DestinationPin
	Subscriptions []SubscriptionPin
	// Transactions have operations in the file and are prepared.
	Transactions []message.TransactionID
	// Ends are the files whose records are ended by records in this one.
	Ends []uint32
	// Carried says that nothing but what is written again on the next clean-up
	// keeps the file, if anything does.
	Carried bool
}

// DestinationPin is a destination with messages in a file.
type DestinationPin struct {
	Destination message.Destination
	Messages    int
	Oldest      Place
}

// SubscriptionPin is a subscription with unacknowledged messages, or its own
// record, in a file.
type SubscriptionPin struct {
	Destination message.Destination
	Key         string
	Messages    int
	Record      bool
}

// Pins lists the files with what keeps each, ascending.
func (c *Contents) Pins() []Pins {
	list := make([]Pins, len(c.Files))
	at := map[uint32]*Pins{}
	for i, f := range c.Files {
		list[i] = Pins{File: f, Length: c.segments.lengthOf(f.Number)}
		at[f.Number] = &list[i]
	}
	for _, d := range c.x.destinations {
		c.pinDestination(at, d)
	}
	for id, t := range c.x.prepared {
		for i := range t.ops {
			if p := at[t.ops[i].at.file]; p != nil && !slices.Contains(p.Transactions, id) {
				p.Transactions = append(p.Transactions, id)
			}
		}
	}
	for i := range list {
		p := &list[i]
		if use := c.x.files[p.File.Number]; use != nil {
			p.Ends = slices.Compact(slices.Sorted(slices.Values(slices.Concat(use.ends, use.conceals))))
		}
		p.Carried = p.Messages == 0 && len(p.Subscriptions)+len(p.Transactions)+len(p.Ends) == 0
		slices.SortFunc(p.Destinations, func(a, b DestinationPin) int {
			return cmp.Or(b.Messages-a.Messages, compareDestinations(a.Destination, b.Destination))
		})
		slices.SortFunc(p.Subscriptions, func(a, b SubscriptionPin) int {
			return cmp.Or(b.Messages-a.Messages, cmp.Compare(a.Key, b.Key))
		})
	}
	return list
}

func (c *Contents) pinDestination(at map[uint32]*Pins, d *destination) {
	inFile := map[uint32]*DestinationPin{}
	d.order.after(&c.x.slab, 0, func(h handle) bool {
		e := c.x.slab.get(h)
		c.pinMessage(inFile, at, e.location, int64(e.size))
		if first, ok := c.x.updated[h]; ok && first != e.file {
			c.pinMessage(inFile, at, location{file: first}, 0)
		}
		return true
	})
	for number, pin := range inFile {
		pin.Destination = d.name
		at[number].Destinations = append(at[number].Destinations, *pin)
	}
	for key, sub := range d.subscriptions {
		c.pinSubscription(at, d, key, sub)
	}
}

func (c *Contents) pinMessage(inFile map[uint32]*DestinationPin, at map[uint32]*Pins, where location, size int64) {
	p := at[where.file]
	if p == nil {
		return
	}
	p.Messages++
	p.LiveBytes += size
	pin := inFile[where.file]
	if pin == nil {
		pin = &DestinationPin{Oldest: placeOf(where)}
		inFile[where.file] = pin
	}
	pin.Messages++
}

func (c *Contents) pinSubscription(at map[uint32]*Pins, d *destination, key string, sub *subscription) {
	inFile := map[uint32]*SubscriptionPin{}
	pin := func(file uint32) *SubscriptionPin {
		if inFile[file] == nil {
			inFile[file] = &SubscriptionPin{Destination: d.name, Key: key}
		}
		return inFile[file]
	}
	pin(sub.origin).Record = true
	pin(sub.latest).Record = true
	sub.pending.after(&c.x.slab, 0, func(h handle) bool {
		pin(c.x.slab.get(h).file).Messages++
		return true
	})
	for number, s := range inFile {
		if p := at[number]; p != nil {
			p.Subscriptions = append(p.Subscriptions, *s)
		}
	}
}

// lengthOf is the bytes of batches in a file.
func (s *segments) lengthOf(number uint32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.byNumber[number]; f != nil {
		return f.length
	}
	return 0
}
