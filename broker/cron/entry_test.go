package cron

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04:05", text)
	require.NoError(t, err)
	return when
}

func TestNext(t *testing.T) {
	for _, tt := range []struct{ entry, after, want string }{
		{"* * * * *", "2010-11-15 09:15:30", "2010-11-15 09:16:00"},
		{"* * * * *", "2010-11-15 09:16:00", "2010-11-15 09:17:00"},
		{"* * * * 5", "2010-11-15 09:15:30", "2010-11-19 00:00:00"},
		{"50 20 * * 5", "2011-03-11 22:00:30", "2011-03-18 20:50:00"},
		{"0 20 * 4,5 0", "2011-05-30 22:00:30", "2012-04-01 20:00:00"},
		{"* 1 * * *", "1972-03-02 17:10:00", "1972-03-03 01:11:00"}, // the minute is not begun anew
		{"0 0 1,15 * ?", "2016-04-15 00:00:00", "2016-05-01 00:00:00"},
		{"*/15 9-17/4 * * 1-5", "2024-06-07 17:01:00", "2024-06-10 12:00:00"},
		// Days that a month does not have: ActiveMQ takes another month's.
		{"0 0 29 2 *", "2025-01-01 00:00:00", "2028-02-29 00:00:00"},
		{"0 0 31 4,5 *", "2025-04-02 00:00:00", "2025-05-31 00:00:00"},
		{"0 0 29 2 *", "2096-03-01 00:00:00", "2104-02-29 00:00:00"},
	} {
		e, err := Parse(tt.entry)
		require.NoError(t, err, tt.entry)
		got, err := e.Next(at(t, tt.after))
		require.NoError(t, err, tt.entry)
		require.Equal(t, tt.want, got.Format("2006-01-02 15:04:05"), tt.entry)
	}
}

// testdata/activemq.txt are 600 random entries with a time in UTC and the next
// one that the CronParser of ActiveMQ 5.17.2 gives, in seconds since 1970.
func TestNextIsActiveMQs(t *testing.T) {
	table, err := os.ReadFile("testdata/activemq.txt")
	require.NoError(t, err)
	same := 0
	for line := range strings.Lines(string(table)) {
		part := strings.Split(strings.TrimSpace(line), "|")
		after, err := strconv.ParseInt(part[1], 10, 64)
		require.NoError(t, err)
		want, err := strconv.ParseInt(part[2], 10, 64)
		require.NoError(t, err)
		e, err := Parse(part[0])
		if err != nil {
			require.ErrorIs(t, err, ErrNever, part[0])
			continue
		}
		got, err := e.Next(time.Unix(after, 0).UTC())
		require.NoError(t, err, line)
		if got.Unix() == want {
			same++
			continue
		}
		theirs := time.Unix(want, 0).UTC()
		require.False(t, e.days.has(theirs.Day()) && e.months.has(int(theirs.Month())),
			"%s: %s instead of %s", line, got, theirs)
	}
	require.Greater(t, same, 500)
}

func TestParseRefuses(t *testing.T) {
	for entry, want := range map[string]error{
		"":                             ErrSyntax,
		"* * * *":                      ErrSyntax,
		"* * * * * *":                  ErrSyntax,
		"a * * * *":                    ErrSyntax,
		"-5 * * * *":                   ErrSyntax,
		"5-1 * * * *":                  ErrSyntax,
		"*/0 * * * *":                  ErrSyntax,
		"*/2/2 * * * *":                ErrSyntax,
		"0-999999999 * * * *":          ErrSyntax,
		", * * * *":                    ErrSyntax,
		"99999999999999999999 * * * *": ErrSyntax,
		strings.Repeat("0-9999,", 9) + " 1 1 1 1": ErrSyntax,
		"60 * * * *":        ErrNever,
		"0 24 * * *":        ErrNever,
		"0 0 31 2 *":        ErrNever,
		"0 0 31 4,6,9,11 *": ErrNever,
		"0 0 * 13 *":        ErrNever,
		"0 0 * * 8":         ErrNever,
	} {
		_, err := Parse(entry)
		require.ErrorIs(t, err, want, entry)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("*/5 0-4,8-12 * 4 1-2,3-6/2", int64(1_300_000_000))
	f.Fuzz(func(t *testing.T, text string, seconds int64) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		after := time.Unix(seconds%(1<<33), 0).UTC()
		if next, err := e.Next(after); err == nil && !next.After(after) {
			t.Fatalf("%q: %s is not after %s", text, next, after)
		}
	})
}
