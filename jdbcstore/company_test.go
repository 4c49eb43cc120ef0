package jdbcstore

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCompany: the committer waits for those it knows of, not without any,
// not for ever, and not again and again for nothing.
func TestCompany(t *testing.T) {
	synctest.Test(t, testCompany)
}

func testCompany(t *testing.T) {
	const look = 10 * time.Microsecond
	c, asked := company{}, 0
	wake := make(chan struct{}, 1)
	coming := func(numbers ...int) func() int {
		asked = 0
		return func() int {
			n := numbers[min(asked, len(numbers)-1)]
			if asked++; asked < len(numbers) {
				time.AfterFunc(look, func() { wake <- struct{}{} })
			}
			return n
		}
	}
	c.wait(coming(5), wake)
	require.Equal(t, 1, asked, "nobody else is expected")
	c.wrote(3, 1, time.Hour)
	c.wait(coming(0), wake)
	require.Equal(t, 1, asked, "nobody waits")
	c.wait(coming(1, 1, 2, 4), wake)
	require.Equal(t, 4, asked, "all four are there")
	require.Zero(t, c.vain)
	began := time.Now()
	c.wait(coming(1), wake)
	require.Equal(t, longestWait, time.Since(began))
	c.cost = time.Microsecond
	c.wait(coming(1), wake)
	require.Equal(t, 1, c.vain, "nobody came")
	c.wait(coming(1, 4), wake)
	require.Equal(t, 1, asked, "the next wait is left out")
	<-wake
	waits := 0
	for range 10 * mostSkipped {
		if c.wait(coming(1), wake); asked > 1 {
			waits++
		}
	}
	require.Less(t, waits, 20, "waits become seldom")
}
