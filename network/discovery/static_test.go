package discovery

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder notes what an agent says, with the time since it was made.
type recorder struct {
	began time.Time
	agent Agent
	// failAfter has each service fail so long after it was added; negative
	// never, 0 within the call.
	failAfter time.Duration

	mu     sync.Mutex
	lines  []string
	last   Service
	timers []*time.Timer
}

func listen(a Agent, failAfter time.Duration) *recorder {
	r := &recorder{began: time.Now(), agent: a, failAfter: failAfter}
	a.Start(r)
	return r
}

func (r *recorder) note(what string, s Service) {
	r.lines = append(r.lines, fmt.Sprintf("%v %s%s", time.Since(r.began), what, s.Name))
	r.last = s
}

func (r *recorder) Added(s Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("+", s)
	switch {
	case r.failAfter == 0:
		r.agent.Failed(s)
	case r.failAfter > 0:
		r.timers = append(r.timers, time.AfterFunc(r.failAfter, func() { r.agent.Failed(s) }))
	}
}

func (r *recorder) Removed(s Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("-", s)
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

func (r *recorder) service() Service {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func agentOf(t *testing.T, text string, o Options) Agent {
	u, err := Parse(text)
	require.NoError(t, err)
	o.Log = slog.New(slog.DiscardHandler)
	return New(u, o)
}

// after lets the time pass and everything happen that is due by then.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// A broker that cannot be reached is tried after 1, 2, 4, … 30, 30 s.
func TestStaticBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := agentOf(t, "static:(tcp://a:1)", Options{})
		r := listen(a, 0)
		after(100 * time.Second)
		a.Close()
		require.Equal(t, strings.Fields("0s 1s 3s 7s 15s 31s 1m1s 1m31s"), times(r.take(), "+"))
	})
}

func times(lines []string, what string) (list []string) {
	for _, line := range lines {
		if at, _, ok := strings.Cut(line, " "+what); ok {
			list = append(list, at)
		}
	}
	return list
}

// One that was reached for minConnectTime is tried after the shortest delay.
func TestStaticForgivesWhatWorked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := agentOf(t, "static:(tcp://a:1)?initialReconnectDelay=100", Options{})
		r := listen(a, 5*time.Second)
		after(16 * time.Second)
		a.Close()
		require.Equal(t, []string{"0s +tcp://a:1", "5s -tcp://a:1", "5.1s +tcp://a:1", "10.1s -tcp://a:1", "10.2s +tcp://a:1", "15.2s -tcp://a:1", "15.3s +tcp://a:1"}, r.take())
	})
}

func TestStaticOptionsOfBackOff(t *testing.T) {
	for options, want := range map[string]string{
		"useExponentialBackOff=false&initialReconnectDelay=10000":              "0s 10s 20s 30s 40s 50s",
		"maxReconnectAttempts=3":                                               "0s 1s 3s",
		"maxReconnectAttempts=1":                                               "0s",
		"maxReconnectAttempts=-1&maxReconnectDelay=20000&backOffMultiplier=10": "0s 1s 11s 31s 51s",
		"minConnectTime=0&initialReconnectDelay=15000":                         "0s 15s 30s 45s",
	} {
		synctest.Test(t, func(t *testing.T) {
			a := agentOf(t, "static:(tcp://a:1)?"+options, Options{})
			r := listen(a, 0)
			after(55 * time.Second)
			a.Close()
			require.Equal(t, strings.Fields(want), times(r.take(), "+"), options)
		})
	}
}

// Each service has a back-off of its own, and only its present appearance can
// fail.
func TestStaticServicesAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := agentOf(t, "static:(tcp://a:1,tcp://b:1)", Options{})
		r := listen(a, -1)
		synctest.Wait()
		require.Equal(t, []string{"0s +tcp://a:1", "0s +tcp://b:1"}, r.take())
		b := r.service()
		a.Failed(b)
		a.Failed(b)
		after(time.Second)
		require.Equal(t, []string{"0s -tcp://b:1", "1s +tcp://b:1"}, r.take())
		a.Failed(b) // the one before
		a.Failed(Service{Name: "tcp://a:1", URI: "tcp://a:1"})
		after(time.Minute)
		require.Empty(t, r.take())
		a.Close()
	})
}

func TestClosedAgentIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, text := range []string{"static:(tcp://a:1)", "masterslave:(tcp://a:1,tcp://b:1)"} {
			a := agentOf(t, text, Options{})
			r := listen(a, 0)
			after(1500 * time.Millisecond)
			a.Close()
			r.take()
			a.Failed(r.service())
			after(time.Minute)
			require.Empty(t, r.take())
		}
	})
}
