package discovery

import (
	"log/slog"
	"time"
)

const (
	missesUntilDeath = 10               // keepAliveIntervals without a packet
	recoveredAfter   = 60 * time.Second // without a failure: the back-off begins anew
)

// book is what a multicast agent knows of the group's services. It does no
// I/O and asks no clock; its owner guards it. (ActiveMQ: RemoteBrokerData)
type book struct {
	backOff   backOff
	keepAlive time.Duration
	self      map[string]bool // not to be reported
	log       *slog.Logger

	entries map[string]*entry // by service, bounded by mostServices
	turn    uint64
	checked time.Time // silence was last looked for
	full    bool      // and that was logged
}

// entry is one service.
type entry struct {
	current  Service
	heard    time.Time
	recovery time.Time // a service that failed is left alone until then
	failures int
	delay    time.Duration
	failed   bool
	gone     bool // dead or silent: to be forgotten when the listener knows
	told     bool // the listener has it as there
}

// hear takes a packet in.
func (b *book) hear(p packet, now time.Time) {
	if b.self[p.service] {
		return
	}
	e := b.entries[p.service]
	switch {
	case p.dead && e != nil:
		b.forget(e)
	case p.dead:
	case e == nil:
		b.add(p, now)
	case e.gone: // the next packet finds it forgotten
	default:
		e.heard = now
		if !e.failed && e.failures > 0 && now.Sub(e.recovery) > recoveredAfter {
			e.failures, e.delay = 0, 0
		}
		if e.failed && !b.givenUp(e) && !now.Before(e.recovery) {
			e.failed = false
		}
	}
}

func (b *book) add(p packet, now time.Time) {
	if len(b.entries) >= mostServices {
		if !b.full {
			b.log.Warn("too many brokers are announced; further ones are ignored", "bound", mostServices)
		}
		b.full = true
		return
	}
	b.entries[p.service] = &entry{current: Service{Name: p.service, Broker: p.broker}, heard: now}
}

func (b *book) forget(e *entry) {
	e.gone = true
	if !e.told {
		delete(b.entries, e.current.Name)
	}
}

// givenUp reports whether a service has failed too often. What is announced
// anew after it was dead has a new beginning.
func (b *book) givenUp(e *entry) bool {
	return b.backOff.attempts > 0 && e.failures > b.backOff.attempts
}

// fail takes what the listener says of a service. With useExponentialBackOff
// the delay grows from the initial one; ActiveMQ's begins at 2 ms there, the
// multiplier to the power of the failures.
func (b *book) fail(s Service, now time.Time) {
	e := b.entries[s.Name]
	if e == nil || e.current != s || e.failed {
		return
	}
	e.failed = true
	e.failures++
	e.delay = b.backOff.next(e.delay)
	e.recovery = now.Add(e.delay)
	if b.givenUp(e) {
		b.log.Warn("reconnect attempts exceeded; reconnecting has been disabled",
			"attempts", b.backOff.attempts, "service", s.Name)
	}
}

// expire forgets services that are silent. Time in which this process stood
// still, when no packet could be read, does not count.
func (b *book) expire(now time.Time) {
	gap := now.Sub(b.checked)
	paused := !b.checked.IsZero() && gap > missesUntilDeath/2*b.keepAlive
	b.checked = now
	for _, e := range b.entries {
		switch {
		case paused:
			e.heard = e.heard.Add(gap)
		case now.Sub(e.heard) > missesUntilDeath*b.keepAlive:
			b.forget(e)
		}
	}
}

// step finds something that the listener does not know yet.
func (b *book) step() (s Service, added, ok bool) {
	for name, e := range b.entries {
		switch {
		case e.told && (e.gone || e.failed):
			e.told = false
			if e.gone {
				delete(b.entries, name)
			}
			return e.current, false, true
		case !e.told && !e.gone && !e.failed:
			b.turn++
			e.current.turn = b.turn
			e.told = true
			return e.current, true, true
		}
	}
	return Service{}, false, false
}
