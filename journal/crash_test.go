package journal

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
	"github.com/conclavemq/conclave/store/memory"
)

// cut is the disk as a crash at some moment leaves it, and which of the units
// may be on it: at least the confirmed, at most the appended.
type cut struct {
	disk                *vfs.Memory
	moment              string // after which call it was
	confirmed, appended int
}

// history drives a journal and a model with the same units, and remembers how
// the model looked after each.
type history struct {
	r     *rapid.T
	model *memory.Store

	mu        sync.Mutex
	looks     []string // mu; after 0, 1, 2… units
	confirmed int      // mu
	cuts      []cut    // mu

	sequence int
	counted  int
	stored   []*message.Message
	prepared map[int]bool
}

var (
	crashQueues = []message.Destination{message.NewQueue("A"), message.NewQueue("B")}
	crashTopic  = message.NewTopic("T")
)

// look describes what a store holds.
func look(t require.TestingT, s store.Store) string {
	var b strings.Builder
	list := func(name string, page []store.Entry, err error) {
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s:", name)
		for _, e := range page {
			fmt.Fprintf(&b, " %d/%d*%d", e.Message.ID.ProducerSequence, len(e.Message.Content), e.Redeliveries)
		}
		b.WriteByte('\n')
	}
	for _, q := range crashQueues {
		page, err := s.Page(nil, q, 0, 10_000, 1<<40)
		list(q.Name, page, err)
		for p := range uint8(store.Priorities) {
			page, err := s.PagePriority(nil, q, "", p, 0, 10_000, 1<<40)
			list("", page, err)
		}
	}
	for _, client := range []string{"x", "y"} {
		page, err := s.PageSubscription(nil, crashTopic, client+":s", 0, 10_000, 1<<40)
		list(client, page, err)
	}
	return b.String()
}

func (h *history) message(dest message.Destination) *message.Message {
	h.sequence++
	m := kilobyte(dest, 1, int64(h.sequence))
	m.Content = make([]byte, rapid.IntRange(0, 3000).Draw(h.r, "size"))
	m.Priority = uint8(rapid.IntRange(3, 5).Draw(h.r, "priority"))
	h.stored = append(h.stored, m)
	return m
}

func branch(n int) message.TransactionID {
	return message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: fmt.Sprint("g", n), Branch: "b"}}
}

// unit draws the next unit.
func (h *history) unit() *store.Unit {
	switch rapid.IntRange(0, 9).Draw(h.r, "unit") {
	case 0:
		n := rapid.IntRange(0, 2).Draw(h.r, "branch")
		if h.prepared[n] {
			delete(h.prepared, n)
			return &store.Unit{Transaction: branch(n), Outcome: rapid.SampledFrom([]store.Outcome{store.Commit, store.Rollback}).Draw(h.r, "outcome")}
		}
		h.prepared[n] = true
		return &store.Unit{Transaction: branch(n), Outcome: store.Prepare, Ops: h.ops()}
	case 1:
		return &store.Unit{Transaction: message.TransactionID{Connection: "ID:c", Value: int64(h.sequence + 1)}, Outcome: store.Commit, Ops: h.ops()}
	case 2:
		info := &message.SubscriptionInfo{ClientID: rapid.SampledFrom([]string{"x", "y"}).Draw(h.r, "client"), Name: "s", Destination: crashTopic}
		if rapid.Bool().Draw(h.r, "unsubscribe") {
			return store.Single(store.Op{Action: store.RemoveSubscription, Destination: crashTopic, Subscription: info.Key()}, true, nil)
		}
		return store.Single(store.Op{Action: store.AddSubscription, Destination: crashTopic, Info: info}, true, nil)
	case 4:
		if len(h.stored) == 0 {
			break
		}
		if m := rapid.SampledFrom(h.stored).Draw(h.r, "given back"); m.Destination != crashTopic {
			h.counted++
			return store.Single(store.Op{Action: store.Recount, Destination: m.Destination, ID: m.ID, Redeliveries: int32(h.counted % 9)}, true, nil)
		}
	case 3:
		if rapid.IntRange(0, 5).Draw(h.r, "remove destination") == 0 {
			return store.Single(store.Op{Action: store.RemoveDestination, Destination: crashQueues[1]}, true, nil)
		}
	}
	return &store.Unit{Ops: h.ops()}
}

