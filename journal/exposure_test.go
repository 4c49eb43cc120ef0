package journal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// nextFile adds messages from *sequence on until another file is begun, and
// returns them.
func nextFile(t *testing.T, j *Journal, sequence *int64) (ops []store.Op) {
	for first := j.writer.current.number; j.writer.current.number == first; {
		*sequence++
		u := store.Single(addition(*sequence), true, nil)
		require.NoError(t, await(j, u))
		ops = append(ops, u.Ops[0])
	}
	return ops
}

func exposingOf(d message.Destination, segment store.Segment) *store.Unit {
	return store.Single(store.Op{Action: store.Expose, Destination: d, Segment: segment}, true, nil)
}

// exposedThenEnded exposes d in files 1 and 2, in which it has nothing else,
// ends that in file 3, and takes all messages away but the first one of file 1.
func exposedThenEnded(t *testing.T, d message.Destination, end store.Op) *Journal {
	j := mustOpen(t, smallFiles(vfs.NewMemory()))
	sequence, taken := int64(0), []store.Op{}
	for segment := range store.Segment(2) {
		require.NoError(t, await(j, exposingOf(d, segment+1)))
		taken = append(taken, nextFile(t, j, &sequence)...)
	}
	require.NoError(t, await(j, store.Single(end, true, nil)))
	taken = append(taken, nextFile(t, j, &sequence)...)
	for _, op := range taken[1:] {
		require.NoError(t, await(j, store.Single(taking(op), true, nil)))
	}
	require.NoError(t, j.Collect())
	require.Contains(t, j.segments.numbers(), uint32(1), "it holds a message")
	require.NotContains(t, j.segments.numbers(), uint32(2), "nothing in it is needed")
	return j
}

// TestWithdrawnStaysWithdrawn: what has ended an exposure ends all the records
// of it, also the older one, which is all that is left.
func TestWithdrawnStaysWithdrawn(t *testing.T) {
	j := exposedThenEnded(t, testQueue, store.Op{Action: store.Expose, Destination: testQueue})
	require.Contains(t, j.segments.numbers(), uint32(3), "it has the withdrawal")
	for range 2 {
		j = reopened(t, j)
		require.Equal(t, []int64{1}, sequences(t, j, testQueue))
		require.Empty(t, redelivered(t, j), "it has never been delivered")
		require.NoError(t, j.Collect())
	}
	// It goes with what it ended.
	require.NoError(t, await(j, store.Single(taking(addition(1)), true, nil)))
	require.NoError(t, j.Collect())
	require.Equal(t, []uint32{j.writer.current.number}, j.segments.numbers())
	require.NoError(t, j.Close())
}

// TestRemovedStaysRemoved: a destination that was removed is not brought back
// by what had been exposed of it.
func TestRemovedStaysRemoved(t *testing.T) {
	removed := message.NewQueue("REMOVED")
	j := exposedThenEnded(t, removed, store.Op{Action: store.RemoveDestination, Destination: removed})
	require.Contains(t, j.segments.numbers(), uint32(3), "it has the removal")
	j = reopened(t, j)
	require.Empty(t, j.index.exposures)
	require.Len(t, j.Recovered().Destinations, 1)
	require.Equal(t, testQueue, j.Recovered().Destinations[0].Destination)
	require.NoError(t, j.Close())
}

// TestReplacedExposuresKeepNothing: newer records of what was exposed do not
// hold on to the files of older ones, and lists of them are no longer than
// there are files.
func TestReplacedExposuresKeepNothing(t *testing.T) {
	j := mustOpen(t, smallFiles(vfs.NewMemory()))
	sequence, kept := int64(0), []store.Op{}
	for range 20 {
		require.NoError(t, await(j, exposingOf(testQueue, store.Segment(j.writer.current.number))))
		ops := nextFile(t, j, &sequence)
		for i, op := range ops {
			if i > 0 || op.Segment%4 != 0 {
				require.NoError(t, await(j, store.Single(taking(op), true, nil)))
			} else {
				kept = append(kept, op)
			}
		}
	}
	records := func() fileList { return j.index.exposures[testQueue].records }
	require.Len(t, records(), 20)
	require.NoError(t, j.Collect())
	numbers := j.segments.numbers()
	require.Subset(t, numbers, records())
	for _, n := range numbers[:len(numbers)-1] {
		squeeze(t, j, n)
		require.NoError(t, j.Collect())
	}
	require.Equal(t, fileList{20}, records(), "a rewritten file has none that was replaced")
	require.Len(t, j.segments.numbers(), len(kept)+1)
	j = reopened(t, j)
	require.Len(t, redelivered(t, j), len(kept))
	require.NoError(t, j.Close())
}

