//go:build interop

package interop

import (
	"bufio"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gap is the longest time without a successful send that a kill caused.
type gap struct {
	kill   time.Time
	length time.Duration // from the last send before it to the first after it
	after  time.Duration // from the kill to that first send
}

// readTimes reads the file that Ledger.java wrote: microseconds of the wall
// clock, ascending.
func readTimes(t *testing.T, file string) []time.Time {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var times []time.Time
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		micros, err := strconv.ParseInt(scanner.Text(), 10, 64)
		require.NoError(t, err)
		times = append(times, time.UnixMicro(micros))
	}
	return times
}

// onset bounds how long after a kill sends may go on: answers that had left the
// broker are still being read.
const onset = 500 * time.Millisecond

// gapsOf finds for each kill the longest pause between two successful sends
// that ends after the kill and begins before or right after it.
func gapsOf(sends, kills []time.Time) []gap {
	gaps := make([]gap, 0, len(kills))
	for _, kill := range kills {
		first, _ := slices.BinarySearchFunc(sends, kill, time.Time.Compare)
		longest := gap{kill: kill}
		for i := max(first, 1); i < len(sends); i++ {
			if sends[i-1].After(kill.Add(onset)) {
				break
			}
			if length := sends[i].Sub(sends[i-1]); length > longest.length {
				longest = gap{kill, length, sends[i].Sub(kill)}
			}
		}
		gaps = append(gaps, longest)
	}
	return gaps
}

// spread is the median and the largest of some durations.
func spread(gaps []gap, of func(gap) time.Duration) (median, worst time.Duration) {
	if len(gaps) == 0 {
		return 0, 0
	}
	var all []time.Duration
	for _, g := range gaps {
		all = append(all, of(g))
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

func TestGapsBelongToTheirKills(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	sends := []time.Time{at(0), at(10), at(20), at(320), at(330), at(600), at(1340), at(1940), at(1950), at(3950)}
	require.Equal(t, []gap{{at(25), 300 * time.Millisecond, 295 * time.Millisecond}, {at(1350), 600 * time.Millisecond, 590 * time.Millisecond}},
		gapsOf(sends, []time.Time{at(25), at(1350)}))
	median, worst := spread(gapsOf(sends, []time.Time{at(25), at(1350)}), func(g gap) time.Duration { return g.length })
	require.Equal(t, 600*time.Millisecond, median)
	require.Equal(t, 600*time.Millisecond, worst)
}
