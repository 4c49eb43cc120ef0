//go:build interop

package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

func xa(b *bench) {
	conn := b.dial(b.url, client.Options{})
	s, err := conn.XASession(b.ctx)
	require.NoError(b, err)
	out, in := b.producer(s.Session, b.queue(), client.ProducerOptions{}), b.consumer(s.Session, b.queue(), client.ConsumerOptions{RedeliveryDelay: -1})
	require.ErrorIs(b, out.Send(b.ctx, client.NewText("nowhere")), client.ErrNoBranch)
	xid := func(n int) message.XID {
		return message.XID{FormatID: 7, Global: fmt.Sprintf("%s-%s-%d", b.queue().Name, conn.ID(), n), Branch: "b"}
	}
	work := func(n int, send string, receive ...string) {
		require.NoError(b, s.Start(b.ctx, xid(n)))
		require.Equal(b, receive, append([]string(nil), b.texts(in, len(receive))...))
		if send != "" {
			require.NoError(b, out.Send(b.ctx, client.NewText(send)))
		}
		require.NoError(b, s.End(b.ctx))
	}
	work(1, "one")
	vote, err := s.Prepare(b.ctx, xid(1))
	require.NoError(b, err)
	require.Equal(b, client.VoteCommit, vote)
	list, err := s.Branches(b.ctx)
	require.NoError(b, err)
	require.Contains(b, list, xid(1))
	require.NoError(b, s.Commit(b.ctx, xid(1), false))
	work(2, "two", "one")
	require.NoError(b, s.Rollback(b.ctx, xid(2)))
	work(3, "three", "one")
	require.NoError(b, s.Commit(b.ctx, xid(3), true))
	require.NoError(b, s.Start(b.ctx, xid(4)))
	require.NoError(b, s.End(b.ctx))
	vote, err = s.Prepare(b.ctx, xid(4))
	require.NoError(b, err)
	if vote == client.VoteCommit {
		require.NoError(b, s.Commit(b.ctx, xid(4), false))
	}
	var remote *client.RemoteError
	err = s.Commit(b.ctx, xid(5), false)
	require.ErrorAs(b, err, &remote)
	require.Equal(b, "javax.transaction.xa.XAException", remote.Class)
	require.Equal(b, -4, remote.XACode(), "%v", err)
	require.NoError(b, s.Close(b.ctx))
	plain := b.consumer(b.session(conn, client.AutoAcknowledge), b.queue(), client.ConsumerOptions{})
	require.Equal(b, []string{"three"}, b.texts(plain, 1))
	b.empty(plain)
}

func windows(b *bench) {
	conn := b.dial(b.url, client.Options{ProducerWindow: 4096})
	s := b.session(conn, client.AutoAcknowledge)
	out := b.producer(s, b.queue(), client.ProducerOptions{NonPersistent: true})
	var confirmed atomic.Int32
	done := make(chan struct{})
	const n = 200
	for range n {
		require.NoError(b, out.SendAsync(b.ctx, client.NewText("window"), func(err error) {
			if err == nil && confirmed.Add(1) == n {
				close(done)
			}
		}))
	}
	<-done
	for range n {
		require.NoError(b, out.Send(b.ctx, client.NewText("unanswered")))
	}
	in := b.consumer(b.session(conn, client.DupsOKAcknowledge), b.queue(), client.ConsumerOptions{})
	require.Len(b, b.texts(in, 2*n), 2*n)
}

func deliveries(b *bench) {
	conn := b.dial(b.url, client.Options{SyncSend: true})
	s := b.session(conn, client.AutoAcknowledge)
	out := b.producer(s, b.queue(), client.ProducerOptions{})
	m := client.NewText("urgent")
	require.NoError(b, out.SendWith(b.ctx, m, client.DeliveryOptions{NonPersistent: true, Priority: client.PriorityOf(9), TTL: time.Hour}))
	require.NoError(b, out.SendWith(b.ctx, client.NewText("too late"), client.DeliveryOptions{TTL: time.Nanosecond}))
	require.Eventually(b, func() bool { return time.Now().UnixMilli() > m.Timestamp+2 }, time.Second, time.Millisecond)
	in := b.consumer(s, b.queue(), client.ConsumerOptions{})
	d, err := in.Receive(b.ctx)
	require.NoError(b, err)
	require.Equal(b, []any{false, uint8(9), m.Timestamp + 3600_000, m.ID.ProducerSequence},
		[]any{d.Message.Persistent, d.Message.Priority, d.Message.Expiration, d.Message.ID.ProducerSequence})
	b.empty(in)
}