// TestManyExposures: ten thousand files that say it are no burden.
func TestManyExposures(t *testing.T) {
	const files = 10_000
	x := newIndex()
	for n := range uint32(files) {
		x.expose(testQueue, store.Segment(n+1), n+1)
		x.expose(testQueue, store.Segment(n+1), n+1)
	}
	require.Len(t, x.exposures[testQueue].records, files)
	for n := range uint32(files / 2) {
		x.forgetFile(n + 1)
	}
	e := x.exposures[testQueue]
	require.Len(t, e.records, files/2)
	require.EqualValues(t, files, e.segment)
	x.forgetFile(files)
	require.Equal(t, exposure{records: e.records}, *e)
	x.expose(testQueue, 0, files+1)
	require.Len(t, x.files[files+1].conceals, files/2-1)
	require.Empty(t, x.exposures)
}

// TestConcealingKeepsNoRemovals: what ends an exposure keeps its file, but not
// the removals beside it.
func TestConcealingKeepsNoRemovals(t *testing.T) {
	removed := message.NewQueue("REMOVED")
	j := mustOpen(t, smallFiles(vfs.NewMemory()))
	sequence := int64(0)
	require.NoError(t, await(j, exposingOf(removed, 1)))
	require.NoError(t, await(j, store.Single(addition(5000), true, nil)))
	require.NoError(t, await(j, store.Single(taking(addition(5000)), true, nil)))
	ops := nextFile(t, j, &sequence)
	require.NoError(t, await(j, store.Single(taking(ops[len(ops)-1]), true, nil)))
	for j.writer.current.number == 2 {
		sequence++
		u := store.Single(addition(sequence), true, nil)
		require.NoError(t, await(j, u))
		if u.Ops[0].Segment == 2 {
			require.NoError(t, await(j, store.Single(store.Op{Action: store.RemoveDestination, Destination: removed}, true, nil)))
			require.NoError(t, await(j, store.Single(taking(u.Ops[0]), true, nil)))
		}
	}
	require.NoError(t, j.Collect())
	before := j.segments.length(2)
	squeeze(t, j, 2)
	require.NoError(t, j.Collect())
	require.Contains(t, j.segments.numbers(), uint32(2), "what was exposed is in file 1")
	require.Less(t, j.segments.length(2), before/4)
	squeeze(t, j, 1)
	require.NoError(t, j.Collect())
	require.NotContains(t, j.segments.numbers(), uint32(2), "it is not, any more")
	j = reopened(t, j)
	require.Empty(t, j.index.exposures)
	require.NoError(t, j.Close())
}

// TestTopicStaysExposed: the broker goes by what was exposed of a topic when
// another subscription follows its last one.
func TestTopicStaysExposed(t *testing.T) {
	j := mustOpen(t, smallFiles(vfs.NewMemory()))
	info := &message.SubscriptionInfo{ClientID: "x", Name: "s", Destination: crashTopic}
	subscribe := store.Op{Action: store.AddSubscription, Destination: crashTopic, Info: info}
	require.NoError(t, await(j, store.Single(subscribe, true, nil)))
	require.NoError(t, await(j, exposingOf(crashTopic, 1)))
	changed := &store.Unit{Ops: []store.Op{{Action: store.RemoveSubscription, Destination: crashTopic, Subscription: info.Key()}, subscribe}, Sync: true}
	require.NoError(t, await(j, changed))
	require.NoError(t, await(j, store.Single(store.Op{Action: store.Add, Destination: crashTopic, Message: kilobyte(crashTopic, 1, 1)}, true, nil)))
	j = reopened(t, j)
	page, err := j.PageSubscription(nil, crashTopic, info.Key(), 0, 10, 1<<20)
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.True(t, page[0].Redelivered)
	require.NoError(t, j.Close())
}

