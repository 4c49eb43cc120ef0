package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/journal/vfs"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

var (
	orders   = message.NewQueue("orders")
	jobQueue = message.NewQueue("ActiveMQ.Scheduler.Jobs")
)

// lease is always valid.
type lease struct{ epoch uint64 }

func (l lease) Epoch() uint64       { return l.epoch }
func (lease) Valid() bool           { return true }
func (lease) Lost() <-chan struct{} { return nil }

// silent is a Peer to whom nothing is delivered.
type silent struct{}

func (silent) Deliver(message.Delivery)                                {}
func (silent) ProducerAck(message.ProducerID, int32)                   {}
func (silent) Prefetch(message.ConsumerID, message.Destination, int32) {}
func (silent) Fail(error)                                              {}
func (silent) CloseConsumer(message.ConsumerID)                        {}

// node is a broker on a journal with one producer.
type node struct {
	t        *testing.T
	journal  *journal.Journal
	broker   *broker.Broker
	conn     *broker.Connection
	producer message.ProducerID
	sent     int64
}

func open(t *testing.T, o journal.Options, epoch uint64, fires bool) *node {
	t.Helper()
	o.Lease, o.Log = lease{epoch}, slog.New(slog.DiscardHandler)
	j, err := journal.Open(o)
	require.NoError(t, err)
	id := fmt.Sprintf("ID:node-%d", epoch)
	b, err := broker.New(broker.Options{
		Name: "a", ID: message.BrokerID(id), Store: j, Log: o.Log,
		SchedulerOptions: broker.SchedulerOptions{SchedulerSupport: fires},
	})
	require.NoError(t, err)
	n := &node{t: t, journal: j, broker: b}
	n.conn, err = b.Connect(&message.ConnectionInfo{ID: message.ConnectionID(id + "-c"), ClientID: id + "-c"}, silent{})
	require.NoError(t, err)
	session := message.SessionID{Connection: message.ConnectionID(id + "-c"), Value: 1}
	require.NoError(t, n.conn.AddSession(&message.SessionInfo{ID: session}))
	n.producer = message.ProducerID{Connection: session.Connection, Session: 1, Value: 1}
	require.NoError(t, n.conn.AddProducer(&message.ProducerInfo{ID: n.producer}))
	return n
}

func (n *node) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(n.t, n.broker.Close(ctx))
	require.NoError(n.t, n.journal.Close())
}

// send passes a message on; done is called when it is safe.
func (n *node) send(content string, body []byte, done func(error), properties ...message.Property) {
	encoded, err := message.AppendProperties(nil, properties)
	require.NoError(n.t, err)
	n.sent++
	n.conn.Send(context.Background(), &message.Message{
		Body: message.Text, Persistent: true, Priority: 4, Destination: orders, Producer: n.producer,
		ID:            message.MessageID{Producer: n.producer, ProducerSequence: n.sent},
		CorrelationID: content, Content: body, Properties: encoded,
	}, true, done)
}

// times is how often a job comes that repeats.
const times = 5

// found is what became of one job.
type found struct{ delivered, left int }

// found reads what a journal holds: how often each job has been delivered,
// and how often it is still to come.
func (n *node) found() map[string]found {
	all := map[string]found{}
	page := func(dest message.Destination, each func(found, *message.Message) found) {
		entries, err := n.journal.Page(nil, dest, 0, 1<<20, 1<<40)
		require.NoError(n.t, err)
		for _, e := range entries {
			all[e.Message.CorrelationID] = each(all[e.Message.CorrelationID], e.Message)
		}
	}
	page(orders, func(f found, _ *message.Message) found { f.delivered++; return f })
	page(jobQueue, func(f found, m *message.Message) found {
		repeat, _, err := m.Property("AMQ_SCHEDULED_REPEAT")
		require.NoError(n.t, err)
		if v, ok, err := m.Property("ConclaveJob"); ok {
			require.NoError(n.t, err)
			if left, ok := v.(message.Properties).Get("repeat"); ok {
				repeat = left
			}
		}
		if repeat != nil {
			f.left += int(repeat.(int32))
		}
		f.left++
		return f
	})
	return all
}