func (h *history) ops() []store.Op {
	var ops []store.Op
	for range rapid.IntRange(1, 4).Draw(h.r, "ops") {
		if len(h.stored) > 0 && rapid.IntRange(0, 2).Draw(h.r, "take") > 0 {
			i := rapid.IntRange(0, len(h.stored)-1).Draw(h.r, "taken")
			m := h.stored[i]
			op := store.Op{Action: store.Remove, Destination: m.Destination, ID: m.ID}
			if m.Destination == crashTopic {
				op.Action, op.Subscription = store.Acknowledge, rapid.SampledFrom([]string{"x:s", "y:s"}).Draw(h.r, "subscription")
			} else {
				h.stored = append(h.stored[:i], h.stored[i+1:]...)
			}
			ops = append(ops, op)
			continue
		}
		dest := rapid.SampledFrom([]message.Destination{crashQueues[0], crashQueues[1], crashTopic}).Draw(h.r, "destination")
		ops = append(ops, store.Op{Action: store.Add, Destination: dest, Message: h.message(dest)})
	}
	return ops
}

// append gives a copy of u to the model, and u to the journal.
func (h *history) append(j *Journal, u *store.Unit, done *sync.WaitGroup) {
	u.Sync = true
	model := &store.Unit{Ops: append([]store.Op(nil), u.Ops...), Transaction: u.Transaction, Outcome: u.Outcome}
	finished := make(chan error, 1)
	model.Done = func(err error) { finished <- err }
	h.model.Append(model)
	require.NoError(h.r, <-finished)
	seen := look(h.r, h.model)
	h.mu.Lock()
	h.looks = append(h.looks, seen)
	h.mu.Unlock()
	done.Add(1)
	u.Done = func(err error) {
		if err == nil {
			h.mu.Lock()
			h.confirmed++
			h.mu.Unlock()
		}
		done.Done()
	}
	u.Led = rapid.Bool().Draw(h.r, "led")
	j.Append(u)
	if u.Led {
		j.Lead()
	}
}

// moments numbers the calls on a disk so that a call is the same whatever other
// goroutines do meanwhile: by its kind and file, and how often that was before.
// How batches are cut, and when files are made, is left to the scheduler.
type moments struct {
	seed uint64
	seen map[string]int
}

// atRandom are the letters in the names of copies.
var atRandom = regexp.MustCompile("[A-Z2-7]{10}")

func (m *moments) next(call vfs.Call, name string) (moment string, random *rand.Rand) {
	what := fmt.Sprintf("call %d of %s", call, atRandom.ReplaceAllString(filepath.Base(name), "x"))
	m.seen[what]++
	moment = fmt.Sprintf("%s, time %d", what, m.seen[what])
	h := fnv.New64a()
	h.Write([]byte(moment))
	return moment, rand.New(rand.NewPCG(m.seed, h.Sum64()))
}

