package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// lan is a network in memory. Its sockets hear all that is sent.
type lan struct {
	mu      sync.Mutex
	sockets map[*port]bool // mu
	down    bool           // mu: nothing can be opened or sent
	opened  int            // mu
}

func newLAN() *lan { return &lan{sockets: map[*port]bool{}} }

type port struct {
	lan    *lan
	in     chan string
	closed chan struct{}
	once   sync.Once
}

var errDown = errors.New("network is down")

func (l *lan) open(groupOptions, bool) (socket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errDown
	}
	l.opened++
	p := &port{lan: l, in: make(chan string, 100), closed: make(chan struct{})}
	l.sockets[p] = true
	return p, nil
}

func (l *lan) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

func (l *lan) say(datagram string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.sockets {
		select {
		case p.in <- datagram:
		default:
		}
	}
}

func (p *port) receive(buf []byte, within time.Duration) (int, error) {
	select {
	case <-p.closed:
		return 0, net.ErrClosed
	case s := <-p.in:
		return copy(buf, s), nil
	case <-time.After(within):
		return 0, os.ErrDeadlineExceeded
	}
}

func (p *port) send(datagram []byte) error {
	p.lan.mu.Lock()
	down := p.lan.down
	p.lan.mu.Unlock()
	if down {
		return errDown
	}
	p.lan.say(string(datagram))
	return nil
}

func (p *port) close() error {
	p.once.Do(func() { close(p.closed) })
	p.lan.mu.Lock()
	defer p.lan.mu.Unlock()
	delete(p.lan.sockets, p)
	return nil
}

func (l *lan) advertise(t *testing.T, text, service string) *Advertiser {
	u, err := Parse(text)
	require.NoError(t, err)
	a, err := Advertise(u, "broker", service, Options{open: l.open, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return a
}

func TestMulticastFindsAndLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		a := agentOf(t, "multicast://default?discovered.x=1", Options{open: l.open, Self: []string{"tcp://me:1"}})
		r := listen(a, -1)
		after(time.Second)
		me, one, other := l.advertise(t, "multicast://default", "tcp://me:1"), l.advertise(t, "multicast://default", "tcp://a:1"), l.advertise(t, "multicast://default?group=other", "tcp://b:1")
		synctest.Wait()
		require.Equal(t, []string{"1s +tcp://a:1"}, r.take())
		found := r.service()
		require.Equal(t, "tcp://a:1?x=1", found.URI)
		require.Equal(t, "broker", found.Broker)
		after(time.Minute)
		require.Empty(t, r.take())
		one.Close()
		synctest.Wait()
		require.Equal(t, []string{"1m1s -tcp://a:1"}, r.take(), "it has said so")
		two := l.advertise(t, "multicast://default", "tcp://a:1")
		synctest.Wait()
		require.Equal(t, []string{"1m1s +tcp://a:1"}, r.take())
		two.Silence()
		after(4900 * time.Millisecond)
		require.Empty(t, r.take())
		after(700 * time.Millisecond)
		require.Len(t, r.take(), 1, "ten intervals without a packet")
		me.Close()
		other.Close()
		a.Close()
	})
}

// A broker that announces itself but cannot be reached is left alone for a
// while; in the meantime its packets count for nothing.
func TestMulticastBacksOff(t *testing.T) {
	for options, want := range map[string]string{
		"":                            "0s 5s 10s 15s 20s 25s 30s 35s",
		"?useExponentialBackOff=true": "0s 5s 15s 35s",
		"?maxReconnectAttempts=2":     "0s 5s 10s",
		"?initialReconnectDelay=20000&maxReconnectDelay=10": "0s 20s",
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLAN()
			a := agentOf(t, "multicast://default"+options, Options{open: l.open})
			r := listen(a, 0)
			synctest.Wait()
			d := l.advertise(t, "multicast://default", "tcp://a:1")
			after(39 * time.Second)
			require.Equal(t, strings.Fields(want), times(r.take(), "+"), options)
			d.Close()
			a.Close()
		})
	}
}

// After a minute without a failure the back-off begins anew.
func TestMulticastForgives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		a := agentOf(t, "multicast://default?useExponentialBackOff=true", Options{open: l.open})
		r := listen(a, 70*time.Second)
		synctest.Wait()
		d := l.advertise(t, "multicast://default", "tcp://a:1")
		after(240 * time.Second)
		require.Equal(t, strings.Fields("0s 1m15s 2m30s 3m45s"), times(r.take(), "+"))
		d.Close()
		a.Close()
		for _, timer := range r.timers {
			timer.Stop()
		}
	})
}

