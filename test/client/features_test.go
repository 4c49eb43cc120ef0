//go:build interop

package client

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// TestFeatures is what applications do, each with a connection of its own.
func TestFeatures(t *testing.T) {
	cases := map[string]func(*bench){
		"bodies": bodies, "modes": modes, "selectors": selectors, "destination-options": destinationOptions,
		"durable": durable, "browse": browse, "requests": requests, "transactions": transactions, "dead-letter": deadLetter,
		"xa": xa, "windows": windows, "deliveries": deliveries, "pull": pull, "listen": listen, "temporary": temporary,
		"priority-order": priorityOrder, "batches": batches, "credentials": credentials, "tls": secured, "errors": refusals,
	}
	onBoth(t, func(t *testing.T, a, _ *harness.Broker) {
		for name, run := range cases {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
				t.Cleanup(cancel)
				run(&bench{T: t, ctx: ctx, url: a.URL(), kind: a.Kind()})
			})
		}
	})
}

func bodies(b *bench) {
	entries := message.Properties{{Name: "n", Value: int32(7)}, {Name: "long", Value: strings.Repeat("ü", 20000)}, {Name: "b", Value: []byte{1, 2}}}
	for _, compressed := range []bool{false, true} {
		conn := b.dial(b.url, client.Options{Compression: compressed})
		s := b.session(conn, client.AutoAcknowledge)
		out, in := b.producer(s, b.queue(), client.ProducerOptions{}), b.consumer(s, b.queue(), client.ConsumerOptions{})
		asMap, err := client.NewMap(entries)
		require.NoError(b, err)
		stream, err := client.NewStream(true, int8(1), message.Char('x'), int64(-5), 2.5, "text", []byte("bytes"), nil)
		require.NoError(b, err)
		for _, m := range []*message.Message{client.New(), client.NewText("grüße 🙂"), client.NewBytes([]byte("bytes")), asMap, stream,
			client.NewObject([]byte{0xAC, 0xED, 0, 5, 'p'})} {
			require.NoError(b, client.SetProperty(m, "flag", true))
			require.NoError(b, client.SetProperty(m, "count", int16(3)))
			m.CorrelationID, m.Type, m.GroupID, m.GroupSequence = "corr", "kind", "group", 1
			require.NoError(b, out.Send(b.ctx, m))
		}
		receive := func() *message.Message {
			d, err := in.Receive(b.ctx)
			require.NoError(b, err)
			m := d.Message
			require.Equal(b, []any{"corr", "kind", "group"}, []any{m.CorrelationID, m.Type, m.GroupID})
			n, ok, err := client.Property[int64](m, "count")
			require.NoError(b, err)
			require.True(b, ok)
			require.Equal(b, int64(3), n)
			require.Equal(b, compressed && m.Body != message.Plain, m.Compressed)
			return m
		}
		require.Equal(b, message.Plain, receive().Body)
		text, err := client.Text(receive())
		require.NoError(b, err)
		require.Equal(b, "grüße 🙂", text)
		raw, err := client.Bytes(receive())
		require.NoError(b, err)
		require.Equal(b, "bytes", string(raw))
		got, err := client.Map(receive())
		require.NoError(b, err)
		require.Equal(b, entries.Map(), got.Map())
		values, err := client.Stream(receive())
		require.NoError(b, err)
		require.Equal(b, []any{true, int8(1), message.Char('x'), int64(-5), 2.5, "text", []byte("bytes"), nil}, values)
		object, err := client.Object(receive())
		require.NoError(b, err)
		require.Equal(b, []byte{0xAC, 0xED, 0, 5, 'p'}, object)
		require.NoError(b, conn.Close(b.ctx))
	}
}

func modes(b *bench) {
	for _, mode := range []client.AckMode{client.AutoAcknowledge, client.ClientAcknowledge, client.DupsOKAcknowledge,
		client.IndividualAcknowledge, client.Transacted} {
		d := message.NewQueue(fmt.Sprintf("%s.%d", b.queue().Name, mode))
		conn := b.dial(b.url, client.Options{})
		b.send(conn, d, "1", "2", "3")
		s := b.session(conn, mode)
		in := b.consumer(s, d, client.ConsumerOptions{Prefetch: 4})
		first, err := in.Receive(b.ctx)
		require.NoError(b, err)
		require.Equal(b, []string{"2", "3"}, b.texts(in, 2))
		left := 0
		switch mode {
		case client.ClientAcknowledge:
			require.NoError(b, s.Acknowledge(b.ctx))
		case client.IndividualAcknowledge:
			require.NoError(b, in.Acknowledge(b.ctx, first))
			left = 2
		case client.Transacted:
			left = 3
		case client.DupsOKAcknowledge:
			require.NoError(b, s.Close(b.ctx), "acknowledges the rest of its batch")
		}
		require.NoError(b, conn.Close(b.ctx))
		again := b.dial(b.url, client.Options{})
		rest := b.consumer(b.session(again, client.AutoAcknowledge), d, client.ConsumerOptions{})
		for range left {
			got, err := rest.Receive(b.ctx)
			require.NoError(b, err)
			require.Positive(b, got.RedeliveryCounter, "mode %d", mode)
		}
		b.empty(rest)
		require.NoError(b, again.Close(b.ctx))
	}
}

