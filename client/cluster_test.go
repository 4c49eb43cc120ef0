package client

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

const slowStart = "initialReconnectDelay=1000&useExponentialBackOff=false&randomize=false"

func TestABackupIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2", "c:3")
		conn, events := g.connect(t, "failover:(tcp://a:1,tcp://b:2,tcp://c:3)?backup=true&backupPoolSize=2&"+slowStart, Options{})
		synctest.Wait()
		require.Equal(t, []string{"a:1", "b:2", "c:3"}, g.dialed())
		require.False(t, introduced(g.peer("b:2")), "a backup only waits")
		g.kill("b:2") // the first backup goes
		synctest.Wait()
		begun := time.Now()
		g.kill("a:1")
		synctest.Wait()
		require.True(t, introduced(g.peer("c:3")))
		require.Zero(t, time.Since(begun), "no delay and no dial")
		require.Equal(t, []string{"resumed tcp://a:1", "interrupted", "resumed tcp://c:3"}, events.all())
		g.set("a:1", true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, len(g.peers["c:3"]))
		require.Equal(t, 2, g.connections("a:1"), "a backup again")
		session(t, conn, AutoAcknowledge)
		g.finish(conn)
	})
}

func TestABackupIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		conn, _ := g.connect(t, "failover:(tcp://a:1,tcp://b:2)?backup=true&nested.wireFormat.maxInactivityDuration=3000&"+slowStart, Options{})
		for range 10 {
			time.Sleep(time.Second)
			g.peer("a:1").say(&openwire.KeepAlive{})
			g.peer("b:2").say(&openwire.KeepAlive{})
			synctest.Wait()
		}
		next[*openwire.KeepAlive](t, g.peer("b:2"))
		require.Equal(t, []string{"a:1", "b:2"}, g.dialed())
		g.finish(conn)
	})
}

func TestPriorityBackup(t *testing.T) {
	for name, url := range map[string]string{
		"the first":    "failover:(tcp://near:1,tcp://far:2)?priorityBackup=true&" + slowStart,
		"those listed": "failover:(tcp://far:2,tcp://near:1)?priorityBackup=true&priorityURIs=tcp://near:1,tcp://nearer:9&" + slowStart,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGroup("near:1", "far:2")
				conn, events := g.connect(t, url, Options{})
				synctest.Wait()
				require.Equal(t, []string{"near:1"}, g.dialed(), "the preferred one first")
				g.kill("near:1")
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				require.True(t, introduced(g.peer("far:2")))
				s := session(t, conn, AutoAcknowledge)
				g.set("near:1", true)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				require.True(t, introduced(g.peer("near:1")), "back as soon as it serves")
				next[*openwire.Shutdown](t, g.peer("far:2"))
				require.Equal(t, []string{"resumed tcp://near:1", "interrupted", "resumed tcp://far:2", "interrupted",
					"resumed tcp://near:1"}, events.all())
				producer(t, s, ProducerOptions{})
				dials := len(g.dialed())
				time.Sleep(20 * time.Second)
				require.Len(t, g.dialed(), dials, "nothing more to wish for")
				g.finish(conn)
			})
		})
	}
}

func TestABrokerTellsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		conn, _ := g.connect(t, "failover:(tcp://a:1)?"+slowStart, Options{})
		g.peer("a:1").say(control("tcp://b:2?maximumConnections=1000, tcp://a:1,rubbish", false))
		synctest.Wait()
		require.Equal(t, []string{"a:1"}, g.dialed(), "known, and no reason to move")
		g.kill("a:1")
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		require.True(t, introduced(g.peer("b:2")))
		// The new one forgets the first, as when it has left the cluster.
		g.peer("b:2").say(control("tcp://b:2,tcp://c:3", true))
		g.set("c:3", true)
		synctest.Wait()
		require.Zero(t, g.connections("c:3"), "the present one is the first of the list")
		g.peer("b:2").say(control("tcp://c:3,tcp://b:2", false))
		synctest.Wait()
		require.Zero(t, g.connections("c:3"), "the same brokers")
		g.peer("b:2").say(control("tcp://c:3,tcp://d:4,tcp://b:2", true))
		synctest.Wait()
		require.True(t, introduced(g.peer("c:3")), "rebalanced")
		g.finish(conn)
	})
}

func TestARebalanceNeedsABrokerThatServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1")
		conn, events := g.connect(t, "failover:(tcp://a:1)?"+slowStart, Options{})
		g.peer("a:1").say(control("tcp://b:2,tcp://a:1", true))
		synctest.Wait()
		require.Equal(t, []string{"a:1", "b:2"}, g.dialed())
		require.Equal(t, []string{"resumed tcp://a:1"}, events.all(), "the connection was not left")
		session(t, conn, AutoAcknowledge)
		g.finish(conn)
	})
}

