package journal

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/message"
)

// TestOrder compares an order with a sorted slice.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var s slab
		var o order
		var model []uint64
		next := uint64(0)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			switch rapid.IntRange(0, 2).Draw(r, "step") {
			case 0:
				for range rapid.IntRange(1, 900).Draw(r, "pushes") {
					next += uint64(1 + next%3)
					o.push(s.put(entry{seq: next}))
					model = append(model, next)
				}
			case 1: // anywhere
				for range rapid.IntRange(1, 900).Draw(r, "removals") {
					if len(model) == 0 {
						break
					}
					i := int(next*7919) % len(model)
					h := o.find(&s, model[i])
					require.NotZero(r, h)
					require.True(r, o.remove(&s, model[i]))
					s.drop(h)
					model = slices.Delete(model, i, i+1)
					next++
				}
			case 2: // in order
				for range min(len(model), rapid.IntRange(1, 900).Draw(r, "removals")) {
					h := o.find(&s, model[0])
					require.True(r, o.remove(&s, model[0]))
					s.drop(h)
					model = model[1:]
				}
			}
			require.Equal(r, len(model), o.n)
			require.Equal(r, len(model), s.live)
			after := rapid.Uint64Range(0, next+1).Draw(r, "after")
			var got []uint64
			o.after(&s, after, func(h handle) bool { got = append(got, s.get(h).seq); return true })
			i, _ := slices.BinarySearch(model, after+1)
			require.Equal(r, append([]uint64(nil), model[i:]...), got)
			require.False(r, o.remove(&s, next+1))
		}
	})
}

// TestTable compares a table with a map.
func TestTable(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var s slab
		var tab table
		type key struct {
			producer uint32
			sequence int64
		}
		model := map[key]handle{}
		for range rapid.IntRange(1, 400).Draw(r, "steps") {
			k := key{rapid.Uint32Range(1, 3).Draw(r, "producer"), rapid.Int64Range(0, 60).Draw(r, "sequence")}
			h := tab.find(&s, k.producer, k.sequence)
			require.Equal(r, model[k], h)
			if h != 0 {
				tab.remove(&s, h)
				s.drop(h)
				delete(model, k)
				continue
			}
			h = s.put(entry{producer: k.producer, sequence: k.sequence})
			tab.insert(&s, h)
			model[k] = h
		}
		require.Equal(r, len(model), tab.n)
		for k, h := range model {
			require.Equal(r, h, tab.find(&s, k.producer, k.sequence))
		}
	})
}

// TestProducers: idle producers are forgotten, the oldest first; those with
// messages are not.
func TestProducers(t *testing.T) {
	p := newProducers()
	id := func(n int) message.ProducerID {
		return message.ProducerID{Connection: "ID:c", Session: 1, Value: int64(n)}
	}
	held := p.number(id(-1))
	p.hold(held)
	p.note(held, 5, 1)
	for n := range maxIdleProducers + 10 {
		p.note(p.number(id(n)), int64(n), 1)
		if n%1000 == 0 {
			p.note(p.number(id(3)), 7, 1)
		}
	}
	require.Equal(t, int64(5), p.last(id(-1)))
	require.Equal(t, int64(7), p.last(id(3)), "it was used again and again")
	require.Equal(t, int64(-1), p.last(id(4)))
	require.Equal(t, int64(maxIdleProducers+9), p.last(id(maxIdleProducers+9)))
	require.Equal(t, maxIdleProducers, p.idle)
	require.Len(t, p.numbers, maxIdleProducers+1)
	p.release(held)
	require.Equal(t, int64(5), p.last(id(-1)))
	require.Equal(t, maxIdleProducers, p.idle)
}