func pull(b *bench) {
	conn := b.dial(b.url, client.Options{})
	s := b.session(conn, client.AutoAcknowledge)
	in := b.consumer(s, b.queue(), client.ConsumerOptions{Prefetch: -1})
	_, ok, err := in.TryReceive(b.ctx)
	require.NoError(b, err)
	require.False(b, ok)
	b.send(conn, b.queue(), "1", "2", "3")
	d, ok, err := in.TryReceive(b.ctx)
	require.NoError(b, err)
	require.True(b, ok)
	text, err := client.Text(d.Message)
	require.NoError(b, err)
	require.Equal(b, "1", text)
	other := b.consumer(b.session(conn, client.AutoAcknowledge), b.queue(), client.ConsumerOptions{Prefetch: -1})
	require.Equal(b, []string{"2"}, b.texts(other, 1), "nothing was prefetched")
	require.Equal(b, []string{"3"}, b.texts(in, 1))
}

func listen(b *bench) {
	conn := b.dial(b.url, client.Options{Redelivery: client.RedeliveryPolicy{Maximum: 1, InitialDelay: -1}})
	b.send(conn, b.queue(), "good", "bad", "fine")
	for _, mode := range []client.AckMode{client.AutoAcknowledge, client.DupsOKAcknowledge, client.IndividualAcknowledge, client.Transacted} {
		s := b.session(conn, mode)
		in := b.consumer(s, b.queue(), client.ConsumerOptions{})
		if mode != client.AutoAcknowledge {
			b.send(conn, b.queue(), "good", "bad", "fine")
		}
		ctx, cancel := context.WithCancel(b.ctx)
		var got []string
		err := in.Listen(ctx, func(_ context.Context, d message.Delivery) error {
			text, err := client.Text(d.Message)
			got = append(got, text)
			switch text {
			case "bad":
				return errors.New("of my own making")
			case "fine":
				defer cancel()
			}
			return err
		})
		require.ErrorIs(b, err, context.Canceled)
		require.Equal(b, []string{"good", "bad", "bad", "fine"}, got, "mode %d", mode)
		b.empty(in)
		require.NoError(b, s.Close(b.ctx))
	}
	b.dead("bad", "of my own making")
	rest := b.consumer(b.session(conn, client.AutoAcknowledge), b.queue(), client.ConsumerOptions{})
	b.empty(rest)
}

func priorityOrder(b *bench) {
	came, all := 0, make(chan struct{})
	conn := b.dial(b.url, client.Options{PriorityOrder: true, Transport: client.TransportListener{Command: func(command any) {
		if _, ok := command.(*message.Delivery); ok {
			if came++; came == 10 {
				close(all)
			}
		}
	}}})
	s := b.session(conn, client.AutoAcknowledge)
	in := b.consumer(s, b.queue(), client.ConsumerOptions{})
	out := b.producer(s, b.queue(), client.ProducerOptions{})
	for i := range 10 {
		require.NoError(b, out.SendWith(b.ctx, client.NewText(fmt.Sprint(i)), client.DeliveryOptions{Priority: client.PriorityOf(uint8(i))}))
	}
	// What has come by now is given out by priority. The answer comes after it.
	select {
	case <-all:
	case <-b.ctx.Done():
		b.Fatal("the broker has not sent all")
	}
	_, err := conn.Session(b.ctx, client.AutoAcknowledge)
	require.NoError(b, err)
	require.Equal(b, []string{"9", "8", "7"}, b.texts(in, 3))
}

func batches(b *bench) {
	conn := b.dial(b.url+"?jms.optimizeAcknowledge=true&jms.sendAcksAsync=false&jms.prefetchPolicy.queuePrefetch=10", client.Options{})
	list := make([]string, 50)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	b.send(conn, b.queue(), list...)
	s := b.session(conn, client.AutoAcknowledge)
	in := b.consumer(s, b.queue(), client.ConsumerOptions{})
	require.Equal(b, list, b.texts(in, len(list)))
	require.NoError(b, in.Close(b.ctx))
	rest := b.consumer(s, b.queue(), client.ConsumerOptions{})
	b.empty(rest)
}

func credentials(b *bench) {
	b.dial(b.url, client.Options{UserName: "user", Password: "secret"})
	b.dial(b.url+"?jms.userName=user&jms.password=secret&jms.clientIDPrefix=ID:mine&jms.connectionIDPrefix=ID:ours", client.Options{})
	if b.kind == harness.Conclave {
		return // lets everybody in
	}
	_, err := client.Dial(b.ctx, b.url, client.Options{UserName: "user", Password: "guess"})
	var remote *client.RemoteError
	require.ErrorAs(b, err, &remote)
	require.Equal(b, "java.lang.SecurityException", remote.Class)
}

func refusals(b *bench) {
	reported := make(chan error, 1)
	conn := b.dial(b.url, client.Options{OnError: func(err error) { reported <- err }})
	_, err := conn.Request(b.ctx, &message.ConsumerInfo{ID: message.ConsumerID{Connection: "ID:nobody", Session: 1, Value: 1},
		Destination: b.queue()})
	require.Error(b, err)
	_, err = client.Dial(b.ctx, "tcp://127.0.0.1:1", client.Options{})
	require.Error(b, err)
	require.NoError(b, conn.Err())
}
