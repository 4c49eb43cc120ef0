package broker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/store"
)

// alarms against a sorted list.
func TestAlarms(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var l alarms
		var want []alarm
		sort := func() {
			slices.SortFunc(want, func(a, b alarm) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
		}
		seq := store.Seq(0)
		r.Repeat(map[string]func(*rapid.T){
			"push": func(r *rapid.T) {
				seq++
				a := alarm{due: rapid.Int64Range(0, 20).Draw(r, "due"), seq: seq, size: 100}
				l.push(a)
				want = append(want, a)
				sort()
			},
			"due": func(r *rapid.T) {
				now, n := rapid.Int64Range(0, 20).Draw(r, "now"), rapid.IntRange(1, 5).Draw(r, "n")
				got := l.takeDue(nil, now, n, 250)
				k := 0
				for k < min(n, 2) && k < len(want) && want[k].due <= now {
					k++
				}
				require.Equal(r, append([]alarm(nil), want[:k]...), got)
				want = want[k:]
			},
			"all": func(r *rapid.T) {
				low := rapid.Int64Range(0, 20).Draw(r, "low")
				pick := func(a alarm) bool { return a.due%3 == low%3 }
				got := l.takeAll(nil, pick)
				n := len(want)
				want = slices.DeleteFunc(want, pick)
				require.Len(r, got, n-len(want))
			},
			"": func(r *rapid.T) {
				require.Len(r, l, len(want))
				if len(want) > 0 {
					require.Equal(r, want[0], l[0])
				}
			},
		})
	})
}