// mayCut takes a cut after some of the calls that change a disk.
func (h *history) mayCut(m *moments, disk *vfs.Memory, call vfs.Call, name string) {
	if call != vfs.CallSync && call != vfs.CallWrite && call != vfs.CallRename && call != vfs.CallRemove {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	moment, random := m.next(call, name)
	if len(h.cuts) == 400 || random.IntN(6) > 0 {
		return
	}
	lose := random
	if random.IntN(2) == 0 {
		lose = nil
	}
	h.cuts = append(h.cuts, cut{disk.Crash(lose), moment, h.confirmed, len(h.looks) - 1})
}

// TestCrashes: whenever the power fails, what was confirmed is there, what is
// there is whole and in order, and recovering twice gives the same.
func TestCrashes(t *testing.T) {
	first := "" // what went wrong at first; rapid tells only of its last try
	defer func() {
		if first != "" {
			t.Log("at first: ", first)
		}
	}()
	rapid.Check(t, func(r *rapid.T) {
		h := &history{r: r, model: memory.New(), prepared: map[int]bool{}}
		defer h.model.Close()
		h.looks = []string{look(r, h.model)}
		m := &moments{seed: rapid.Uint64().Draw(r, "seed"), seen: map[string]int{}}
		disk := vfs.NewMemory()
		fs := &vfs.Faulty{FS: disk, Fault: func(vfs.Call, string) error { return nil }}
		fs.After = func(call vfs.Call, name string) { h.mayCut(m, disk, call, name) }
		o := testOptions(fs, "/journal")
		o.MaxFileLength = minFileLength
		h.drive(o)
		for _, c := range h.cuts {
			if problem := h.check(c); problem != "" {
				if first == "" {
					first = problem
				}
				r.Fatal(problem)
			}
		}
	})
}

func (h *history) drive(o Options) {
	j := mustOpen(h.r, o)
	var done sync.WaitGroup
	for range rapid.IntRange(1, 60).Draw(h.r, "steps") {
		h.append(j, h.unit(), &done)
		switch rapid.IntRange(0, 9).Draw(h.r, "then") {
		case 0:
			require.NoError(h.r, j.Collect())
		case 1:
			require.NoError(h.r, j.Close())
			j = mustOpen(h.r, o)
		case 2, 3:
			done.Wait()
		case 4:
			squeezeAny(h.r, j)
		case 5:
			snapshotIfPossible(h.r, j)
		}
	}
	require.NoError(h.r, j.Close())
	done.Wait()
	require.Equal(h.r, len(h.looks)-1, h.confirmed)
	h.cuts = append(h.cuts, cut{o.FS.(*vfs.Faulty).FS.(*vfs.Memory).Crash(nil), "the end", h.confirmed, h.confirmed})
}

// check recovers from a cut twice, and returns what is wrong, or "".
func (h *history) check(c cut) string {
	o := testOptions(c.disk.Snapshot(), "/journal")
	o.MaxFileLength = minFileLength
	where := func(what string) string { return fmt.Sprintf("%s; %s, on disk:\n%s", what, c.moment, contents{c.disk}) }
	found := ""
	for round := range 2 {
		j, err := Open(o)
		if err != nil {
			return where(err.Error())
		}
		again := look(h.r, j)
		for _, d := range j.Damage() {
			if !d.Tail {
				return where(d.String())
			}
		}
		require.NoError(h.r, j.Close())
		if round == 1 && again != found {
			return where(fmt.Sprintf("recovering twice gives\n%s\nand then\n%s", found, again))
		}
		if found = again; !slices.Contains(h.looks[c.confirmed:c.appended+1], found) {
			return where(fmt.Sprintf("what is recovered, from %s, was never the state: confirmed %d, appended %d\nfound:\n%s\nafter the confirmed:\n%s",
				j.Opening().From, c.confirmed, c.appended, found, h.looks[c.confirmed]))
		}
	}
	return ""
}

// contents is what is on a disk, listed record by record: a failure that
// depends on the scheduler may not come again.
type contents struct{ disk *vfs.Memory }

func (c contents) String() string {
	var b strings.Builder
	disk := c.disk
	names, _ := disk.List("/journal")
	slices.Sort(names)
	for _, name := range names {
		size, _ := disk.Size("/journal/" + name)
		fmt.Fprintf(&b, "%s: %d bytes\n", name, size)
	}
	files, _ := Files(disk, "/journal")
	for _, f := range files {
		visit := func(batch *Batch) error {
			return batch.Records(func(r *Record) error {
				d, _ := r.Destination()
				id, _ := r.Transaction()
				fmt.Fprintf(&b, "%s %d: %s %s %s %s %s %s\n", f.Name, r.Offset, r.Type(), d, r.MessageID(), r.Subscription(), id, r.Text())
				return nil
			})
		}
		_, err := ReadBatches(disk, "/journal", f, visit, func(d Damage) { fmt.Fprintln(&b, d) })
		fmt.Fprintf(&b, "%s ends: %v\n", f.Name, err)
	}
	return b.String()
}
