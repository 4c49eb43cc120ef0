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
		l := alarms{limit: rapid.SampledFrom([]int{0, 2, 5}).Draw(r, "limit")}
		var want []alarm
		sort := func() {
			slices.SortFunc(want, alarm.compare)
		}
		seq := store.Seq(0)
		r.Repeat(map[string]func(*rapid.T){
			"push": func(r *rapid.T) {
				seq++
				a := alarm{due: rapid.Int64Range(-5, 20).Draw(r, "due"), seq: seq, size: 100, hash: uint16(seq * 40503)}
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
				require.True(r, slices.Equal(want[:k], got), "%v, not %v", got, want[:k])
				want = want[k:]
			},
			"take": func(r *rapid.T) {
				k := rapid.Int64Range(1, 9).Draw(r, "one of")
				pick := func(a alarm) bool { return a.due%k == 0 && a.seq%2 == 0 }
				got := l.chosen(pick)
				l.take(got...)
				var rest, gone []alarm
				for _, a := range want {
					if pick(a) {
						gone = append(gone, a)
					} else {
						rest = append(rest, a)
					}
				}
				require.True(r, slices.Equal(gone, got), "%v, not %v", got, gone)
				want = rest
				if len(got) > 0 && rapid.Bool().Draw(r, "back") {
					l.putBack(got[0])
					want = append(want, got[0])
					sort()
				}
			},
			"view": func(r *rapid.T) {
				v := l.view()
				l.push(alarm{due: 100, seq: seq + 1})
				l.take(alarm{due: 100, seq: seq + 1})
				seq++
				got := v.takeDue(nil, 1<<62, len(want)+1, 1<<62)
				require.True(r, slices.Equal(want, got), "%v, not %v", got, want)
			},
			"": func(r *rapid.T) {
				require.LessOrEqual(r, len(l.dead), l.bound())
				got := l.chosen(func(alarm) bool { return true })
				require.True(r, slices.Equal(want, got), "%v, not %v", got, want)
				if first, ok := l.first(); ok {
					require.Equal(r, want[0], first)
				}
			},
		})
	})
}

// A million alarms are merged into few runs, of few bytes each, and come out in
// order, whatever order they came in.
func TestManyAlarms(t *testing.T) {
	const n = 1_000_000
	for name, due := range map[string]func(i int) int64{
		"rising":  func(i int) int64 { return 1_800_000_000_000 + int64(i)/10 },
		"falling": func(i int) int64 { return 1_800_000_000_000 - int64(i) },
		"mixed":   func(i int) int64 { return 1_800_000_000_000 + int64(uint32(i)*2654435761)%100_000_000 },
	} {
		t.Run(name, func(t *testing.T) {
			var l alarms
			for i := range n {
				l.push(alarm{due: due(i), seq: store.Seq(i + 1), size: uint32(2000 + i%7)})
			}
			bytes := cap(l.near) * 24
			for _, r := range l.runs {
				bytes += len(r.chunks) * runChunk
			}
			require.Less(t, float64(bytes)/n, 11.0)
			require.LessOrEqual(t, len(l.runs), 40)
			var last alarm
			for i := range n {
				a := l.pop()
				if i > 0 && !last.before(a) { // three million times: not by require
					t.Fatalf("%v comes after %v", last, a)
				}
				last = a
			}
			_, ok := l.first()
			require.False(t, ok)
			require.Empty(t, l.runs)
		})
	}
}

// What a removal costs does not grow with what stays.
func BenchmarkTakeAlarm(b *testing.B) {
	const n = 1_000_000
	var l alarms
	for i := range n {
		l.push(alarm{due: int64(i) / 10, seq: store.Seq(i + 1), size: 1000})
	}
	b.ResetTimer()
	for i := range b.N {
		a := alarm{due: int64(i%n) / 10, seq: store.Seq(i%n + 1), size: 1000}
		l.take(a)
		l.putBack(a)
	}
}