func selectors(b *bench) {
	conn := b.dial(b.url, client.Options{})
	s := b.session(conn, client.AutoAcknowledge)
	in := b.consumer(s, b.queue(), client.ConsumerOptions{Selector: "colour = 'red' AND n BETWEEN 2 AND 3"})
	out := b.producer(s, b.queue(), client.ProducerOptions{})
	for i := range 5 {
		for _, colour := range []string{"red", "blue"} {
			m := client.NewText(fmt.Sprint(colour, i))
			require.NoError(b, client.SetProperties(m, message.Properties{{Name: "colour", Value: colour}, {Name: "n", Value: i}}))
			require.NoError(b, out.Send(b.ctx, m))
		}
	}
	require.Equal(b, []string{"red2", "red3"}, b.texts(in, 2))
	b.empty(in)
	_, err := s.Consumer(b.ctx, b.queue(), client.ConsumerOptions{Selector: "= ("})
	var remote *client.RemoteError
	require.ErrorAs(b, err, &remote)
	require.Equal(b, "javax.jms.InvalidSelectorException", remote.Class)
}

func destinationOptions(b *bench) {
	conn := b.dial(b.url, client.Options{})
	s := b.session(conn, client.ClientAcknowledge)
	d := b.queue()
	d.Name += "?consumer.prefetchSize=1&consumer.exclusive=true&consumer.selector=" + "n%20%3C%203"
	first := b.consumer(s, d, client.ConsumerOptions{})
	second := b.consumer(b.session(conn, client.AutoAcknowledge), b.queue(), client.ConsumerOptions{})
	out := b.producer(s, message.NewQueue(b.queue().Name+"?producer.windowSize=65536"), client.ProducerOptions{})
	for i := range 4 {
		m := client.NewText(fmt.Sprint(i))
		require.NoError(b, client.SetProperty(m, "n", i))
		require.NoError(b, out.Send(b.ctx, m))
	}
	require.Equal(b, []string{"0"}, b.texts(first, 1))
	_, ok, err := first.TryReceive(b.ctx)
	require.NoError(b, err)
	require.False(b, ok, "a prefetch of one")
	require.NoError(b, s.Acknowledge(b.ctx))
	require.Equal(b, []string{"1"}, b.texts(first, 1))
	require.NoError(b, s.Acknowledge(b.ctx))
	require.NoError(b, first.Close(b.ctx))
	require.Equal(b, []string{"2", "3"}, b.texts(second, 2))
	_, err = s.Consumer(b.ctx, message.NewQueue("A?consumer.prefetchsize=1"), client.ConsumerOptions{})
	require.ErrorIs(b, err, client.ErrUnsupportedOption)
}

func durable(b *bench) {
	topic := message.NewTopic("CASE.durable")
	opts := client.Options{ClientID: "durable-" + b.queue().Name}
	subscriber := b.dial(b.url, opts)
	in := b.consumer(b.session(subscriber, client.AutoAcknowledge), topic, client.ConsumerOptions{Subscription: "sub"})
	publisher := b.dial(b.url, client.Options{})
	b.send(publisher, topic, "1")
	require.Equal(b, []string{"1"}, b.texts(in, 1))
	_, err := client.Dial(b.ctx, b.url, opts)
	var remote *client.RemoteError
	require.ErrorAs(b, err, &remote)
	require.Equal(b, "javax.jms.InvalidClientIDException", remote.Class)
	require.NoError(b, subscriber.Close(b.ctx))
	b.send(publisher, topic, "2", "3")
	subscriber = b.dial(b.url, opts)
	in = b.consumer(b.session(subscriber, client.AutoAcknowledge), topic, client.ConsumerOptions{Subscription: "sub"})
	require.Equal(b, []string{"2", "3"}, b.texts(in, 2))
	require.Error(b, subscriber.Unsubscribe(b.ctx, "sub"), "in use")
	require.NoError(b, in.Close(b.ctx))
	require.NoError(b, subscriber.Unsubscribe(b.ctx, "sub"))
}

func browse(b *bench) {
	conn := b.dial(b.url, client.Options{})
	b.send(conn, b.queue(), "1", "2", "3")
	look, err := b.session(conn, client.AutoAcknowledge).Browse(b.ctx, b.queue(), "")
	require.NoError(b, err)
	n := 0
	for m, err := range look.Messages(b.ctx) {
		require.NoError(b, err)
		n++
		text, err := client.Text(m)
		require.NoError(b, err)
		require.Equal(b, fmt.Sprint(n), text)
	}
	require.Equal(b, 3, n)
	_, err = look.Next(b.ctx)
	require.ErrorIs(b, err, io.EOF)
	require.NoError(b, look.Close(b.ctx))
	in := b.consumer(b.session(conn, client.AutoAcknowledge), b.queue(), client.ConsumerOptions{})
	require.Len(b, b.texts(in, 3), 3, "nothing was consumed")
}

