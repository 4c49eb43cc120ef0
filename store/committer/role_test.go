package committer

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/store"
)

// toy is a store that only counts.
type toy struct {
	role *Role
	most int // units that go into one round

	mu     sync.Mutex
	last   store.Seq // mu
	closed bool      // mu

	busy   atomic.Int32
	faults atomic.Pointer[string]
	done   store.Seq // of whoever has the role, which the race detector watches
	led    int       // likewise: batches that a caller carried out
	ended  chan struct{}
}

func newToy(company Company, most int) *toy {
	s := &toy{most: most, ended: make(chan struct{})}
	s.role = NewRole(&s.mu, company)
	go s.commit()
	return s
}

func (s *toy) commit() {
	defer close(s.ended)
	for s.role.Enter(); ; s.role.Enter() {
		for {
			s.role.Gather()
			units, closed := s.take()
			if len(units) > 0 {
				s.carryOut(units)
				continue
			}
			if closed {
				return
			}
			break
		}
		<-s.role.Woken()
	}
}

func (s *toy) take() ([]*store.Unit, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.role.TakeLocked(), s.closed
}

// carryOut notes what must not be: two at a time, a unit twice or out of order.
func (s *toy) carryOut(units []*store.Unit) {
	if s.busy.Add(1) != 1 {
		s.fault("two commit at a time")
	}
	for from := 0; from < len(units); from += s.most {
		round, asked := units[from:min(from+s.most, len(units))], 0
		for _, u := range round {
			if u.Sync {
				asked++
			}
		}
		runtime.Gosched()
		s.role.Company.Wrote(asked, s.role.Asking(), time.Microsecond)
		for _, u := range round {
			if u.Ops[0].Seq != s.done+1 {
				s.fault("a unit is left out, or done twice")
			}
			s.done = u.Ops[0].Seq
			u.Done(nil)
		}
	}
	s.busy.Add(-1)
	s.role.Return(units)
}

func (s *toy) fault(text string) { s.faults.CompareAndSwap(nil, &text) }

func (s *toy) append(u *store.Unit) {
	s.mu.Lock()
	s.last++
	u.Ops[0].Seq = s.last
	wake := s.role.AppendLocked(u)
	s.mu.Unlock()
	if wake {
		s.role.Wake()
	}
}

func (s *toy) lead() {
	if !s.role.Lead() {
		return
	}
	if units, _ := s.take(); len(units) > 0 {
		s.carryOut(units)
		s.led++
		s.role.Rest()
	}
}

func (s *toy) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.role.Wake()
	<-s.ended
}

// step is one message of a producer.
type step struct {
	Sync, Led, Wait bool
	Pause           int // how often it lets others run before
}

// patience is how long a unit may take that nothing holds up: one that is
// forgotten takes for ever.
const patience = 30 * time.Second

// play appends what one producer sends and leads where it may.
func (s *toy) play(steps []step) {
	for _, step := range steps {
		for range step.Pause {
			runtime.Gosched()
		}
		done := make(chan struct{})
		u := &store.Unit{Ops: make([]store.Op, 1), Sync: step.Sync, Led: step.Led, Done: func(error) { close(done) }}
		s.append(u)
		if step.Led {
			s.lead()
		}
		if !step.Wait {
			continue
		}
		select {
		case <-done:
		case <-time.After(patience):
			s.fault("a unit is forgotten")
			return
		}
	}
}

// TestHandOver: whoever commits, and however the goroutines are scheduled, each
// unit is done once, in log order, by one goroutine at a time, and none waits
// for another to come.
func TestHandOver(t *testing.T) {
	led := 0
	rapid.Check(t, func(t *rapid.T) {
		company := Company{Longest: 50 * time.Microsecond, Spin: rapid.Bool().Draw(t, "spin"), Crowded: rapid.IntRange(0, 9).Draw(t, "crowded") == 0}
		s := newToy(company, rapid.IntRange(1, 4).Draw(t, "most"))
		message := rapid.Custom(func(t *rapid.T) step {
			return step{Sync: rapid.IntRange(0, 4).Draw(t, "sync") > 0, Led: rapid.IntRange(0, 3).Draw(t, "led") > 0,
				Wait: rapid.IntRange(0, 5).Draw(t, "wait") > 0, Pause: rapid.IntRange(0, 9).Draw(t, "pause")}
		})
		producers := rapid.SliceOfN(rapid.SliceOfN(message, 1, 60), 1, 5).Draw(t, "producers")
		lonely := rapid.Bool().Draw(t, "lonely")
		units := 0
		var wait sync.WaitGroup
		for _, steps := range producers {
			units += len(steps)
			wait.Go(func() { s.play(steps) })
		}
		if lonely { // as often as it goes there is somebody who may lead
			for range 20 {
				s.role.Isolate()
				runtime.Gosched()
			}
		}
		wait.Wait()
		s.close()
		if text := s.faults.Load(); text != nil {
			t.Fatal(*text)
		}
		require.EqualValues(t, units, s.done)
		led += s.led
	})
	require.Positive(t, led, "callers have led")
}

// TestAlone: a producer that sends one message after the other leads from the
// 33rd on, and no more when a second one has come.
func TestAlone(t *testing.T) {
	s := newToy(Company{Longest: time.Microsecond}, 1)
	one := step{Sync: true, Led: true, Wait: true}
	for range leastSingle {
		s.play([]step{one})
		require.Zero(t, s.led)
	}
	require.Eventually(t, s.role.Leadable, patience, 10*time.Microsecond)
	s.play([]step{one})
	require.Equal(t, 1, s.led)
	s.play([]step{{Sync: true, Wait: true}}) // by the committer, who is woken
	require.Equal(t, 1, s.led)
	s.role.Enter()
	s.role.Company.Wrote(1, 1, time.Microsecond)
	s.role.Rest()
	require.False(t, s.role.Leadable())
	s.close()
}

// TestLeftUnit: what was left to a leader that never comes is done with the
// next unit.
func TestLeftUnit(t *testing.T) {
	s := newToy(Company{}, 1)
	s.role.Isolate()
	require.Eventually(t, s.role.Leadable, patience, 10*time.Microsecond)
	left := make(chan struct{})
	s.append(&store.Unit{Ops: make([]store.Op, 1), Sync: true, Led: true, Done: func(error) { close(left) }})
	s.play([]step{{Sync: true, Wait: true}})
	<-left
	s.close()
	require.EqualValues(t, 2, s.done)
	require.Nil(t, s.faults.Load())
}
