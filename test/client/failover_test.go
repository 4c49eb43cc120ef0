//go:build interop

package client

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/ledger"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// TestStreams kills a broker under load and starts it again; nothing that was
// acknowledged is missing.
func TestStreams(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b *harness.Broker) {
		alone := []*stream{
			{name: "auto", mode: client.AutoAcknowledge, sending: client.AutoAcknowledge, url: group("jms.useCompression=true", a)},
			{name: "client", mode: client.ClientAcknowledge, sending: client.AutoAcknowledge, async: true, url: group("trackMessages=true", a)},
			{name: "transacted", mode: client.Transacted, sending: client.Transacted, url: group("trackTransactionProducers=true", a)},
			{name: "listener", mode: client.IndividualAcknowledge, sending: client.AutoAcknowledge, url: group("maxReconnectAttempts=1000", a)},
			{name: "optimized", mode: client.AutoAcknowledge, sending: client.AutoAcknowledge, url: group("jms.optimizeAcknowledge=true", a)},
		}
		both := []*stream{
			{name: "backup", mode: client.AutoAcknowledge, sending: client.AutoAcknowledge, url: group("backup=true&backupPoolSize=2", a, b)},
			{name: "priority", mode: client.ClientAcknowledge, sending: client.AutoAcknowledge, url: group("priorityBackup=true", a, b)},
			{name: "listed", mode: client.AutoAcknowledge, sending: client.Transacted, url: group("priorityBackup=true&backup=true&priorityURIs="+a.URL(), b, a)},
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sending, stop := context.WithCancel(ctx)
		all := slices.Concat(alone, both)
		for _, s := range all {
			s.t = t
			s.start(ctx, sending)
		}
		for _, s := range all {
			s.flows(20)
		}
		require.NoError(t, a.Kill())
		for _, s := range both {
			s.flows(20) // on b
		}
		require.NoError(t, a.StartServing(startLimit))
		for _, s := range all {
			s.flows(20)
		}
		stop()
		for _, s := range alone {
			s.settled(a)
		}
		cancel()
		for _, s := range all {
			s.closed.Wait()
		}
		for _, s := range both {
			s.settled(a, b)
		}
	})
}

// TestOptions is one outage of a broker, seen by connections with each option.
func TestOptions(t *testing.T) {
	onBoth(t, func(t *testing.T, a, b *harness.Broker) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*caseLimit)
		t.Cleanup(cancel)
		w := &bench{T: t, ctx: ctx, url: a.URL(), kind: a.Kind()}
		before := []func(*bench, *harness.Broker, *harness.Broker) (during, after func()){
			sendTimeout, attempts, document, order, openSends, openReceives, closedReceives, preparedBranch, unanswered, subscriptions, replies, unacknowledged, moved,
		}
		var during, after []func()
		for _, one := range before {
			d, r := one(w, a, b)
			during, after = append(during, d), append(after, r)
		}
		require.NoError(t, a.Kill())
		for _, run := range during {
			run()
		}
		require.NoError(t, a.StartServing(startLimit))
		for _, run := range after {
			run()
		}
	})
}

func nothing() {}

// watched notes where a connection is.
type watched struct {
	mu      sync.Mutex
	resumed []string
	ended   error
}

func (w *watched) options() client.Options {
	return client.Options{Transport: client.TransportListener{
		Resumed: func(broker string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.resumed = append(w.resumed, broker)
		},
		Exception: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ended = err
		},
	}}
}

func (w *watched) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.resumed)
}

// awaits waits until the connection has been at these brokers.
func (w *watched) awaits(b *bench, brokers ...*harness.Broker) {
	b.Helper()
	var want []string
	for _, broker := range brokers {
		want = append(want, broker.URL())
	}
	require.Eventually(b, func() bool { return slices.Equal(want, w.list()) }, caseLimit, 5*time.Millisecond, "want %v", want)
}

func sendTimeout(b *bench, a, _ *harness.Broker) (during, after func()) {
	var at watched
	conn := b.dial(group("timeout=300", a), at.options())
	out := b.producer(b.session(conn, client.AutoAcknowledge), message.NewQueue("TIMEOUT"), client.ProducerOptions{})
	return func() {
			require.ErrorIs(b, out.Send(b.ctx, client.NewText("no")), client.ErrSendTimeout)
		}, func() {
			at.awaits(b, a, a) // a send waits 300 ms for that, which may take longer
			require.NoError(b, out.Send(b.ctx, client.NewText("yes")))
		}
}

func attempts(b *bench, a, _ *harness.Broker) (during, after func()) {
	var few, none watched
	limited := b.dial(group("maxReconnectAttempts=3&warnAfterReconnectAttempts=1", a), few.options())
	never := b.dial(group("maxReconnectAttempts=0", a), none.options())
	return func() {
		<-limited.Done()
		<-never.Done()
		require.ErrorIs(b, few.ended, client.ErrConnectionLost)
		require.ErrorIs(b, none.ended, client.ErrConnectionLost)
		_, err := client.Dial(b.ctx, group("startupMaxReconnectAttempts=2", a), client.Options{})
		require.ErrorIs(b, err, client.ErrConnectionLost)
	}, nothing
}

