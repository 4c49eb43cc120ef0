package journal

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCompany: the committer waits for those it knows of, not without any,
// not for ever, and not again and again for nothing.
func TestCompany(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // alone it never waits
	synctest.Test(t, testCompany)
}

// testCompany runs on a clock that each look at those who wait moves on.
func testCompany(t *testing.T) {
	const look = 10 * time.Microsecond
	c, asked := company{}, 0
	coming := func(numbers ...int) func() int {
		asked = 0
		return func() int {
			if asked > 0 {
				time.Sleep(look)
			}
			n := numbers[min(asked, len(numbers)-1)]
			asked++
			return n
		}
	}
	c.wait(coming(5))
	require.Equal(t, 1, asked, "nobody else is expected")
	c.wrote(3, 1, time.Hour)
	c.wait(coming(0))
	require.Equal(t, 1, asked, "nobody waits")
	c.wait(coming(1, 1, 2, 4, 9))
	require.Equal(t, 4, asked, "all four are there")
	require.Zero(t, c.vain)
	c.cost = time.Microsecond
	c.wait(coming(1))
	require.Equal(t, 1, c.vain, "nobody came")
	c.wait(coming(1, 4))
	require.Equal(t, 1, asked, "the next wait is left out")
	waits := 0
	for range 10 * mostSkipped {
		if c.wait(coming(1)); asked > 1 {
			waits++
		}
	}
	require.Less(t, waits, 20, "waits become seldom")
}
