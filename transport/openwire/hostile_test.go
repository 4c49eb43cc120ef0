package openwire

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

// requireAlone checks that the broken connection has ended with one line in
// the log while another goes on.
func requireAlone(t *testing.T, s *server, bystander *peer, says string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.listener.Connections() == 1 }, 10*time.Second, time.Millisecond)
	bystander.ok(&codec.Flush{})
	require.Equal(t, 1, strings.Count(s.log.String(), "level=WARN"), s.log.String())
	require.Contains(t, s.log.String(), "transport connection failed")
	require.Contains(t, s.log.String(), "peer=tcp://")
	require.Contains(t, s.log.String(), says)
	require.NotContains(t, s.log.String(), "fault while serving")
}

func TestBadFramesEndTheirConnectionAlone(t *testing.T) {
	nested := func(depth int) []byte { // exceptions caused by exceptions
		frame := []byte{codec.TypeConnectionError, 0, 0, 0, 1, 0}
		for range depth {
			frame = append(frame, 1, 1, 0, 1, 'a', 1, 0, 1, 'b', 0, 0)
		}
		return framed(append(frame, 0, 0))
	}
	for name, test := range map[string]struct {
		bytes []byte
		says  string
	}{
		"http":           {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "frame size 1195725856 is larger"},
		"largest size":   {[]byte{0x7F, 0xFF, 0xFF, 0xFF, 1, 2, 3}, "frame size 2147483647 is larger"},
		"negative size":  {[]byte{0x80, 0, 0, 1}, "is negative"},
		"over the limit": {[]byte{0, 0x10, 0, 1}, "frame size 1048577 is larger than the allowed 1048576"},
		"empty frame":    {[]byte{0, 0, 0, 0}, "truncated frame"},
		"null":           {[]byte{0, 0, 0, 1, 0}, "is no command"},
		"no command":     {framed([]byte{codec.TypeQueue, 1, 0, 1, 'Q'}), "is no command"},
		"too short":      {framed([]byte{codec.TypeSessionInfo, 0, 0}), "truncated frame"},
		"too long":       {framed([]byte{codec.TypeFlush, 0, 0, 0, 1, 0, 9}), "bytes after the command"},
		"array size":     {framed([]byte{codec.TypeTextMessage, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF}), "frame of type 28"},
		"nested deep":    {nested(5000), "too many causes"},
		"no header":      {framed([]byte{77, 0}), "unknown data type"},
		"bad string":     {framed([]byte{codec.TypeControlCommand, 0, 0, 0, 1, 0, 1, 0, 1, 0xFF}), "malformed frame"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &fakeBroker{}, "wireFormat.tightEncodingEnabled=false&wireFormat.cacheEnabled=false&wireFormat.maxFrameSize=1048576")
			bystander, p := s.connected(), s.connected()
			_, err := p.socket.Write(test.bytes)
			require.NoError(t, err)
			p.end()
			requireAlone(t, s, bystander, test.says)
		})
	}
}

func TestGarbageNeverHurts(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	bystander := s.connected()
	random := rand.NewChaCha8([32]byte{1})
	for range 50 {
		p := s.connected()
		garbage := make([]byte, 2000)
		random.Read(garbage)
		binary.BigEndian.PutUint32(garbage, uint32(len(garbage)-4))
		p.socket.Write(garbage)
		p.socket.(*net.TCPConn).CloseWrite() // it may have been an unknown command
		p.end()
	}
	require.Eventually(t, func() bool { return s.listener.Connections() == 1 }, 10*time.Second, time.Millisecond)
	bystander.ok(&codec.Flush{})
	require.NotContains(t, s.log.String(), "fault while serving")
}

func TestHalfAFrameAndTheEnd(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	bystander, p := s.connected(), s.connected()
	p.socket.Write([]byte{0, 0, 1, 0, codec.TypeTextMessage})
	require.NoError(t, p.socket.(*net.TCPConn).CloseWrite())
	p.end()
	requireAlone(t, s, bystander, "unexpected EOF")
}

func TestStrangersMaySendSmallFramesOnly(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	bystander := s.connected()
	p := s.dial()
	p.handshake(codec.DefaultWireFormatInfo())
	p.socket.Write([]byte{0, 1, 0, 1})
	p.end()
	requireAlone(t, s, bystander, "frame size 65537 is larger than the allowed 65536")
}