func document(b *bench, a, other *harness.Broker) (during, after func()) {
	file := filepath.Join(b.TempDir(), "brokers")
	require.NoError(b, os.WriteFile(file, nil, 0o600))
	var seen watched
	b.dial(group("updateURIsURL="+file+"&rebalanceUpdateURIs=false", a), seen.options())
	require.NoError(b, os.WriteFile(file, []byte(other.URL()), 0o600))
	return func() { seen.awaits(b, a, other) }, nothing
}

func order(b *bench, a, other *harness.Broker) (during, after func()) {
	var first, back, rated watched
	b.dial(group("", a, other), first.options())
	b.dial(group("priorityBackup=true", a, other), back.options())
	b.dial("masterslave:("+other.URL()+","+a.URL()+")?"+quick, rated.options())
	b.dial("static:("+a.URL()+")?"+quick, client.Options{})
	b.dial("discovery:(static:("+a.URL()+"))?discovered.wireFormat.tightEncodingEnabled=false&"+quick, client.Options{})
	return func() { first.awaits(b, a, other) }, func() {
		back.awaits(b, a, other, a)
		first.awaits(b, a, other) // has no reason to go back
		rated.awaits(b, other)
	}
}

func openSends(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("", a), client.Options{})
	s := b.session(conn, client.Transacted)
	d := message.NewQueue("OPEN.SENDS")
	out := b.producer(s, d, client.ProducerOptions{})
	require.NoError(b, out.Send(b.ctx, client.NewText("1")))
	require.NoError(b, out.Send(b.ctx, client.NewText("2")))
	require.NoError(b, out.Close(b.ctx))
	return nothing, func() {
		require.NoError(b, s.Commit(b.ctx), "repeated")
		in := b.consumer(b.session(conn, client.AutoAcknowledge), d, client.ConsumerOptions{})
		require.Equal(b, []string{"1", "2"}, b.texts(in, 2))
		b.empty(in)
	}
}

func openReceives(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("", a), client.Options{})
	d := message.NewQueue("OPEN.RECEIVES")
	b.send(conn, d, "1", "2")
	s := b.session(conn, client.Transacted)
	in := b.consumer(s, d, client.ConsumerOptions{RedeliveryDelay: -1})
	require.Equal(b, []string{"1", "2"}, b.texts(in, 2))
	return nothing, func() {
		require.ErrorIs(b, s.Commit(b.ctx), client.ErrRolledBack)
		require.Equal(b, []string{"1", "2"}, b.texts(in, 2))
		require.NoError(b, s.Commit(b.ctx))
		b.empty(in)
	}
}

// closedReceives: who closes instead of trying again leaves what it had flagged.
func closedReceives(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("", a), client.Options{})
	d := message.NewQueue("CLOSED.RECEIVES")
	b.send(conn, d, "1", "2", "3")
	s := b.session(conn, client.Transacted)
	in := b.consumer(s, d, client.ConsumerOptions{})
	require.Equal(b, []string{"1", "2"}, b.texts(in, 2))
	return nothing, func() {
		require.ErrorIs(b, s.Commit(b.ctx), client.ErrRolledBack)
		require.NoError(b, in.Close(b.ctx))
		next := b.consumer(b.session(conn, client.AutoAcknowledge), d, client.ConsumerOptions{})
		for _, want := range []string{"1", "2", "3"} {
			got, err := next.Receive(b.ctx)
			require.NoError(b, err)
			text, err := client.Text(got.Message)
			require.NoError(b, err)
			require.Equal(b, want, text)
			if want != "3" {
				require.Positive(b, got.RedeliveryCounter, "message %s", want)
			}
		}
		b.empty(next)
	}
}

func preparedBranch(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("", a), client.Options{})
	s, err := conn.XASession(b.ctx)
	require.NoError(b, err)
	d := message.NewQueue("PREPARED")
	out := b.producer(s.Session, d, client.ProducerOptions{})
	kept := message.XID{FormatID: 1, Global: "kept", Branch: "x"}
	lost := message.XID{FormatID: 1, Global: "lost", Branch: "x"}
	in := b.consumer(s.Session, message.NewQueue("PREPARED.IN"), client.ConsumerOptions{})
	b.send(conn, message.NewQueue("PREPARED.IN"), "in")
	require.NoError(b, s.Start(b.ctx, kept))
	require.NoError(b, out.Send(b.ctx, client.NewText("kept")))
	require.NoError(b, s.End(b.ctx))
	_, err = s.Prepare(b.ctx, kept)
	require.NoError(b, err)
	require.NoError(b, s.Start(b.ctx, lost))
	require.Equal(b, []string{"in"}, b.texts(in, 1))
	require.NoError(b, s.End(b.ctx))
	return nothing, func() {
		_, err := s.Prepare(b.ctx, lost)
		require.ErrorIs(b, err, client.ErrRolledBack, "it had consumed")
		require.NoError(b, s.Rollback(b.ctx, lost))
		list, err := s.Branches(b.ctx)
		require.NoError(b, err)
		require.Contains(b, list, kept)
		require.NotContains(b, list, lost)
		require.NoError(b, s.Commit(b.ctx, kept, false))
		plain := b.consumer(b.session(conn, client.AutoAcknowledge), d, client.ConsumerOptions{})
		require.Equal(b, []string{"kept"}, b.texts(plain, 1))
	}
}