// Whenever the power fails, each job is where it was or where it goes, and
// never in both or in none: what is delivered and what is left add up, and go
// on adding up when the next master has delivered it all.
func TestPowerFails(t *testing.T) {
	const jobs, cuts = 300, 8
	disk := vfs.NewMemory()
	o := journal.Options{
		Directory: "/journal", MaxFileLength: 64 << 10, FS: disk,
		CleanupInterval: 20 * time.Millisecond, SnapshotEvery: 64 << 10, // all that the journal does meanwhile
	}
	n := open(t, o, 1, true)
	confirmed := make(chan string, jobs)
	for i := range jobs {
		name := fmt.Sprintf("once %d", i)
		list := []message.Property{{Name: "AMQ_SCHEDULED_DELAY", Value: int64(1 + i%200)}}
		if i%4 == 0 {
			name = fmt.Sprintf("repeats %d", i)
			list = append(list, message.Property{Name: "AMQ_SCHEDULED_PERIOD", Value: int64(20)},
				message.Property{Name: "AMQ_SCHEDULED_REPEAT", Value: int32(times - 1)})
		}
		n.send(name, nil, func(err error) {
			require.NoError(t, err)
			confirmed <- name
		}, list...)
	}
	var names []string
	for range jobs {
		names = append(names, <-confirmed)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var disks []*vfs.Memory
	require.Eventually(t, func() bool {
		if len(disks) < cuts {
			disks = append(disks, disk.Crash(random))
		}
		left, _ := n.broker.Jobs()
		return left == 0
	}, 30*time.Second, 25*time.Millisecond)
	n.close()
	underWay := 0
	for i, d := range append(disks, disk.Crash(nil)) {
		o.FS = d
		still := open(t, o, uint64(2*i)+2, false)
		underWay += still.adds(names)
		still.close()
		again := open(t, o, uint64(2*i)+3, true)
		require.Eventually(t, func() bool {
			left, _ := again.broker.Jobs()
			return left == 0
		}, 30*time.Second, time.Millisecond)
		require.Zero(t, again.adds(names))
		again.close()
	}
	require.Positive(t, underWay, "no cut came in the middle")
}

// adds checks that all times of each job are delivered or to come, and returns
// how many are to come.
func (n *node) adds(names []string) (left int) {
	n.t.Helper()
	n.settle()
	all := n.found()
	for _, name := range names {
		want := 1
		if name[0] == 'r' {
			want = times
		}
		require.Equal(n.t, want, all[name].delivered+all[name].left, name)
		left += all[name].left
	}
	require.Len(n.t, all, len(names))
	return left
}

// settle waits until what has been appended is carried out.
func (n *node) settle() {
	done := make(chan struct{})
	n.journal.Append(&store.Unit{Done: func(error) { close(done) }})
	<-done
}

// What came due while no master was up is delivered once each, though master
// after master dies in the middle of that; other work goes on meanwhile.
func TestDueWhileNobodyServes(t *testing.T) {
	const jobs, masters = 6000, 4
	disk := vfs.NewMemory()
	o := journal.Options{Directory: "/journal", MaxFileLength: 1 << 20, FS: disk, CleanupInterval: 20 * time.Millisecond, SnapshotEvery: 256 << 10}
	n := open(t, o, 1, true)
	due := time.Now().Add(1500 * time.Millisecond)
	var names []string
	confirmed := make(chan struct{}, jobs)
	for i := range jobs {
		names = append(names, fmt.Sprintf("once %d", i))
		n.send(names[i], nil, func(err error) {
			require.NoError(t, err)
			confirmed <- struct{}{}
		}, message.Property{Name: "AMQ_SCHEDULED_DELAY", Value: time.Until(due).Milliseconds()})
	}
	for range jobs {
		<-confirmed
	}
	require.True(t, time.Now().Before(due), "they are due before they are all sent")
	n.close()
	require.Eventually(t, func() bool { return time.Now().After(due) }, time.Minute, time.Millisecond)
	random := rand.New(rand.NewPCG(3, 4))
	underWay := 0
	for i := range masters {
		n = open(t, o, uint64(i)+2, true)
		goal := int64(jobs * (masters - i) / (masters + 1))
		require.Eventually(t, func() bool {
			left, _ := n.broker.Jobs()
			return left <= goal
		}, 30*time.Second, 100*time.Microsecond)
		disk = disk.Crash(random)
		n.close() // of the other disk
		o.FS = disk
	}
	n = open(t, o, masters+2, false)
	underWay += n.adds(names)
	n.close()
	n = open(t, o, masters+3, true)
	defer n.close()
	require.Eventually(t, func() bool {
		left, _ := n.broker.Jobs()
		return left == 0
	}, 30*time.Second, time.Millisecond)
	require.Zero(t, n.adds(names))
	t.Logf("%d were left for the last", underWay)
}
