package openwire

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

func TestTurns(t *testing.T) {
	var s turns
	alone := func() bool { return s.message(1, false) }
	learn := func() {
		for range leastTurns {
			require.False(t, alone())
		}
	}
	learn()
	led := 0
	for range 10 * lookEvery {
		if alone() {
			led++
		}
	}
	require.Equal(t, 10*(lookEvery-1), led)
	for name, disturb := range map[string]func(){
		"another is not answered": func() { require.False(t, s.message(2, false)) },
		"more has come":           func() { require.False(t, s.message(1, true)) },
		"another command":         s.other,
	} {
		disturb()
		learn()
		require.True(t, alone(), name)
	}
}

// waiting is a broker whose answers are the test's to give.
func waiting(t *testing.T) (*peer, *atomic.Int64, chan func(error)) {
	var led atomic.Int64
	answers := make(chan func(error), 1000)
	b := &fakeBroker{
		led:  func() { led.Add(1) },
		send: func(_ context.Context, _ *message.Message, done func(error)) { answers <- done },
	}
	return serve(t, b, "").connected(), &led, answers
}

// taught is waiting with a client that has taken turns for long enough.
func taught(t *testing.T) (*peer, *atomic.Int64, chan func(error)) {
	p, led, answers := waiting(t)
	for range 1000 {
		id := p.request(text("x"))
		(<-answers)(nil)
		require.Equal(t, id, expect[*codec.Response](p).CorrelationID)
		if led.Load() > 0 {
			break
		}
	}
	require.Positive(t, led.Load(), "a client that waits for each answer")
	return p, led, answers
}

// TestAReaderCommitsForNobodyWhoSendsAhead: not for one that sends several
// messages at once, nor for one whose window is open by two: whose next message
// is always there before the last one is answered.
func TestAReaderCommitsForNobodyWhoSendsAhead(t *testing.T) {
	p, led, answers := taught(t)
	p.request(text("x"))
	last := <-answers
	for range lookEvery { // until the reader has looked
		p.request(text("x"))
		next := <-answers
		last(nil)
		expect[*codec.Response](p)
		last = next
	}
	before := led.Load()
	for range 4 * lookEvery {
		p.request(text("x"))
		next := <-answers
		last(nil)
		expect[*codec.Response](p)
		last = next
	}
	require.Equal(t, before, led.Load())
	last(nil)
	expect[*codec.Response](p)
}

// TestTwoSessionsShareASync: two sessions of one connection wait for their
// answers, so that a reader that commits always finds one message alone. It
// notices at the next look, and from then on takes both.
func TestTwoSessionsShareASync(t *testing.T) {
	var leads atomic.Int64
	committing := make(chan struct{}) // a reader commits until it receives from here
	answers := make(chan func(error), 1000)
	inLead := false // of the reader's goroutine
	b := &fakeBroker{}
	b.led = func() { leads.Add(1); inLead = true }
	b.send = func(_ context.Context, _ *message.Message, done func(error)) {
		answers <- done
		if inLead {
			inLead = false
			<-committing
		}
	}
	p := serve(t, b, "").connected()
	for range 1000 {
		p.request(text("x"))
		done := <-answers
		if leads.Load() > 0 {
			done(nil)
			committing <- struct{}{}
			expect[*codec.Response](p)
			break
		}
		done(nil)
		expect[*codec.Response](p)
	}
	require.Positive(t, leads.Load())
	// The other session begins. While one of them waits for its answer, the
	// message of the other is on its way.
	both := 0
	p.request(text("x"))
	done := <-answers
	for range 4 * lookEvery {
		p.request(text("x"))
		select {
		case committing <- struct{}{}: // the reader could not see it
			done(nil)
			expect[*codec.Response](p)
			done = <-answers
			both = 0
		case next := <-answers: // it could
			done(nil)
			expect[*codec.Response](p)
			done = next
			both++
		}
	}
	require.Greater(t, both, 2*lookEvery, "it has gone on committing one at a time")
	done(nil)
	expect[*codec.Response](p)
}

// TestAcknowledgementsDoNotWaitForASync: a client that also consumes is one
// whose acknowledgements give it credit.
func TestAcknowledgementsDoNotWaitForASync(t *testing.T) {
	p, led, answers := taught(t)
	before := led.Load()
	for range 4 * lookEvery {
		p.oneway(&message.Ack{Consumer: consumer, Count: 1})
		id := p.request(text("x"))
		(<-answers)(nil)
		require.Equal(t, id, expect[*codec.Response](p).CorrelationID)
	}
	require.Equal(t, before, led.Load())
}
