//go:build fault

package fault

import (
	"slices"
	"sync"
	"testing"
)

// beside is how many rows that mostly wait run at a time.
const beside = 8

// The table: every fault, on a pair of brokers under load, with its promise
// and its bound. Rows that need the machine run one after the other, beside
// those that need time.
func TestFaultTable(t *testing.T) {
	rows := slices.Concat(processRows(), lockRows(), storageRows(), spaceRows(), stepRows())
	busy, waiting := make(chan struct{}, 1), make(chan struct{}, beside)
	var all sync.WaitGroup
	for _, r := range rows {
		lane := busy
		if r.waits {
			lane = waiting
		}
		all.Go(func() {
			lane <- struct{}{}
			defer func() { <-lane }()
			t.Run(r.name, r.run)
		})
	}
	all.Wait()
}
