package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLedger(t *testing.T) {
	sent := func() *Ledger {
		l := New()
		for range 4 {
			number, body := l.Next("p", 40)
			require.Len(t, body, 40)
			if number != 3 {
				l.Acknowledged("p", number)
			}
		}
		return l
	}
	deliver := func(l *Ledger, numbers ...int) {
		for _, n := range numbers {
			l.Delivered("c", Entry("p", n), false)
		}
	}

	l := sent()
	deliver(l, 0, 1, 2)
	require.NoError(t, l.Check(), "3 was not acknowledged and may be missing")
	require.Equal(t, []int{4, 3, 3}, []int{l.Tries(), l.Acks(), l.Deliveries()})
	l.Delivered("c", Entry("p", 1), true)
	require.NoError(t, l.Check(), "a redelivery that is flagged")

	l = sent()
	deliver(l, 0, 2, 3)
	require.ErrorContains(t, l.Check(), "1 acknowledged entries are lost, such as ledger p 1;")
	require.NoError(t, l.Check(Entry("p", 1)))

	for name, numbers := range map[string][]int{"came again": {0, 1, 1, 2}, "after 2": {0, 2, 1}, "never sent": {0, 1, 2, 3, 4}} {
		l = sent()
		deliver(l, numbers...)
		require.ErrorContains(t, l.Check(), name)
	}
	l = sent()
	deliver(l, 0, 1, 2)
	l.Delivered("c", "something else", false)
	require.ErrorContains(t, l.Check(), "is no entry")
}
