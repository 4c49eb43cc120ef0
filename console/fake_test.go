package console

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode is a node whose role a test decides.
type fakeNode struct {
	status Status
	broker *fakeBroker // nil: it is no master
}

func (n *fakeNode) Status() Status { return n.status }

func (n *fakeNode) Broker() Broker {
	if n.broker == nil {
		return nil
	}
	return n.broker
}

// fakeBroker says what a test has put into it.
type fakeBroker struct {
	summary      Summary
	destinations []Destination
	connectors   []Connector
	network      []NetworkConnector
	bridges      []Bridge
	jobs         []Job

	looks atomic.Int64 // at the destinations
	done  []string
	fails error
}

func (b *fakeBroker) Summary() Summary { return b.summary }
func (b *fakeBroker) Destinations() []Destination {
	b.looks.Add(1)
	return b.destinations
}
func (b *fakeBroker) Connectors() []Connector               { return b.connectors }
func (b *fakeBroker) NetworkConnectors() []NetworkConnector { return b.network }
func (b *fakeBroker) Bridges() []Bridge                     { return b.bridges }

func (b *fakeBroker) note(what, queue string, s Selection, to string) (int, error) {
	b.done = append(b.done, fmt.Sprintf("%s %s %+v %s", what, queue, s, to))
	if s.ID == "bad" {
		return 0, ErrMessageID
	}
	return 2, b.fails
}

func (b *fakeBroker) Purge(_ context.Context, queue string) error {
	_, err := b.note("purge", queue, Selection{}, "")
	return err
}
func (b *fakeBroker) Remove(_ context.Context, queue string, s Selection) (int, error) {
	return b.note("remove", queue, s, "")
}
func (b *fakeBroker) Move(_ context.Context, queue string, s Selection, to string) (int, error) {
	return b.note("move", queue, s, to)
}
func (b *fakeBroker) Copy(_ context.Context, queue string, s Selection, to string) (int, error) {
	return b.note("copy", queue, s, to)
}
func (b *fakeBroker) Retry(_ context.Context, queue string, s Selection) (int, error) {
	return b.note("retry", queue, s, "")
}

func (b *fakeBroker) ScheduledJobs(_ context.Context, from, to time.Time, most int) (list []Job, _ error) {
	for _, j := range b.jobs {
		if !j.Next.Before(from) && !j.Next.After(to) && len(list) < most {
			list = append(list, j)
		}
	}
	return list, b.fails
}
func (b *fakeBroker) RemoveJobs(_ context.Context, from, to time.Time) error {
	b.done = append(b.done, fmt.Sprintf("remove jobs %d %d", from.UnixMilli(), to.UnixMilli()))
	return b.fails
}
func (b *fakeBroker) RemoveJob(_ context.Context, id string) error {
	b.done = append(b.done, "remove job "+id)
	return b.fails
}

var errTest = errors.New("it does not work")

func master() *fakeNode {
	now := time.Now()
	return &fakeNode{
		status: Status{BrokerName: "near", Host: "h", PID: 7, Version: "1", Role: "master", Since: now, Began: now, Serving: true, Epoch: 3,
			Holder: &Holder{Held: true, BrokerName: "near", PID: 7, HeldSeconds: 1}, Lease: &Lease{Valid: true}, Start: &Takeover{All: 0.5}},
		broker: &fakeBroker{
			summary: Summary{ID: "ID:1", Name: "near", Began: now, MemoryUsed: 5, MemoryLimit: 10, TotalConnections: 4, Gone: Destination{Enqueued: 100}},
			destinations: []Destination{
				{Kind: Queue, Name: "a", Size: 3, Enqueued: 5, Dequeued: 2, MemoryUsed: 1, MemoryLimit: 4, BlockedSends: 2, BlockedFor: 5 * time.Millisecond},
				{Kind: Queue, Name: `q:"x"` + "\n\xff", Size: 1},
				{Kind: Topic, Name: "a", Enqueued: 7},
				{Kind: TempQueue, Name: "ID:h-1:1"},
			},
			connectors: []Connector{{Name: "openwire", URI: "tcp://h:1", Connections: 2, Accepted: 4, LinkStealing: true}},
			network:    []NetworkConnector{{Name: "to", URI: "static:(tcp://far:1,tcp://away:1)", Duplex: true, MessageTTL: 2}},
			bridges: []Bridge{
				{Connector: "to", URI: "tcp://far:1", State: "bridged", Bridged: true, Since: now, RemoteBroker: "far", RemoteBrokerID: "ID:2", RemoteAddress: "tcp://1.2.3.4:1", Enqueued: 9, Dequeued: 8, Made: 2},
				{Connector: "to", URI: "tcp://away:1", State: "waiting", Since: now, Tries: 3, LastError: "connection refused", LastErrorAt: time.Unix(1000, 0)},
				{Connector: "back", State: "bridged", Bridged: true, CreatedByDuplex: true, RemoteBroker: "third", RemoteAddress: "tcp://5.6.7.8:9", Received: 6},
			},
		},
	}
}

func slave() *fakeNode {
	return &fakeNode{status: Status{BrokerName: "near", Role: "slave", Waiting: true, Began: time.Now(),
		Holder: &Holder{Held: true, BrokerName: "other", Host: "g", PID: 8, Epoch: 4, HeldSeconds: 60}, Following: &Following{CaughtUp: true, BehindSeconds: 0.25}}}
}