// sameExposures checks what indexes say of what was exposed: the one that has
// seen more knows at least the records that a replay finds, and what counts
// has the same effect.
func sameExposures(t require.TestingT, fresh, other *Journal) {
	for name, a := range fresh.index.exposures {
		b := other.index.exposures[name]
		require.NotNil(t, b, "%s", name)
		require.Subset(t, b.records, a.records, "%s", name)
	}
	require.Equal(t, flagging(fresh.index), flagging(other.index))
}

// flagging counts the messages that a recovery would flag, by destination.
func flagging(x *index) map[message.Destination]int {
	counts := map[message.Destination]int{}
	for name, d := range x.destinations {
		d.order.after(&x.slab, 0, func(h handle) bool {
			if store.Segment(x.slab.get(h).file) <= x.exposed(name) {
				counts[name]++
			}
			return true
		})
	}
	return counts
}

// exposures drives a journal, and knows what it has to say.
type exposures struct {
	r          *rapid.T
	disk       *vfs.Memory
	j          *Journal
	follower   *Follower
	sequence   int64
	subscribed bool
	exposed    map[message.Destination]store.Segment
	stored     map[message.Destination][]store.Op
}

var exposable = []message.Destination{crashQueues[0], crashQueues[1], crashTopic}

const exposedKey = "x:s"

func (e *exposures) write(op store.Op) store.Op {
	u := store.Single(op, true, nil)
	require.NoError(e.r, await(e.j, u))
	return u.Ops[0]
}

// segment draws what a broker would expose, or what one has long ago.
func (e *exposures) segment() store.Segment {
	current := store.Segment(e.j.writer.current.number)
	older := store.Segment(rapid.SampledFrom(e.j.segments.numbers()).Draw(e.r, "older"))
	return rapid.SampledFrom([]store.Segment{current, current, current + 1, older}).Draw(e.r, "segment")
}

func (e *exposures) step() {
	d := rapid.SampledFrom(exposable).Draw(e.r, "destination")
	switch rapid.IntRange(0, 24).Draw(e.r, "step") {
	case 0, 1, 2:
		segment := e.segment()
		e.write(store.Op{Action: store.Expose, Destination: d, Segment: segment})
		e.exposed[d] = max(e.exposed[d], segment)
	case 3:
		e.write(store.Op{Action: store.Expose, Destination: d})
		e.exposed[d] = 0
	case 4:
		e.write(store.Op{Action: store.RemoveDestination, Destination: d})
		e.subscribed = e.subscribed && d != crashTopic
		e.exposed[d], e.stored[d] = 0, nil
	case 5:
		if e.subscribed = !e.subscribed; e.subscribed {
			e.write(store.Op{Action: store.AddSubscription, Destination: crashTopic,
				Info: &message.SubscriptionInfo{ClientID: "x", Name: "s", Destination: crashTopic}})
		} else {
			e.write(store.Op{Action: store.RemoveSubscription, Destination: crashTopic, Subscription: exposedKey})
			e.stored[crashTopic] = nil
		}
	case 6, 7, 8, 9:
		e.sequence++
		m := kilobyte(d, 1, e.sequence)
		m.Content = make([]byte, rapid.IntRange(0, 4000).Draw(e.r, "size"))
		if op := e.write(store.Op{Action: store.Add, Destination: d, Message: m}); d != crashTopic || e.subscribed {
			e.stored[d] = append(e.stored[d], op)
		}
	case 10, 11, 12, 13:
		e.take(d)
	case 14:
		require.NoError(e.r, e.j.Collect())
	case 15, 16:
		squeezeAny(e.r, e.j)
	case 17:
		require.NoError(e.r, e.j.Snapshot(e.r.Context()))
	case 18:
		require.NoError(e.r, e.j.Close())
		e.j = mustOpen(e.r, smallFiles(e.disk))
	case 19:
		if rapid.IntRange(0, 3).Draw(e.r, "check") == 0 {
			e.check()
		}
	default:
		e.turn()
	}
	if rapid.Bool().Draw(e.r, "follow") {
		step(e.r, e.follower)
	}
}

