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
// those that need time, and the long ones that mostly start processes.
func TestFaultTable(t *testing.T) {
	rows := slices.Concat(processRows(), lockRows(), storageRows(), spaceRows(), stepRows())
	busy, waiting, steps := make(chan struct{}, 1), make(chan struct{}, beside), make(chan struct{}, 2)
	var all sync.WaitGroup
	for _, r := range rows {
		lane := busy
		switch {
		case r.waits:
			lane = waiting
		case r.steps:
			lane = steps
		}
		all.Go(func() {
			lane <- struct{}{}
			defer func() { <-lane }()
			t.Run(r.name, r.run)
		})
	}
	all.Wait()
}
