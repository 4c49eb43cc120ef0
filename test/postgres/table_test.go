//go:build postgres

package postgres

import (
	"flag"
	"slices"
	"sync"
	"testing"
)

var besideFlag = flag.Int("beside", 8, "how many rows of the fault table run at a time")

// The table: every fault, on a pair of brokers under load, with its promise
// and its bound. Most rows wait more than they work: some run beside others.
func TestFaultTable(t *testing.T) {
	t.Parallel()
	rows := slices.Concat(processRows(), sessionRows(), serverRows(), networkRows(), standbyRows(), spaceRows(), limitRows(), leaseRows(), guestRows())
	lanes := make(chan struct{}, *besideFlag)
	var all sync.WaitGroup
	for _, r := range rows {
		all.Go(func() {
			lanes <- struct{}{}
			defer func() { <-lanes }()
			t.Run(r.name, r.run)
		})
	}
	all.Wait()
}
