package cron

import (
	"fmt"
	"strings"
	"time"
)

// Entry is a parsed entry.
type Entry struct {
	minutes, hours, days, months, weekdays field
	every                                  bool // "* * * * *"
}

// Parse reads an entry. The error wraps ErrSyntax or ErrNever.
func Parse(text string) (*Entry, error) {
	tokens := strings.Fields(text)
	if len(tokens) != 5 {
		return nil, fmt.Errorf("%w - wrong number of tokens(%d): %.200s", ErrSyntax, len(tokens), text)
	}
	e := &Entry{
		minutes:  field{name: "Minutes", start: 0, end: 60},
		hours:    field{name: "Hours", start: 0, end: 24},
		days:     field{name: "DayOfMonth", start: 1, end: 32},
		months:   field{name: "Month", start: 1, end: 12},
		weekdays: field{name: "DayOfWeek", start: 0, end: 6},
		every:    text == "* * * * *",
	}
	for i, f := range [...]*field{&e.minutes, &e.hours, &e.days, &e.months, &e.weekdays} {
		if err := f.parse(tokens[i]); err != nil {
			return nil, err
		}
	}
	if !e.possible() {
		return nil, ErrNever
	}
	return e, nil
}

// possible reports whether any date fulfils e.
func (e *Entry) possible() bool {
	if !e.minutes.within(0, 59) || !e.hours.within(0, 23) || !e.weekdays.within(0, 7) {
		return false
	}
	for _, m := range e.months.values {
		if m >= 1 && m <= 12 && e.days.within(1, longest[m-1]) {
			return true
		}
	}
	return false
}

// longest is the length of the months in a leap year.
var longest = [12]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// attempts is how often Next goes on from a day that the month does not have;
// it gets to a 29th of February across a century without one.
const attempts = 100

// Next is the first time after after, in its location, at which e is due: the
// beginning of a minute.
func (e *Entry) Next(after time.Time) (time.Time, error) {
	if e.every {
		return after.Truncate(time.Minute).Add(time.Minute), nil
	}
	t := after
	for range attempts {
		t = e.advance(t)
		if !t.After(after) {
			break
		}
		if !e.weekdays.all || e.days.has(t.Day()) && e.months.has(int(t.Month())) {
			return t, nil
		}
	}
	return time.Time{}, ErrNever
}

// advance is ActiveMQ's way to the next time, step by step.
func (e *Entry) advance(t time.Time) time.Time {
	t = t.Add(-time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond())).Add(time.Minute)
	t = e.toMinute(t)
	t = e.toHour(t)
	t = e.toDay(t)
	if !e.months.has(int(t.Month())) {
		months := e.months.next(int(t.Month()), e.months.end+1)
		t = time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, t.Location())
	}
	t = e.toDay(t)
	t = e.toHour(t)
	return e.toMinute(t)
}

func (e *Entry) toMinute(t time.Time) time.Time {
	if e.minutes.has(t.Minute()) {
		return t
	}
	return t.Add(time.Duration(e.minutes.next(t.Minute(), e.minutes.end)) * time.Minute)
}

func (e *Entry) toHour(t time.Time) time.Time {
	if e.hours.has(t.Hour()) {
		return t
	}
	return t.Add(time.Duration(e.hours.next(t.Hour(), e.hours.end)) * time.Hour)
}

// toDay goes to the nearer of the next day of the month and the next day of
// the week, if today is not both.
func (e *Entry) toDay(t time.Time) time.Time {
	byWeek, byMonth := e.weekdays.has(int(t.Weekday())), e.days.has(t.Day())
	if byWeek && byMonth {
		return t
	}
	days := 0
	if !byWeek {
		days = e.weekdays.next(int(t.Weekday()), e.weekdays.end+1)
	}
	if !byMonth {
		if n := e.days.next(t.Day(), lastDay(t)+1); byWeek || n < days {
			days = n
		}
	}
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, t.Location())
}

// lastDay is the number of days in t's month.
func lastDay(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 12, 0, 0, 0, time.UTC).Day()
}