func TestLargeMessagesOfClients(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "wireFormat.maxFrameSize=20000000").connected()
	for _, size := range []int{0, 1, mostBuffer - 200, mostBuffer, mostBuffer + 1, 3 << 20, 10 << 20} {
		p.ok(text(strings.Repeat("x", size)))
		require.Len(t, b.sent[len(b.sent)-1].Content, size)
	}
}

// Messages outlive the buffer that they came in.
func TestMessagesKeepTheirBytes(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").connected()
	for i := range 1000 {
		p.oneway(text(strings.Repeat(string(rune('a'+i%26)), 100+i)))
	}
	p.ok(&codec.Flush{})
	require.Len(t, b.sent, 1000)
	for i, m := range b.sent {
		require.Equal(t, strings.Repeat(string(rune('a'+i%26)), 100+i), string(m.Content))
	}
}

func TestAFaultEndsOneConnection(t *testing.T) {
	b := &fakeBroker{}
	s := serve(t, b, "")
	bystander, p := s.connected(), s.connected()
	b.answer = func(call string, _ any) error {
		if call == "add session" {
			panic("a fault")
		}
		return nil
	}
	p.request(&message.SessionInfo{ID: sessionID})
	require.Empty(t, p.end())
	require.Eventually(t, func() bool { return s.listener.Connections() == 1 }, 5*time.Second, time.Millisecond)
	bystander.ok(&codec.Flush{})
	require.Contains(t, s.log.String(), "a fault")
	require.Contains(t, b.called(), "close")
}

// run serves one session over a pipe, within a bubble of synthetic time.
func run(t *testing.T, b *fakeBroker, query string) (p *peer, written *logged, ended chan struct{}) {
	protocol, written := newProtocol(t, b, query, nil)
	near, far := net.Pipe()
	session := protocol.NewSession(near)
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		session.Run()
	}()
	t.Cleanup(func() { far.Close(); <-ended })
	return newPeer(t, far), written, ended
}

func TestClientThatVanishesIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{}
		p, written, ended := run(t, b, "")
		p.handshake(codec.DefaultWireFormatInfo())
		p.ok(&message.ConnectionInfo{ID: "c"})
		start := time.Now()
		go io.Copy(io.Discard, p.in) // its kernel still takes what we send
		<-ended
		// First check after 10 s, which always passes, then every 30 s.
		require.Equal(t, 40*time.Second, time.Since(start))
		require.Contains(t, written.String(), "channel was inactive for too long (>30s)")
		require.Equal(t, []string{"connect c", "close"}, b.called())
	})
}

func TestClientThatSpeaksStays(t *testing.T) {
	for name, speak := range map[string]func(*peer){
		"keep-alives": func(p *peer) { p.oneway(&codec.KeepAlive{}) },
		"a long frame": func(p *peer) {
			if p.id == 1 {
				p.id++
				p.socket.Write([]byte{0, 1, 0, 0})
			}
			p.socket.Write([]byte{1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _, ended := run(t, &fakeBroker{}, "wireFormat.maxInactivityDuration=3000&wireFormat.maxInactivityDurationInitalDelay=1000")
				p.handshake(codec.DefaultWireFormatInfo())
				p.ok(&message.ConnectionInfo{ID: "c"})
				go io.Copy(io.Discard, p.in)
				for range 100 {
					time.Sleep(2 * time.Second)
					speak(p)
				}
				select {
				case <-ended:
					t.Fatal("was dropped")
				default:
				}
			})
		})
	}
}

// A client that waits for the broker's flow control is not silent.
func TestClientThatIsBlockedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		b := &fakeBroker{answer: func(call string, _ any) error {
			if call == "send" {
				<-free
			}
			return nil
		}}
		p, _, _ := run(t, b, "")
		p.handshake(codec.DefaultWireFormatInfo())
		p.ok(&message.ConnectionInfo{ID: "c"})
		p.request(text("x"))
		go func() {
			time.Sleep(10 * time.Minute)
			close(free)
		}()
		for {
			if _, v := p.receive(); v != any(nil) {
				if _, ok := v.(*codec.KeepAlive); !ok {
					require.IsType(t, &codec.Response{}, v)
					return
				}
			}
		}
	})
}

