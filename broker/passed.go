package broker

import (
	"slices"
	"sort"

	"github.com/conclavemq/conclave/store"
)

// passed is a set of positions below a lane's cursor: the messages of the lane
// that no consumer wanted when the cursor came by. They are in the store alone.
// It is kept as runs, in order: of the lane's messages that lie in a run all
// that are still stored have been passed. So it costs 16 bytes for each run,
// which ends where somebody wanted a message.
type passed []run

// run is the positions from first to last, both included.
type run struct{ first, last store.Seq }

// search returns the place of the first run that ends at or behind seq.
func (p passed) search(seq store.Seq) int {
	return sort.Search(len(p), func(i int) bool { return p[i].last >= seq })
}

func (p passed) has(seq store.Seq) bool {
	i := p.search(seq)
	return i < len(p) && p[i].first <= seq
}

// beyond returns the first position behind seq at which there may be one.
func (p passed) beyond(seq store.Seq) (first store.Seq, ok bool) {
	i := p.search(seq + 1)
	if i == len(p) {
		return 0, false
	}
	return max(p[i].first, seq+1), true
}

// replace makes runs what there is behind after, up to and with last. A first
// run that follows what was passed up to after goes on with it if joins says
// that no message lies between.
func (p *passed) replace(after, last store.Seq, runs []run, joins bool) {
	old := *p
	from, to := old.search(after+1), old.search(last+1)
	var middle []run
	if from < len(old) && old[from].first <= after {
		middle = append(middle, run{old[from].first, after})
	} else if from > 0 && old[from-1].last == after {
		from--
		middle = append(middle, old[from])
	}
	if n := len(middle); n > 0 && joins && len(runs) > 0 {
		middle[n-1].last = runs[0].last
		runs = runs[1:]
	}
	middle = append(middle, runs...)
	if to < len(old) && old[to].first <= last {
		middle = append(middle, run{last + 1, old[to].last})
		to++
	}
	*p = slices.Replace(old, from, to, middle...)
}

// add puts in one position.
func (p *passed) add(seq store.Seq) { p.replace(seq-1, seq, []run{{seq, seq}}, false) }

// drop takes one position out.
func (p *passed) drop(seq store.Seq) { p.replace(seq-1, seq, nil, false) }
