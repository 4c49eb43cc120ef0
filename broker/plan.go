package broker

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/conclavemq/conclave/broker/cron"
	"github.com/conclavemq/conclave/message"
)

// Properties with which a client asks for a later delivery. (ActiveMQ:
// ScheduledMessage)
const (
	scheduledPrefix = "AMQ_SCHEDULED_"
	scheduledDelay  = scheduledPrefix + "DELAY"
	scheduledPeriod = scheduledPrefix + "PERIOD"
	scheduledRepeat = scheduledPrefix + "REPEAT"
	scheduledCron   = scheduledPrefix + "CRON"
	scheduledJobID  = "scheduledJobId"
)

// plan is when a message is to be delivered, as its properties say.
type plan struct {
	cron   string // "" none
	delay  int64  // ms; counts if it is more than 0
	period int64  // ms; between repetitions, and for the first time without delay
	repeat int32  // deliveries after the first; negative: for ever
}

// readPlan reads the properties; ok is false if they ask for nothing.
func readPlan(properties message.Properties) (p plan, ok bool, err error) {
	for i := range properties {
		if properties[i].Value == nil {
			continue
		}
		switch name, value := properties[i].Name, properties[i].Value; name {
		case scheduledCron:
			ok, p.cron = true, fmt.Sprint(value)
		case scheduledDelay:
			ok = true
			p.delay, err = whole(name, value)
		case scheduledPeriod:
			ok = true
			p.period, err = whole(name, value)
		case scheduledRepeat:
			var n int64
			if n, err = whole(name, value); err == nil && n != int64(int32(n)) {
				err = failure(ErrMessageFormat, "The scheduled repeat value is too large")
			}
			p.repeat = int32(n)
		}
		if err != nil {
			return plan{}, false, err
		}
	}
	return p, ok, nil
}

// readDelay is readPlan for what nearly all of those ask that ask for anything:
// one delivery, after a delay. It allocates nothing. ok is false if they ask
// for something else, or if it takes a closer look.
func readDelay(properties []byte) (delay int64, ok bool) {
	s := message.ScanProperties(properties)
	asks := 0
	for s.Next() {
		switch name := s.Name(); {
		case bytes.HasPrefix(name, []byte(scheduledPrefix)):
			asks++
			delay, ok = s.Whole()
			ok = ok && string(name) == scheduledDelay
		case string(name) == scheduledJobID, string(name) == jobProperty:
			return 0, false
		}
	}
	return delay, ok && asks == 1 && s.Plain()
}

// whole reads what Java's client lets an application set as a whole number.
// (ActiveMQ: TypeConversionSupport)
func whole(name string, value any) (int64, error) {
	switch v := value.(type) {
	case int8:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case int64:
		return v, nil
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return 0, failure(ErrMessageFormat, "%s: %.100q is no whole number", name, v)
		}
		return n, nil
	}
	return 0, failure(ErrMessageFormat, "%s: a %T is no whole number", name, value)
}

// check finds what cannot be carried out.
func (p *plan) check(maxRepeat int) error {
	if int64(p.repeat) > int64(maxRepeat) {
		return failure(ErrMessageFormat, "The scheduled repeat value is too large")
	}
	if p.cron == "" {
		return nil
	}
	_, err := cron.Parse(p.cron)
	switch {
	case errors.Is(err, cron.ErrNever):
		return failure(ErrMessageFormat, "Unable to compute next scheduled exection time. (%s)", p.cron)
	case err != nil:
		return failure(ErrMessageFormat, "%v", err)
	}
	return nil
}

// first is when the message is due for the first time, in ms since 1970.
// ActiveMQ rounds it up to half a second, so that jobs share entries of its
// index.
func (p *plan) first(now time.Time) (int64, error) {
	start := now.UnixMilli()
	if p.cron != "" {
		next, err := nextCron(p.cron, now)
		if err != nil {
			return 0, err
		}
		start = next
	}
	if p.delay > 0 {
		return later(start, p.delay), nil
	}
	return later(start, p.period), nil
}

// leastJobPeriod is in place of a period of 0 or less; it is about what
// ActiveMQ's loop takes.
const leastJobPeriod = 100 // ms

// again is when a repeated message is due once more.
func (p *plan) again(now time.Time) int64 {
	if p.period <= 0 {
		return later(now.UnixMilli(), leastJobPeriod)
	}
	return later(now.UnixMilli(), p.period)
}

// nextCron is when an entry is due next, in ms since 1970, by the clock of the
// broker's time zone.
func nextCron(entry string, now time.Time) (int64, error) {
	e, err := cron.Parse(entry)
	if err != nil {
		return 0, err
	}
	next, err := e.Next(now)
	return next.UnixMilli(), err
}

// later adds ms without running over.
func later(start, ms int64) int64 {
	if ms > 0 && start > math.MaxInt64-ms {
		return math.MaxInt64
	}
	return start + ms
}