// turn has another file begun, with a message that is taken at once.
func (e *exposures) turn() {
	e.sequence++
	m := kilobyte(testQueue, 1, e.sequence)
	m.Content = make([]byte, e.j.o.MaxFileLength-2000)
	e.write(taking(e.write(store.Op{Action: store.Add, Destination: testQueue, Message: m})))
}

// take consumes a message, or all of a destination but one.
func (e *exposures) take(d message.Destination) {
	if len(e.stored[d]) == 0 {
		return
	}
	i := rapid.IntRange(0, len(e.stored[d])-1).Draw(e.r, "taken")
	taken, left := e.stored[d][i:i+1], slices.Concat(e.stored[d][:i], e.stored[d][i+1:])
	if rapid.IntRange(0, 2).Draw(e.r, "all but that") == 0 {
		taken, left = left, taken
	}
	e.stored[d] = slices.Clone(left)
	for _, op := range slices.Clone(taken) {
		op := store.Op{Action: store.Remove, Destination: d, ID: op.Message.ID, Seq: 0}
		if d == crashTopic {
			op.Action, op.Subscription = store.Acknowledge, exposedKey
		}
		e.write(op)
	}
}

// wanted lists what is stored, and what of it a recovery has to flag.
func (e *exposures) wanted() string {
	var b strings.Builder
	for _, d := range exposable {
		for _, op := range e.stored[d] {
			fmt.Fprintln(&b, d, op.Message.ID.ProducerSequence, op.Segment <= e.exposed[d])
		}
	}
	return b.String()
}

func (e *exposures) found(j *Journal) string {
	var b strings.Builder
	for _, d := range exposable {
		page, err := j.Page(nil, d, 0, 10_000, 1<<40)
		require.NoError(e.r, err)
		for _, entry := range page {
			fmt.Fprintln(&b, d, entry.Message.ID.ProducerSequence, entry.Redelivered)
		}
	}
	return b.String()
}

// check recovers the directory as it is, in each of the ways there are, before
// and after a collection.
func (e *exposures) check() {
	fresh := mustOpen(e.r, smallFiles(withoutSnapshot(e.r, e.disk)))
	sameExposures(e.r, fresh, e.j)
	e.recovered(fresh, mustOpen(e.r, smallFiles(e.disk.Snapshot())), "snapshot")
	o := smallFiles(e.disk.Snapshot())
	o.Follower = e.follower
	e.recovered(fresh, mustOpen(e.r, o), "following")
	e.recovered(fresh, fresh, "files")
	e.follower = follow(e.r, e.disk)
}

func (e *exposures) recovered(fresh, j *Journal, from string) {
	require.Equal(e.r, e.wanted(), e.found(j), from)
	sameExposures(e.r, fresh, j)
	require.NoError(e.r, j.Collect())
	require.NoError(e.r, j.Close())
	j = mustOpen(e.r, j.o)
	require.Equal(e.r, e.wanted(), e.found(j), "after %s", from)
	require.NoError(e.r, j.Close())
}

// TestExposedEqualsReplayed: whatever is exposed and ended, and whichever files
// are rewritten and deleted when, a recovery flags what it has to and nothing
// else.
func TestExposedEqualsReplayed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		disk := vfs.NewMemory()
		e := &exposures{r: r, disk: disk, j: mustOpen(r, smallFiles(disk)), follower: follow(r, disk),
			exposed: map[message.Destination]store.Segment{}, stored: map[message.Destination][]store.Op{}}
		for range rapid.IntRange(1, 100).Draw(r, "steps") {
			e.step()
		}
		e.check()
		require.NoError(r, e.j.Close())
	})
}