// A network that is not there yet, or goes away, costs nothing but the time.
func TestMulticastNetworkComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		l.setDown(true)
		a := agentOf(t, "multicast://default", Options{open: l.open})
		r := listen(a, -1)
		d := l.advertise(t, "multicast://default", "tcp://a:1")
		after(time.Minute)
		require.Empty(t, r.take())
		l.setDown(false)
		after(4 * time.Second)
		require.Len(t, times(r.take(), "+"), 1)
		l.setDown(true)
		after(6 * time.Second)
		require.Len(t, times(r.take(), "-"), 1)
		l.setDown(false)
		after(time.Second)
		require.Len(t, times(r.take(), "+"), 1)
		d.Close()
		a.Close()
	})
}

func TestSilentSocketIsOpenedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		a := agentOf(t, "multicast://default", Options{open: l.open})
		listen(a, -1)
		after(10*reopenAfter + time.Second)
		require.Equal(t, 11, l.opened)
		a.Close()
		require.Empty(t, l.sockets)
	})
}

// brokenPort is a socket that can be had, and not be read.
type brokenPort struct{ *port }

func (brokenPort) receive([]byte, time.Duration) (int, error) { return 0, errDown }

func TestASocketThatCannotBeReadIsNotOpenedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLAN()
		var log bytes.Buffer
		broken := func(g groupOptions, receive bool) (socket, error) {
			s, err := l.open(g, receive)
			if l.opened > 1000 {
				return s, err // before it takes all the time that there is
			}
			return brokenPort{s.(*port)}, err
		}
		u, err := Parse("multicast://default")
		require.NoError(t, err)
		a := New(u, Options{open: broken, Log: slog.New(slog.NewTextHandler(&log, nil))})
		listen(a, -1)
		after(reopenAfter + time.Second)
		require.Equal(t, 11, l.opened)
		a.Close()
		require.Equal(t, 1, strings.Count(log.String(), "cannot listen"), "said once")
	})
}

// Who floods the group fills a bounded table.
func TestMulticastFlood(t *testing.T) {
	b := book{self: map[string]bool{}, entries: map[string]*entry{}, log: slog.New(slog.DiscardHandler), keepAlive: time.Second}
	now := time.Now()
	for i := range 10 * mostServices {
		b.hear(packet{service: fmt.Sprintf("tcp://h%d:1", i)}, now)
	}
	require.Len(t, b.entries, mostServices)
	told := 0
	for {
		_, added, ok := b.step()
		if !ok {
			break
		}
		require.True(t, added)
		told++
	}
	require.Equal(t, mostServices, told)
	b.expire(now.Add(time.Second))
	for i := 2; i < 12; i++ {
		b.expire(now.Add(time.Duration(i) * time.Second))
	}
	for {
		_, added, ok := b.step()
		if !ok {
			break
		}
		require.False(t, added)
	}
	require.Empty(t, b.entries)
}

// A process that stood still has not heard what was said meanwhile.
func TestPauseIsNoSilence(t *testing.T) {
	b := book{self: map[string]bool{}, entries: map[string]*entry{}, log: slog.New(slog.DiscardHandler), keepAlive: 500 * time.Millisecond}
	now := time.Now()
	b.expire(now)
	b.hear(packet{service: "tcp://a:1"}, now)
	_, added, _ := b.step()
	require.True(t, added)
	now = now.Add(time.Hour)
	b.expire(now)
	_, _, ok := b.step()
	require.False(t, ok)
	for range 11 {
		now = now.Add(500 * time.Millisecond)
		b.expire(now)
	}
	_, added, ok = b.step()
	require.True(t, ok)
	require.False(t, added)
}

func TestAdvertiseRefuses(t *testing.T) {
	u, err := Parse("static:(tcp://a:1)")
	require.NoError(t, err)
	_, err = Advertise(u, "b", "tcp://a:1", Options{})
	require.ErrorIs(t, err, ErrScheme)
	u, err = Parse("multicast://default")
	require.NoError(t, err)
	_, err = Advertise(u, "b", "stomp://a:1", Options{})
	require.ErrorIs(t, err, ErrURI)
}