func TestKeepAlivesAreSentWhenIdle(t *testing.T) {
	for query, wanted := range map[string]bool{"": false, "transport.keepAliveResponseRequired=true": true} {
		synctest.Test(t, func(t *testing.T) {
			p, _, _ := run(t, &fakeBroker{}, query)
			offer := codec.DefaultWireFormatInfo()
			offer.MaxInactivityMS, offer.MaxInactivityInitialDelayMS = 9000, 1000 // the smaller counts
			p.handshake(offer)
			start := time.Now()
			var at []time.Duration
			for range 4 {
				h, v := p.receive()
				require.IsType(t, &codec.KeepAlive{}, v)
				require.Equal(t, wanted, h.ResponseRequired)
				at = append(at, time.Since(start))
				p.oneway(&codec.KeepAlive{})
			}
			// BrokerInfo counts as sent before the first check.
			require.Equal(t, []time.Duration{4 * time.Second, 7 * time.Second, 10 * time.Second, 13 * time.Second}, at)
		})
	}
}

func TestNoMonitorWhereNoneIsWanted(t *testing.T) {
	for name, test := range map[string]struct {
		query string
		ms    int64
	}{"connector": {"transport.useInactivityMonitor=false", 30000}, "client": {"", 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _, ended := run(t, &fakeBroker{}, test.query)
				offer := codec.DefaultWireFormatInfo()
				offer.MaxInactivityMS = test.ms
				p.handshake(offer)
				time.Sleep(24 * time.Hour)
				select {
				case <-ended:
					t.Fatal("was dropped")
				default:
				}
				p.ok(&message.ConnectionInfo{ID: "c"})
			})
		})
	}
}

// A client that sends keep-alives but never reads.
func TestClientThatNeverReadsIsDropped(t *testing.T) {
	for query, limit := range map[string]time.Duration{"": 30 * time.Second, "transport.soWriteTimeout=4000": 4 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := &fakeBroker{}
			p, written, ended := run(t, b, query)
			p.handshake(codec.DefaultWireFormatInfo())
			p.ok(&message.ConnectionInfo{ID: "c"})
			start := time.Now()
			for range 1000 {
				b.peer().Deliver(message.Delivery{Consumer: consumer, Message: text("x")})
			}
			spoken := make(chan struct{})
			go func() {
				defer close(spoken)
				for {
					frame, _ := p.enc.Append(nil, codec.Header{}, &codec.KeepAlive{})
					if _, err := p.socket.Write(frame); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			<-ended
			<-spoken
			require.GreaterOrEqual(t, time.Since(start), limit)
			require.LessOrEqual(t, time.Since(start), 2*limit)
			require.Contains(t, written.String(), "peer takes no data")
			require.Equal(t, []string{"connect c", "close"}, b.called())
		})
	}
}

func TestAQueueThatOverflowsEndsTheConnection(t *testing.T) {
	b := &fakeBroker{}
	s := serve(t, b, "")
	p := s.connected()
	m := text(strings.Repeat("x", 1000))
	peer := b.peer()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 2 * mostQueued {
		peer.Deliver(message.Delivery{Consumer: consumer, Message: m})
	}
	require.Eventually(t, func() bool { return s.listener.Connections() == 0 }, 10*time.Second, time.Millisecond)
	require.Contains(t, s.log.String(), "commands wait to be written")
	p.end()
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(32<<20), "memory is free again")
}

// Requests that are never read back do not pile up: the reader waits.
func TestRequestsThatAreNotAnsweredHoldTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waiting []func(error)
		b := &fakeBroker{commit: func(done func(error)) { waiting = append(waiting, done) }}
		p, _, _ := run(t, b, "wireFormat.maxInactivityDuration=0")
		p.handshake(codec.DefaultWireFormatInfo())
		p.ok(&message.ConnectionInfo{ID: "c"})
		go func() {
			for id := int32(100); ; id++ {
				frame, _ := p.enc.Append(nil, codec.Header{CommandID: id, ResponseRequired: true},
					&codec.TransactionInfo{Connection: "c", Transaction: xid, Operation: codec.CommitTwoPhase})
				if _, err := p.socket.Write(frame); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		require.Len(t, waiting, mostOwed)
		go io.Copy(io.Discard, p.in)
		for _, done := range waiting[:10] {
			done(nil)
		}
		synctest.Wait()
		require.Len(t, waiting, mostOwed+10)
		p.socket.Close()
		for _, done := range waiting[10:] {
			done(nil)
		}
	})
}
