package inspect

import (
	"slices"
	"time"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/message"
)

// Stats is what a directory holds and what keeps its files.
type Stats struct {
	Directory    string             `json:"directory"`
	InUse        bool               `json:"inUse"`
	Holder       string             `json:"holder,omitempty"`
	Moving       bool               `json:"moving,omitempty"` // files were deleted while they were read
	Messages     int                `json:"messages"`
	LiveBytes    int64              `json:"liveBytes"`
	BatchBytes   int64              `json:"batchBytes"` // in files
	DiskBytes    int64              `json:"diskBytes"`  // that files are long
	LargestFile  int64              `json:"largestFile"`
	Damage       []Finding          `json:"damage,omitempty"`
	Destinations []DestinationStats `json:"destinations"`
	Prepared     []PreparedStats    `json:"prepared,omitempty"`
	Files        []FileStats        `json:"files"`
}

// DestinationStats is what a destination holds.
type DestinationStats struct {
	Destination   string              `json:"destination"`
	Messages      int                 `json:"messages"`
	Bytes         int64               `json:"bytes"`
	Oldest        *Oldest             `json:"oldest,omitempty"`
	Subscriptions []SubscriptionStats `json:"subscriptions,omitempty"`
}

// Oldest is the first message that waits.
type Oldest struct {
	ID        string    `json:"id,omitempty"`
	Timestamp time.Time `json:"timestamp,omitzero"`
	File      string    `json:"file"`
	Offset    int64     `json:"offset"`
	Error     string    `json:"error,omitempty"`
}

// SubscriptionStats is a durable subscription.
type SubscriptionStats struct {
	ClientID string  `json:"clientId"`
	Name     string  `json:"name"`
	Selector string  `json:"selector,omitempty"`
	Pending  int     `json:"pending"`
	Oldest   *Oldest `json:"oldest,omitempty"`
	// LastFile has the newest record of the subscription or an acknowledgement
	// of it, if that has not been deleted; LastChange is when that file was
	// written last: the activity was not later.
	LastFile   string    `json:"lastFile,omitempty"`
	LastOffset int64     `json:"lastOffset,omitempty"`
	LastChange time.Time `json:"lastChange,omitzero"`
}

// PreparedStats is an XA branch that waits for its outcome.
type PreparedStats struct {
	Transaction string   `json:"transaction"`
	Messages    int      `json:"messages"`
	Removals    int      `json:"removals"`
	Files       []string `json:"files"`
}

// FileStats is a file and what keeps it.
type FileStats struct {
	File      string `json:"file"`
	Epoch     uint64 `json:"epoch,omitempty"`
	Size      int64  `json:"size"`
	Batches   int64  `json:"batches"` // bytes of batches
	LiveBytes int64  `json:"liveBytes"`
	Messages  int    `json:"messages"`
	Newest    bool   `json:"newest,omitempty"` // the journal ends in it
	Pins      []Pin  `json:"pins,omitempty"`
}

// Pin is something that keeps a file, the strongest first.
type Pin struct {
	// Kind is destination, subscription, transaction or ends: the file ends
	// records of the files named, and goes after them.
	Kind     string  `json:"kind"`
	Name     string  `json:"name"`
	Messages int     `json:"messages,omitempty"`
	Oldest   *Oldest `json:"oldest,omitempty"`
}

// Measure replays a directory and says what it holds.
func Measure(o vfs.FS, directory string) (*Stats, error) {
	status, _ := lock.ReadHolder(directory) // who holds the lock is beside the point
	c, err := journal.Load(o, directory)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := &Stats{Directory: directory, InUse: status.Held, Moving: c.Moving, Destinations: []DestinationStats{}, Files: []FileStats{}}
	if s.InUse {
		s.Holder = status.Describe()
	}
	for _, d := range c.Damage {
		s.Damage = append(s.Damage, ofDamage(d))
	}
	for _, h := range c.Destinations() {
		s.Destinations = append(s.Destinations, destinationStats(o, directory, c, h))
	}
	for _, p := range c.Prepared() {
		s.Prepared = append(s.Prepared, preparedStats(p))
	}
	for _, p := range c.Pins() {
		f := fileStats(c, p)
		s.Messages += f.Messages
		s.LiveBytes += f.LiveBytes
		s.BatchBytes += f.Batches
		s.DiskBytes += f.Size
		s.LargestFile = max(s.LargestFile, f.Size)
		s.Files = append(s.Files, f)
	}
	return s, nil
}

func destinationStats(o vfs.FS, directory string, c *journal.Contents, h journal.Holding) DestinationStats {
	d := DestinationStats{Destination: h.Destination.String(), Messages: h.Messages, Bytes: h.Bytes, Oldest: oldest(c, h.Destination, "")}
	for _, sub := range h.Subscriptions {
		s := SubscriptionStats{ClientID: sub.Info.ClientID, Name: sub.Info.Name, Selector: sub.Info.Selector, Pending: sub.Pending,
			Oldest: oldest(c, h.Destination, sub.Info.Key())}
		if at, ok := c.LastActivity(h.Destination, sub.Info.Key()); ok {
			s.LastFile, s.LastOffset = journal.FileName(at.File), at.Offset
			s.LastChange = changed(directory, s.LastFile)
		}
		d.Subscriptions = append(d.Subscriptions, s)
	}
	return d
}

func oldest(c *journal.Contents, d message.Destination, key string) (first *Oldest) {
	c.Each(d, key, func(p journal.Place) bool {
		first = oldestAt(c, p)
		return false
	})
	return first
}

func oldestAt(c *journal.Contents, p journal.Place) *Oldest {
	o := &Oldest{File: journal.FileName(p.File), Offset: p.Offset}
	m, err := c.Message(p)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	o.ID = m.ID.String()
	if m.Timestamp > 0 {
		o.Timestamp = time.UnixMilli(m.Timestamp).UTC()
	}
	return o
}

func preparedStats(p journal.PreparedHolding) PreparedStats {
	s := PreparedStats{Transaction: p.Transaction.String(), Messages: len(p.Adds), Removals: p.Removals}
	for _, n := range p.Files {
		s.Files = append(s.Files, journal.FileName(n))
	}
	return s
}

// maxPins bounds what is said of a file: the strongest.
const maxPins = 16

func fileStats(c *journal.Contents, p journal.Pins) FileStats {
	f := FileStats{File: p.File.Name, Epoch: p.File.Epoch, Size: p.File.Size, Batches: p.Length, LiveBytes: p.LiveBytes,
		Messages: p.Messages, Newest: p.File.Newest}
	for _, d := range p.Destinations[:min(len(p.Destinations), maxPins)] {
		f.Pins = append(f.Pins, Pin{Kind: "destination", Name: d.Destination.String(), Messages: d.Messages, Oldest: oldestAt(c, d.Oldest)})
	}
	for _, s := range p.Subscriptions[:min(len(p.Subscriptions), maxPins)] {
		f.Pins = append(f.Pins, Pin{Kind: "subscription", Name: s.Key + " of " + s.Destination.String(), Messages: s.Messages})
	}
	for _, t := range p.Transactions[:min(len(p.Transactions), maxPins)] {
		f.Pins = append(f.Pins, Pin{Kind: "transaction", Name: t.String()})
	}
	if len(p.Ends) > 0 && len(f.Pins) == 0 {
		f.Pins = append(f.Pins, Pin{Kind: "ends", Name: journal.Ranges(slices.Clone(p.Ends))})
	}
	return f
}

// Bound is what the files may take on disk: twice what is live, and two files.
func (s *Stats) Bound() int64 { return 2*s.LiveBytes + 2*s.LargestFile }
