//go:build postgres

package postgres

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// ActiveMQ's JDBC store and Conclave take turns on one schema.

// jvm keeps ActiveMQ's virtual machine small and its start short.
var jvm = []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

// mixedNode configures an owner of a schema.
func mixedNode(t *testing.T, kind harness.Kind, name, url string) *harness.Broker {
	t.Helper()
	return newNode(t, harness.Options{Kind: kind, Name: name, JDBC: &harness.JDBC{URL: url}, JVM: jvm,
		LockAcquireSleepInterval: 100 * time.Millisecond})
}

// waiting is what each kind logs once when it begins to wait for the lock;
// ActiveMQ's database locker says nothing of slaves.
func waiting(t *testing.T, n *harness.Broker) {
	t.Helper()
	require.NoError(t, n.WaitLog(patience, "Attempting to acquire the exclusive lock"))
	if n.Kind() == harness.Conclave {
		require.NoError(t, n.WaitSlave(patience))
	}
	require.False(t, n.Serving(), "a slave serves clients")
}

// schema is handed from owner to owner; Directory.java keeps the account of
// what has to be in it.
type schema struct {
	t     *testing.T
	url   string
	state string
	turns int
}

func newSchema(t *testing.T) *schema {
	return &schema{t: t, url: shared.URL(newDatabase(t, shared, "")), state: filepath.Join(t.TempDir(), "state")}
}

// turn has a new owner for a round of everything that a client may do, with a
// transaction left open, and ends it.
func (s *schema) turn(kind harness.Kind, end func(*harness.Broker) error) {
	t := s.t
	t.Helper()
	s.turns++
	b := mixedNode(t, kind, fmt.Sprintf("turn%d", s.turns), s.url)
	require.NoError(t, b.StartServing(patience))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	program, err := lab.Java.Start(ctx, "Directory", "do=round", "holes=false", "url="+b.URL(), "state="+s.state,
		fmt.Sprintf("seed=%d", lab.Seed>>1))
	require.NoError(t, err)
	for line := range program.Lines {
		t.Logf("turn %d, %s: %s", s.turns, kind, line)
		if strings.HasPrefix(line, "READY") {
			require.NoError(t, end(b))
			require.NoError(t, program.Tell(""))
		}
	}
	require.NoError(t, program.Wait(), "turn %d of %s", s.turns, kind)
}

// drain takes all that is left and expects no more.
func (s *schema) drain(kind harness.Kind) {
	t := s.t
	t.Helper()
	b := mixedNode(t, kind, "drain", s.url)
	require.NoError(t, b.StartServing(patience))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	lines, err := lab.Java.Run(ctx, "Directory", "do=drain", "holes=false", "url="+b.URL(), "state="+s.state, "seed=0")
	require.NoError(t, err, "drained by %s: %v", kind, lines)
	require.NoError(t, b.Stop(patience))
}

func kill(b *harness.Broker) error { return b.Kill() }
func stop(b *harness.Broker) error { return b.Stop(patience) }

// TestMixedTurns hands a schema that ActiveMQ made to and fro, by kill -9.
func TestMixedTurns(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	s.turn(harness.ActiveMQ, kill)
	s.turn(harness.Conclave, kill)
	s.drain(harness.ActiveMQ)
}

// TestMixedTurnsOfOurs does the same with a schema of Conclave's and clean stops.
func TestMixedTurnsOfOurs(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	s.turn(harness.Conclave, stop)
	s.turn(harness.ActiveMQ, stop)
	s.drain(harness.Conclave)
}

// TestMixedPair has clients with failover: live through a pair whose masters
// are killed and stopped in turn. Each keeps the other waiting.
func TestMixedPair(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	master, slave := mixedNode(t, harness.ActiveMQ, "a", url), mixedNode(t, harness.Conclave, "b", url)
	require.NoError(t, master.StartServing(patience))
	require.NoError(t, slave.Start())
	waiting(t, slave)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	program, err := lab.Java.Start(ctx, "Ledger", "url="+harness.Failover(master, slave), "run="+t.Name(), "until=told",
		"messages=40000", "rate=300", "mode=auto", "pairs=false", "times="+filepath.Join(t.TempDir(), "times"))
	require.NoError(t, err)
	ours := map[string]bool{slave.URL(): true}
	account, seen, ended := harness.Line{}, make(chan struct{}, 1<<10), make(chan struct{})
	var unflagged int64 // duplicates that Conclave delivered without JMSRedelivered
	go func() {
		defer close(ended)
		for text := range program.Lines {
			switch line := harness.ParseLine(text); line.Word {
			case "PROGRESS":
				select {
				case seen <- struct{}{}:
				default:
				}
			case "LEDGER":
				account = line
				t.Log(text)
			case "UNFLAGGED":
				if ours[line.Values["by"]] {
					unflagged += line.Int("n")
				}
				t.Log(text)
			case "READY", "SENT":
			default:
				t.Log(text)
			}
		}
	}()
	goesOn := func() {
		for len(seen) > 0 {
			<-seen
		}
		for range 2 { // hundreds of acknowledged messages
			select {
			case <-seen:
			case <-time.After(patience):
				require.FailNow(t, "the clients send nothing any more")
			}
		}
	}
	for _, end := range []func(*harness.Broker) error{kill, kill, stop, stop} {
		goesOn()
		at := time.Now()
		require.NoError(t, end(master))
		require.NoError(t, slave.WaitServing(patience))
		t.Logf("%s ended, %s serves after %v", master.Kind(), slave.Kind(), time.Since(at).Round(time.Millisecond))
		require.NoError(t, master.Start())
		waiting(t, master)
		master, slave = slave, master
	}
	goesOn()
	require.NoError(t, program.Tell("stop"))
	<-ended
	require.NoError(t, program.Wait())
	require.Positive(t, account.Int("attempted"))
	for _, promise := range []string{"unacked", "lost", "alien", "disorder", "again"} {
		require.Zero(t, account.Int(promise), promise)
	}
	require.Zero(t, unflagged, "duplicates that Conclave delivered without JMSRedelivered")
	require.True(t, master.Running(), "the master is gone")
}

