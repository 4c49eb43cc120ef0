package client

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// stuck is a connection to a broker that reads nothing any more: whoever sends
// waits.
func stuck(t *testing.T, url string) *Conn {
	t.Helper()
	to, err := parseURL(url, Options{})
	require.NoError(t, err)
	c := newConn(to)
	c.link = idleLink()
	require.NoError(t, c.link.out.put(t.Context(), openwire.Header{}, NewBytes(make([]byte, outboxLimit))))
	return c
}

// idleLink is one that nobody writes to a network.
func idleLink() *link {
	return &link{out: newOutbox(openwire.NewEncoder(openwire.Format{Version: 12})), done: make(chan struct{})}
}

// written lists the commands in a link's outbox.
func written(t *testing.T, l *link) []any {
	t.Helper()
	buf, _ := l.out.take(nil)
	dec := openwire.NewDecoder(openwire.Format{Version: 12})
	var list []any
	for len(buf) > 0 {
		size := int(uint32(buf[0])<<24|uint32(buf[1])<<16|uint32(buf[2])<<8|uint32(buf[3])) + prefixSize
		_, cmd, err := dec.Decode(buf[prefixSize:size])
		require.NoError(t, err)
		list, buf = append(list, cmd), buf[size:]
	}
	return list
}

// A command waits for room on a link that dies; it is sent on the next one, and
// answered, in the moment in which its caller's patience ends.
func TestAnAnswerToACommandThatIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := stuck(t, "failover:(tcp://a:1)")
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan error, 1)
		go func() {
			_, err := c.call(ctx, &openwire.KeepAlive{})
			returned <- err
		}()
		synctest.Wait()
		for id := range c.pending {
			c.respond(id, answer{})
		}
		cancel()
		select {
		case err := <-returned:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			require.Fail(t, "the caller waits for an answer that has come")
		}
	})
}

func TestASendThatIsGivenUpLeavesTheWindow(t *testing.T) {
	for _, url := range []string{"tcp://a:1", "failover:(tcp://a:1)", "failover:(tcp://a:1)?trackMessages=true"} {
		c := stuck(t, url)
		out := &Producer{session: &Session{conn: c, mode: AutoAcknowledge}, opts: ProducerOptions{NonPersistent: true}}
		out.info = message.ProducerInfo{Destination: message.NewQueue("Q"), WindowSize: 1 << 20}
		out.window.limit = 1 << 20
		for name, send := range map[string]func(context.Context) error{
			"Send":      func(ctx context.Context) error { return out.Send(ctx, NewText("")) },
			"SendAsync": func(ctx context.Context) error { return out.SendAsync(ctx, NewText(""), nil) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			require.ErrorIs(t, send(ctx), context.DeadlineExceeded, name)
			cancel()
			require.Zero(t, out.window.used, "%s by %s", name, url)
		}
	}
}

// What a broker has accepted is restored from that moment on, though the link is
// lost before the caller has run again.
func TestWhatWasJustAcceptedIsRestored(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // who is woken does not run at once
	to, err := parseURL("failover:(tcp://a:1)", Options{})
	require.NoError(t, err)
	c := newConn(to)
	accept := func(do func(ctx context.Context) error) []any {
		t.Helper()
		c.link = idleLink()
		returned := make(chan error, 1)
		go func() { returned <- do(t.Context()) }()
		require.Eventually(t, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.pending) == 1
		}, 5*time.Second, time.Millisecond)
		id := c.pendingLocked()[0].id
		next := idleLink()
		c.respond(id, answer{})
		c.mu.Lock()
		_, err := c.restoreLocked(next)
		c.mu.Unlock()
		require.NoError(t, err)
		require.NoError(t, <-returned)
		return written(t, next)
	}
	require.Len(t, accept(c.announce), 1, "the client")
	var s *Session
	require.Len(t, accept(func(ctx context.Context) (err error) { s, err = c.Session(ctx, AutoAcknowledge); return err }), 2, "a session")
	require.Len(t, accept(func(ctx context.Context) error {
		_, err := s.Consumer(ctx, message.NewQueue("Q"), ConsumerOptions{})
		return err
	}), 3, "a consumer")
	require.Len(t, accept(func(ctx context.Context) error {
		_, err := s.Producer(ctx, message.NewQueue("Q"), ProducerOptions{})
		return err
	}), 4, "a producer")
	require.Len(t, accept(func(ctx context.Context) error { _, err := c.TempQueue(ctx); return err }), 5, "a temporary destination")
}

// What the application was told is not sent is not sent by the next link either.
func TestASendThatIsGivenUpIsNotRepeated(t *testing.T) {
	c := stuck(t, "failover:(tcp://a:1)?trackMessages=true")
	full := c.link
	give := func(mode AckMode) *Session {
		s := &Session{conn: c, mode: mode}
		out := &Producer{session: s, info: message.ProducerInfo{Destination: message.NewQueue("Q")}, opts: ProducerOptions{NonPersistent: true}}
		c.link = nil // what is sent now is kept for the next link
		require.NoError(t, out.SendAsync(t.Context(), NewText(""), nil))
		c.link = full
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, out.SendAsync(ctx, NewText(""), nil), context.DeadlineExceeded)
		return s
	}
	require.Len(t, give(Transacted).tx.commands, 2, "begin, and the first message")
	give(AutoAcknowledge)
	require.Len(t, c.cache.messages, 1)
}

func TestATransactionThatCouldNotBeginIsNone(t *testing.T) {
	for _, url := range []string{"tcp://a:1", "failover:(tcp://a:1)"} {
		c := stuck(t, url)
		s := &Session{conn: c, mode: Transacted}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.begin(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Nil(t, s.tx)
		x := &XASession{&Session{conn: c, mode: Transacted, xa: &branches{}}}
		require.ErrorIs(t, x.Start(ctx, branchID("x")), context.DeadlineExceeded)
		require.Nil(t, x.tx)
	}
}