func requests(b *bench) {
	conn := b.dial(b.url, client.Options{})
	ctx, cancel := context.WithCancel(b.ctx)
	var serving sync.WaitGroup
	serving.Go(func() {
		s, err := conn.Session(ctx, client.AutoAcknowledge)
		if err != nil {
			b.Error(err)
			return
		}
		in, err := s.Consumer(ctx, b.queue(), client.ConsumerOptions{})
		if err != nil {
			b.Error(err)
			return
		}
		out, err := s.Producer(ctx, message.Destination{}, client.ProducerOptions{NonPersistent: true})
		if err != nil {
			b.Error(err)
			return
		}
		_ = in.Listen(ctx, func(ctx context.Context, d message.Delivery) error {
			text, _ := client.Text(d.Message)
			return out.Reply(ctx, d.Message, client.NewText(strings.ToUpper(text)))
		})
	})
	r, err := conn.Requestor(b.ctx, b.queue(), client.ProducerOptions{NonPersistent: true})
	require.NoError(b, err)
	var asking sync.WaitGroup
	for i := range 20 {
		asking.Go(func() {
			reply, err := r.Request(b.ctx, client.NewText(fmt.Sprintf("r%d", i)))
			if err != nil {
				b.Error(err)
				return
			}
			if text, _ := client.Text(reply); text != fmt.Sprintf("R%d", i) {
				b.Errorf("reply %q to r%d", text, i)
			}
		})
	}
	asking.Wait()
	cancel()
	serving.Wait()
	require.NoError(b, r.Close(b.ctx))
	_, err = r.Request(b.ctx, client.NewText("late"))
	require.ErrorIs(b, err, client.ErrClosed)
}

func temporary(b *bench) {
	conn, other := b.dial(b.url, client.Options{}), b.dial(b.url, client.Options{})
	d, err := conn.TempTopic(b.ctx)
	require.NoError(b, err)
	in := b.consumer(b.session(conn, client.AutoAcknowledge), d, client.ConsumerOptions{})
	b.send(other, d, "hello")
	require.Equal(b, []string{"hello"}, b.texts(in, 1))
	_, err = b.session(other, client.AutoAcknowledge).Consumer(b.ctx, d, client.ConsumerOptions{})
	require.Error(b, err, "another connection's")
	require.NoError(b, in.Close(b.ctx))
	require.NoError(b, conn.Destroy(b.ctx, d))
}

func transactions(b *bench) {
	for _, individual := range []bool{false, true} {
		conn := b.dial(b.url, client.Options{TransactedIndividualAck: individual, Redelivery: client.RedeliveryPolicy{InitialDelay: -1}})
		b.send(conn, b.queue(), "1", "2")
		s := b.session(conn, client.Transacted)
		in := b.consumer(s, b.queue(), client.ConsumerOptions{})
		out := b.producer(s, b.queue(), client.ProducerOptions{})
		require.Equal(b, []string{"1", "2"}, b.texts(in, 2))
		require.NoError(b, out.Send(b.ctx, client.NewText("undone")))
		require.NoError(b, s.Rollback(b.ctx))
		d, err := in.Receive(b.ctx)
		require.NoError(b, err)
		require.Equal(b, int32(1), d.RedeliveryCounter)
		require.Equal(b, []string{"2"}, b.texts(in, 1))
		require.NoError(b, out.Send(b.ctx, client.NewText("done")))
		require.NoError(b, s.Commit(b.ctx))
		require.Equal(b, []string{"done"}, b.texts(in, 1))
		require.NoError(b, s.Commit(b.ctx))
		b.empty(in)
		require.NoError(b, conn.Close(b.ctx))
	}
}

func deadLetter(b *bench) {
	policy := client.RedeliveryPolicy{Maximum: 2, InitialDelay: 10 * time.Millisecond, BackOff: true, Multiplier: 2}
	conn := b.dial(b.url, client.Options{Redelivery: policy})
	b.send(conn, b.queue(), "bad")
	s := b.session(conn, client.Transacted)
	in := b.consumer(s, b.queue(), client.ConsumerOptions{})
	for repeat := range 3 {
		d, err := in.Receive(b.ctx)
		require.NoError(b, err)
		require.Equal(b, int32(repeat), d.RedeliveryCounter)
		require.NoError(b, s.Rollback(b.ctx))
	}
	b.empty(in)
	b.dead("bad", "Delivery[3] exceeds redelivery policy limit")
}

// dead finds a dead letter by its text, and checks its cause.
func (b *bench) dead(text, cause string) {
	b.Helper()
	conn := b.dial(b.url, client.Options{})
	look, err := b.session(conn, client.AutoAcknowledge).Browse(b.ctx, message.NewQueue("ActiveMQ.DLQ"), "")
	require.NoError(b, err)
	for m, err := range look.Messages(b.ctx) {
		require.NoError(b, err)
		if got, _ := client.Text(m); got == text && m.OriginalDestination == b.queue() {
			why, ok, err := client.Property[string](m, "dlqDeliveryFailureCause")
			require.NoError(b, err)
			require.True(b, ok)
			require.Contains(b, why, cause)
			return
		}
	}
	require.Fail(b, "no dead letter", text)
}