// TestMixedBranch has each end what the other's client has prepared.
func TestMixedBranch(t *testing.T) {
	t.Parallel()
	url := shared.URL(newDatabase(t, shared, ""))
	nodes := []*harness.Broker{mixedNode(t, harness.ActiveMQ, "a", url), mixedNode(t, harness.Conclave, "b", url)}
	run := func(n *harness.Broker, number int, what string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		lines, err := lab.Java.Run(ctx, "Branch", "url="+n.URL(), fmt.Sprintf("number=%d", number), "do="+what)
		require.NoError(t, err, "%s by %s: %v", what, n.Kind(), lines)
	}
	require.NoError(t, nodes[0].StartServing(patience))
	for number, what := range []string{"commit", "rollback", "rollback", "commit"} {
		first, second := nodes[number%2], nodes[1-number%2]
		run(first, number, "prepare")
		require.NoError(t, first.Kill())
		require.NoError(t, second.StartServing(patience))
		run(second, number, what)
	}
}

// TestMixedPriorities has prioritized destinations on a schema of ours, where
// ActiveMQ can use them too, and on one that ActiveMQ made: its first start
// leaves a key that admits one row of a subscription, where ten are to be. That
// fails for ActiveMQ itself, and is good enough for us.
func TestMixedPriorities(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]harness.Kind{
		"ours":   {harness.Conclave, harness.ActiveMQ, harness.Conclave, harness.ActiveMQ},
		"theirs": {harness.ActiveMQ, harness.Conclave, harness.Conclave, harness.Conclave},
	} {
		t.Run(name, func(t *testing.T) {
			url := shared.URL(newDatabase(t, shared, ""))
			p := priorities{t: t}
			for turn, kind := range kinds {
				n := newNode(t, harness.Options{Kind: kind, Name: fmt.Sprintf("turn%d", turn), JDBC: &harness.JDBC{URL: url}, JVM: jvm,
					LockAcquireSleepInterval: 100 * time.Millisecond,
					Broker:                   `destinationPolicy: {policyMap: {policyEntries: [{queue: ">", prioritizedMessages: true}, {topic: ">", prioritizedMessages: true}]}}`,
					XML: `<destinationPolicy><policyMap><policyEntries><policyEntry queue=">" prioritizedMessages="true"/>` +
						`<policyEntry topic=">" prioritizedMessages="true"/></policyEntries></policyMap></destinationPolicy>`})
				require.NoError(t, n.StartServing(patience))
				if turn > 0 || kind == harness.Conclave {
					p.round(n.URL())
				}
				require.NoError(t, []func(*harness.Broker) error{kill, stop}[turn/2](n))
			}
		})
	}
}

// priorities is what a queue and a durable subscription should hold, by
// priority and then in order.
type priorities struct {
	t      *testing.T
	number int
	want   []string // texts, highest priority first
}

// round takes some, adds some and looks whether what comes is the right.
func (p *priorities) round(url string) {
	t := p.t
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := client.Dial(ctx, url, client.Options{ClientID: "priorities"})
	require.NoError(t, err)
	s, err := conn.Session(ctx, client.IndividualAcknowledge)
	require.NoError(t, err)
	queue, topic := message.NewQueue("PRIORITIES"), message.NewTopic("PRIORITIES")
	sub, err := s.Consumer(ctx, topic, client.ConsumerOptions{Subscription: "numbers"})
	require.NoError(t, err)
	p.take(ctx, sub, 7)
	require.NoError(t, sub.Close(ctx))
	consumer, err := s.Consumer(ctx, queue, client.ConsumerOptions{})
	require.NoError(t, err)
	p.take(ctx, consumer, 7)
	require.NoError(t, consumer.Close(ctx))
	p.want = p.want[min(7, len(p.want)):]

	producer, err := s.Producer(ctx, message.Destination{}, client.ProducerOptions{KeepHeaders: true})
	require.NoError(t, err)
	for range 20 {
		p.number++
		priority := uint8(p.number * 7 % 10)
		text := fmt.Sprintf("%d %05d", 9-priority, p.number)
		for _, dest := range []message.Destination{queue, topic} {
			m := &message.Message{Body: message.Bytes, Persistent: true, Priority: priority, Destination: dest, Content: []byte(text)}
			require.NoError(t, producer.Send(ctx, m))
		}
		p.want = append(p.want, text)
	}
	slices.Sort(p.want)
	require.NoError(t, conn.Close(ctx))
}

// take receives what should come next, and acknowledges it.
func (p *priorities) take(ctx context.Context, c *client.Consumer, n int) {
	for _, want := range p.want[:min(n, len(p.want))] {
		d, err := c.Receive(ctx)
		require.NoError(p.t, err, "%s is to come", want)
		require.Equal(p.t, want, string(d.Message.Content))
		require.NoError(p.t, c.Acknowledge(ctx, d))
	}
}
