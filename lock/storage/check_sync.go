package storage

import (
	"context"
	"fmt"
	"time"
)

const (
	syncTries = 400
	syncTime  = time.Second
	syncSpace = 4 << 20
	bulkSpace = 8 << 20
)

// What no medium can do: a block made durable, and 8 MiB.
const (
	fasterThanAny = 10 * time.Microsecond
	bulkTooFast   = 150 * time.Microsecond // 56 GB/s
)

// What is felt by every producer.
const slowSync = 100 * time.Millisecond

// notSeen is what no program can find out.
const notSeen = "caches of a virtual disk, a RAID controller or a server that answers early (NFS export `async`) cannot be seen from here"

// syncCost measures what each batch of the journal waits for, and whether a
// sync can have done anything.
func (c *checker) syncCost(ctx context.Context) (Result, error) {
	grown, err := c.cost(ctx, 0)
	if err != nil {
		return Result{}, err
	}
	over, err := c.cost(ctx, syncSpace)
	if err != nil {
		return Result{}, err
	}
	bulk, err := c.all(ctx, c.a,
		request{Op: opOpen, Name: c.newName("bulk"), Slot: slotHeld},
		request{Op: opBulkSync, Slot: slotHeld, Size: bulkSpace})
	if err != nil {
		return Result{}, err
	}
	if _, err := c.a.call(ctx, request{Op: opClose, Slot: slotHeld}); err != nil {
		return Result{}, err
	}
	return judgeSync(grown, over, bulk.Took), nil
}

func (c *checker) cost(ctx context.Context, size int64) (*times, error) {
	answer, err := c.all(ctx, c.a,
		request{Op: opOpen, Name: c.newName("sync"), Slot: slotHeld},
		request{Op: opSyncCost, Slot: slotHeld, Size: size, Count: syncTries, Limit: syncTime})
	if err != nil {
		return nil, err
	}
	_, err = c.a.call(ctx, request{Op: opClose, Slot: slotHeld})
	if answer.Times == nil {
		answer.Times = &times{}
	}
	return answer.Times, err
}

func judgeSync(grown, over *times, bulk time.Duration) Result {
	figures := fmt.Sprintf("4 KiB written and synced: preallocated median %v, p99 %v; growing median %v, p99 %v; sync of 8 MiB in %v",
		rounded(over.Median), rounded(over.P99), rounded(grown.Median), rounded(grown.P99), rounded(bulk))
	switch {
	case over.Median < fasterThanAny:
		return Result{Verdict: Warn, Reason: figures + ": faster than any medium, so nothing is made durable",
			Remedy: "use a disk, and mount it so that a sync is a sync"}
	case bulk < bulkTooFast:
		return Result{Verdict: Warn, Reason: figures + ": faster than any medium, so a sync does nothing, unless every write is synced as it is made",
			Remedy: "see the options of the file system, or cut the power and look"}
	case over.Median > slowSync || over.P99 > 10*slowSync:
		return Result{Verdict: Warn, Reason: figures + ": every confirmed message waits as long",
			Remedy: "use faster storage, or storage with a safe write cache"}
	}
	return Result{Reason: figures + "; " + notSeen}
}

func (c *checker) fallocate(ctx context.Context) (Result, error) {
	answer, err := c.all(ctx, c.a,
		request{Op: opOpen, Name: c.newName("room"), Slot: slotHeld},
		request{Op: opAllocate, Slot: slotHeld, Size: 1 << 20})
	if err != nil {
		return Result{}, err
	}
	if _, err := c.a.call(ctx, request{Op: opClose, Slot: slotHeld}); err != nil {
		return Result{}, err
	}
	if !answer.OK {
		return Result{Verdict: Warn, Reason: "fallocate is not supported: space for acknowledgements on a full disk is not held in reserve",
			Remedy: "watch the free space (NFS: vers=4.2 has it)"}, nil
	}
	return Result{Reason: "space can be reserved"}, nil
}