// unanswered are messages that a dead broker had in memory alone.
func unanswered(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("trackMessages=true&maxCacheSize=1000000", a), client.Options{})
	s := b.session(conn, client.AutoAcknowledge)
	d := message.NewQueue("UNANSWERED")
	out := b.producer(s, d, client.ProducerOptions{NonPersistent: true})
	for _, text := range []string{"1", "2", "3"} {
		require.NoError(b, out.Send(b.ctx, client.NewText(text)))
	}
	return nothing, func() {
		in := b.consumer(s, d, client.ConsumerOptions{})
		require.Equal(b, []string{"1", "2", "3"}, b.texts(in, 3))
		b.empty(in)
	}
}

func subscriptions(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("jms.clientID=failing", a), client.Options{})
	s := b.session(conn, client.AutoAcknowledge)
	topic := message.NewTopic("SUBSCRIBED")
	durable := b.consumer(s, topic, client.ConsumerOptions{Subscription: "kept"})
	plain := b.consumer(s, topic, client.ConsumerOptions{})
	b.send(conn, topic, "before")
	require.Equal(b, []string{"before"}, b.texts(durable, 1))
	require.Equal(b, []string{"before"}, b.texts(plain, 1))
	return nothing, func() {
		b.send(conn, topic, "after")
		require.Equal(b, []string{"after"}, b.texts(durable, 1))
		require.Equal(b, []string{"after"}, b.texts(plain, 1))
	}
}

func replies(b *bench, a, _ *harness.Broker) (during, after func()) {
	asking, serving := b.dial(group("", a), client.Options{}), b.dial(group("", a), client.Options{})
	d := message.NewQueue("ASKED")
	r, err := asking.Requestor(b.ctx, d, client.ProducerOptions{})
	require.NoError(b, err)
	s := b.session(serving, client.AutoAcknowledge)
	in, out := b.consumer(s, d, client.ConsumerOptions{}), b.producer(s, message.Destination{}, client.ProducerOptions{})
	ask := func() {
		var serve sync.WaitGroup
		serve.Go(func() {
			got, err := in.Receive(b.ctx)
			if err == nil {
				err = out.Reply(b.ctx, got.Message, client.NewText("pong"))
			}
			if err != nil {
				b.Error(err)
			}
		})
		reply, err := r.Request(b.ctx, client.NewText("ping"))
		require.NoError(b, err)
		text, err := client.Text(reply)
		require.NoError(b, err)
		require.Equal(b, "pong", text)
		serve.Wait()
	}
	ask()
	return nothing, func() {
		ask() // the temporary queue is there again
		require.NoError(b, r.Close(b.ctx))
	}
}

func unacknowledged(b *bench, a, _ *harness.Broker) (during, after func()) {
	conn := b.dial(group("", a), client.Options{})
	d := message.NewQueue("UNACKNOWLEDGED")
	b.send(conn, d, "1", "2", "3")
	s := b.session(conn, client.ClientAcknowledge)
	in := b.consumer(s, d, client.ConsumerOptions{})
	require.Equal(b, []string{"1", "2"}, b.texts(in, 2))
	look, err := b.session(conn, client.AutoAcknowledge).Browse(b.ctx, d, "")
	require.NoError(b, err)
	return nothing, func() {
		require.NoError(b, s.Acknowledge(b.ctx), "nothing of the dead broker's")
		require.Equal(b, []string{"1", "2", "3"}, b.texts(in, 3))
		require.NoError(b, s.Acknowledge(b.ctx))
		for _, err := range look.Messages(b.ctx) {
			require.NoError(b, err)
		}
	}
}

// moved is a connection that a broker is asked to hand over: what was
// acknowledged before is not received again there.
func moved(b *bench, a, other *harness.Broker) (during, after func()) {
	var seen watched
	conn := b.dial(group("reconnectSupported=true&priorityBackup=true", a, other), seen.options())
	book := ledger.New()
	out := b.producer(b.session(conn, client.AutoAcknowledge), message.NewQueue("MOVED"), client.ProducerOptions{})
	send := func() {
		for range 20 {
			n, body := book.Next("moved", 100)
			require.NoError(b, out.Send(b.ctx, client.NewText(body)))
			book.Acknowledged("moved", n)
		}
	}
	send()
	return send, func() {
		seen.awaits(b, a, other, a)
		send()
		s := &stream{t: b.T, book: book, queue: message.NewQueue("MOVED")}
		s.drain(b.ctx, a)
		s.drain(b.ctx, other)
		require.NoError(b, book.Check())
		require.Equal(b, int64(60), s.got.Load())
	}
}