func TestUpdatesCanBeDeclined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		conn, _ := g.connect(t, "failover:(tcp://a:1)?updateURIsSupported=false&reconnectSupported=false&"+slowStart, Options{})
		g.peer("a:1").say(&openwire.ConnectionControl{ConnectedBrokers: "tcp://b:2", Rebalance: true, ReconnectTo: "tcp://b:2"})
		synctest.Wait()
		require.Equal(t, []string{"a:1"}, g.dialed())
		g.finish(conn)
	})
}

func TestReconnectTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		conn, events := g.connect(t, "failover:(tcp://a:1)?"+slowStart, Options{})
		s := session(t, conn, AutoAcknowledge)
		g.peer("a:1").say(&openwire.ConnectionControl{ReconnectTo: "tcp://b:2"})
		synctest.Wait()
		require.True(t, introduced(g.peer("b:2")))
		producer(t, s, ProducerOptions{})
		g.kill("b:2")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, g.connections("a:1"), "the URL's brokers are not forgotten")
		require.Len(t, events.all(), 5)
		g.finish(conn)
	})
}

func TestABrokerSendsItsClientsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		conn, _ := g.connect(t, "failover:(tcp://a:1,tcp://b:2)?"+slowStart, Options{})
		g.peer("a:1").say(&openwire.ConnectionControl{Close: true})
		time.Sleep(1001 * time.Millisecond)
		synctest.Wait()
		require.True(t, introduced(g.peer("b:2")))
		g.finish(conn)
	})
}

func TestAMoveIsPolite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		g.script = func(_ *peer, h heard) bool {
			_, is := h.cmd.(*message.Message)
			return is // answered below
		}
		conn, _ := g.connect(t, "failover:(tcp://a:1)?"+slowStart, Options{})
		out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{})
		sent := make(chan error, 2)
		go func() { sent <- out.Send(t.Context(), NewText("under way")) }()
		_, h := next[*message.Message](t, g.peer("a:1"))
		g.peer("a:1").say(&openwire.ConnectionControl{ReconnectTo: "tcp://b:2"})
		time.Sleep(100 * time.Millisecond)
		require.False(t, introduced(g.peer("b:2")), "the old broker owes an answer")
		g.peer("a:1").answer(heard{header: h})
		require.NoError(t, <-sent)
		next[*openwire.Shutdown](t, g.peer("a:1"))
		synctest.Wait()
		g.script = nil
		info, _ := next[*message.ConnectionInfo](t, g.peer("b:2"))
		require.True(t, info.FailoverReconnect)
		time.Sleep(time.Second)
		synctest.Wait()
		for len(g.peer("b:2").heard) > 0 {
			_, again := (<-g.peer("b:2").heard).cmd.(*message.Message)
			require.False(t, again, "not sent twice")
		}
		g.finish(conn)
	})
}

func TestUpdateURIsURL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "brokers")
	require.NoError(t, os.WriteFile(file, []byte("tcp://b:2,\ntcp://c:3\n"), 0o600))
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("tcp://b:2,tcp://c:3"))
	}))
	defer served.Close()
	for _, where := range []string{file, "file://" + file, served.URL} {
		g := newGroup("c:3")
		conn, _ := g.connect(t, "failover:(tcp://a:1)?randomize=false&updateURIsURL="+where, Options{})
		require.Equal(t, []string{"b:2", "c:3"}, g.dialed()[:2])
		g.finish(conn)
		http.DefaultClient.CloseIdleConnections()
	}
	g := newGroup("a:1")
	conn, _ := g.connect(t, "failover:(tcp://a:1)?updateURIsURL=/no/such/file", Options{})
	g.finish(conn)
}

func TestASourceOfAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1", "b:2")
		var found, lost func(string)
		watching := make(chan struct{})
		source := sourceFunc(func(ctx context.Context, f, l func(string)) error {
			found, lost = f, l
			close(watching)
			<-ctx.Done()
			return ctx.Err()
		})
		opts := Options{Discover: func(string) (AddressSource, error) { return source, nil }}
		go func() {
			<-watching
			time.Sleep(time.Second)
			found("nonsense")
			found("tcp://a:1")
		}()
		conn, _ := g.connect(t, "discovery:(multicast://default)?discovered.wireFormat.cacheEnabled=false&"+slowStart, opts)
		found("tcp://b:2")
		found("tcp://b:2")
		lost("tcp://a:1")
		g.kill("a:1")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"a:1", "b:2"}, g.dialed())
		g.finish(conn)
	})
}

func TestADialThatIsGivenUpLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := sourceFunc(func(ctx context.Context, _, _ func(string)) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := Dial(ctx, "multicast://default", Options{Discover: func(string) (AddressSource, error) { return source, nil }})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errNoBroker)
	})
}

func TestTheTimeoutOfSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1")
		conn, _ := g.connect(t, "failover:(tcp://a:1)?timeout=3000&"+slowStart, Options{})
		s := session(t, conn, AutoAcknowledge)
		out := producer(t, s, ProducerOptions{})
		g.script = func(_ *peer, h heard) bool { _, is := h.cmd.(*message.Message); return is }
		g.kill("a:1")
		synctest.Wait()
		begun := time.Now()
		require.ErrorIs(t, out.Send(t.Context(), NewText("waits")), ErrSendTimeout)
		require.Equal(t, 3*time.Second, time.Since(begun))
		opened := make(chan error, 1)
		go func() { _, err := conn.Session(t.Context(), AutoAcknowledge); opened <- err }()
		time.Sleep(10 * time.Second)
		require.Empty(t, opened, "other commands wait on")
		g.set("a:1", true)
		require.NoError(t, <-opened)
		go func() { opened <- out.Send(t.Context(), NewText("is not answered")) }()
		next[*message.Message](t, g.peer("a:1"))
		begun = time.Now()
		g.kill("a:1")
		require.ErrorIs(t, <-opened, ErrSendTimeout)
		require.Equal(t, 3*time.Second, time.Since(begun))
		g.finish(conn)
	})
}

func TestTrackedMessagesAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1")
		size := NewBytes(make([]byte, 100)).Size()
		conn, _ := g.connect(t, "failover:(tcp://a:1)?trackMessages=true&maxCacheSize="+itoa(3*size)+"&"+slowStart, Options{})
		out := producer(t, session(t, conn, AutoAcknowledge), ProducerOptions{NonPersistent: true})
		body := make([]byte, 100)
		m := NewBytes(body)
		for i := range byte(10) {
			body[0] = i
			require.NoError(t, out.Send(t.Context(), m))
		}
		g.kill("a:1")
		g.set("a:1", true)
		time.Sleep(2 * time.Second)
		for i := byte(7); i < 10; i++ {
			got, _ := next[*message.Message](t, g.peer("a:1"))
			require.Equal(t, i, got.Content[0])
			require.Equal(t, int64(i)+1, got.ID.ProducerSequence)
		}
		g.finish(conn)
	})
}

func TestAClosedProducerIsPartOfItsTransaction(t *testing.T) {
	for _, tracked := range []string{"true", "false"} {
		synctest.Test(t, func(t *testing.T) {
			g := newGroup("a:1")
			conn, _ := g.connect(t, "failover:(tcp://a:1)?trackTransactionProducers="+tracked+"&"+slowStart, Options{})
			s := session(t, conn, Transacted)
			out := producer(t, s, ProducerOptions{})
			require.NoError(t, out.Send(t.Context(), NewText("one")))
			require.NoError(t, out.Close(t.Context()))
			g.kill("a:1")
			g.set("a:1", true)
			time.Sleep(2 * time.Second)
			if tracked == "true" {
				info, _ := next[*message.ProducerInfo](t, g.peer("a:1"))
				require.Equal(t, out.ID(), info.ID)
			}
			next[*message.Message](t, g.peer("a:1"))
			if tracked == "true" {
				gone, _ := next[*message.RemoveInfo](t, g.peer("a:1"))
				require.Equal(t, out.ID(), gone.Object)
			}
			require.NoError(t, s.Commit(t.Context()))
			g.finish(conn)
		})
	}
}

func TestTheEndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup("a:1")
		conn, events := g.connect(t, "failover:(tcp://a:1)?maxReconnectAttempts=3&"+slowStart, Options{})
		begun := time.Now()
		g.kill("a:1")
		<-conn.Done()
		require.Equal(t, 3*time.Second, time.Since(begun), "before each round")
		require.ErrorIs(t, conn.Err(), ErrConnectionLost)
		require.Equal(t, []string{"resumed tcp://a:1", "interrupted", "exception"}, events.all())
		require.Len(t, g.dialed(), 4)
		g.finish(conn)
		g = newGroup("a:1")
		conn, events = g.connect(t, "failover:(tcp://a:1)?maxReconnectAttempts=0", Options{})
		g.kill("a:1")
		<-conn.Done()
		require.Equal(t, []string{"resumed tcp://a:1", "exception"}, events.all(), "no reconnect")
		g.finish(conn)
	})
}
