package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// Contents is what a directory holds, found by a replay that changes nothing.
// It is for one goroutine.
type Contents struct {
	Files  []File // of the journal, without orphans and empty ones
	Damage []Damage
	// Moving says that a living master deleted files while they were read,
	// again and again: what they ended may still count as pending.
	Moving   bool
	x        *index
	activity map[subscriptionKey]Place // the newest acknowledgements
	segments *segments
	codec    *openwire.Store
}

// loadAttempts is how often a directory is read that changes meanwhile.
const loadAttempts = 3

// Load replays a directory.
func Load(o vfs.FS, directory string) (*Contents, error) {
	for attempt := 1; ; attempt++ {
		c, gone, err := load(o, directory)
		if err != nil {
			return nil, err
		}
		if !gone {
			return c, nil
		}
		if attempt == loadAttempts {
			c.Moving = true
			return c, nil
		}
		c.Close()
	}
}

// load reports gone if a file that was read is not there afterwards.
func load(o vfs.FS, directory string) (c *Contents, gone bool, err error) {
	all, err := Files(o, directory)
	if err != nil {
		return nil, false, err
	}
	c = &Contents{segments: newSegments(o, directory), codec: openwire.NewStore(openwire.StoreVersion), activity: map[subscriptionKey]Place{}}
	var files []diskFile
	exists := map[uint32]bool{}
	for _, f := range all {
		if f.Orphan || f.Limit == 0 {
			continue
		}
		c.Files = append(c.Files, f)
		files = append(files, diskFile{number: f.Number, limit: f.Limit})
		exists[f.Number] = true
	}
	r := newReplayer(newIndex(), slog.New(slog.DiscardHandler), func(n uint32) bool { return exists[n] })
	a := readAhead(&Options{Directory: directory, FS: o}, files, nil, func(i int) int64 { return files[i].limit })
	defer a.close()
	r.acknowledged = func(k *command, at location) {
		c.activity[subscriptionKey{string(k.destination.name), string(k.subscription)}] = placeOf(at)
	}
	for _, f := range c.Files {
		end, err := r.replay(a, f.Number)
		if err != nil && !isGone(o, directory, f) {
			return nil, false, fmt.Errorf("replay %s: %w", f.Name, err)
		}
		c.segments.put(f.Number, end)
	}
	for _, f := range c.Files {
		gone = gone || isGone(o, directory, f)
	}
	c.x, c.Damage = r.x, r.damage
	return c, gone, nil
}

func isGone(o vfs.FS, directory string, f File) bool {
	_, err := o.Size(filepath.Join(directory, f.Name))
	return errors.Is(err, fs.ErrNotExist)
}

// subscriptionKey names a durable subscription: its topic's name and its key.
type subscriptionKey struct{ topic, key string }

// Close lets go of the files.
func (c *Contents) Close() { c.segments.close() }

// Place is where a stored message lies.
type Place struct {
	File   uint32
	Offset int64
	Size   int // bytes of its record
}

func placeOf(at location) Place { return Place{at.file, int64(at.offset), int(at.size)} }

// Holding is what a destination holds.
type Holding struct {
	Destination   message.Destination
	Messages      int
	Bytes         int64 // of records
	Subscriptions []SubscriptionHolding
}

// SubscriptionHolding is what a durable subscription has not acknowledged.
type SubscriptionHolding struct {
	Info    message.SubscriptionInfo
	Pending int
}

// Destinations lists what the directory holds, by name.
func (c *Contents) Destinations() []Holding {
	var list []Holding
	for _, d := range c.x.destinations {
		h := Holding{Destination: d.name, Messages: d.order.n, Bytes: d.bytes}
		for _, sub := range d.subscriptions {
			h.Subscriptions = append(h.Subscriptions, SubscriptionHolding{sub.info, sub.pending.n})
		}
		slices.SortFunc(h.Subscriptions, func(a, b SubscriptionHolding) int { return cmp.Compare(a.Info.Key(), b.Info.Key()) })
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Holding) int { return compareDestinations(a.Destination, b.Destination) })
	return list
}

// Each calls visit for the messages of a destination or, with a key, for those
// that a subscription has not acknowledged, in order, until it returns false.
func (c *Contents) Each(dest message.Destination, key string, visit func(Place) bool) {
	d := c.x.destinations[dest]
	if d == nil {
		return
	}
	list := &d.order
	if key != "" {
		sub := d.subscriptions[key]
		if sub == nil {
			return
		}
		list = &sub.pending
	}
	list.after(&c.x.slab, 0, func(h handle) bool { return visit(placeOf(c.x.slab.get(h).location)) })
}

// Holds reports that a message is stored.
func (c *Contents) Holds(dest message.Destination, id message.MessageID) bool {
	d := c.x.destinations[dest]
	return d != nil && c.x.find(d, identity{id.Producer, id.ProducerSequence}) != 0
}

// Message reads a stored message.
func (c *Contents) Message(p Place) (*message.Message, error) {
	b := make([]byte, p.Size)
	if err := c.segments.readAt(p.File, b, p.Offset); err != nil {
		return nil, err
	}
	return decodeStored(c.codec, b)
}

// PreparedHolding is an XA branch that waits for its outcome.
type PreparedHolding struct {
	Transaction message.TransactionID
	Adds        []Place
	Removals    int      // and acknowledgements
	Files       []uint32 // that its operations lie in
}

// Prepared lists the branches that wait for their outcome.
func (c *Contents) Prepared() []PreparedHolding {
	var list []PreparedHolding
	for id, t := range c.x.prepared {
		p := PreparedHolding{Transaction: id}
		for i := range t.ops {
			if t.ops[i].action == store.Add {
				p.Adds = append(p.Adds, placeOf(t.ops[i].at))
			} else {
				p.Removals++
			}
			if !slices.Contains(p.Files, t.ops[i].at.file) {
				p.Files = append(p.Files, t.ops[i].at.file)
			}
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b PreparedHolding) int { return cmp.Compare(a.Transaction.String(), b.Transaction.String()) })
	return list
}

// LastActivity is the newest record that a subscription has left: its own or an
// acknowledgement.
func (c *Contents) LastActivity(topic message.Destination, key string) (Place, bool) {
	if at, ok := c.activity[subscriptionKey{topic.Name, key}]; ok {
		return at, true
	}
	d := c.x.destinations[topic]
	if d == nil || d.subscriptions[key] == nil {
		return Place{}, false
	}
	return Place{File: d.subscriptions[key].latest}, true
}

// Ranges writes ascending file numbers as "1-5,7".
func Ranges(numbers []uint32) string { return rangesText(numbers) }
