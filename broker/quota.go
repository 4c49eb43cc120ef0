package broker

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/store"
)

// quota is how much the store may take on its disk. (ActiveMQ: StoreUsage)
type quota struct {
	store  store.Store
	quiet  <-chan struct{} // the broker's
	limit  atomic.Int64    // bytes, 0 none
	lowest atomic.Int64    // percentage: the lowest high-water mark of a destination
	// slack is how many bytes may be sent before the store is asked again how
	// large it is: an eighth of what there was room for, so that asking costs
	// nothing far from the limit and is exact near it.
	slack atomic.Int64
}

func (q *quota) init(b *Broker) {
	q.store, q.quiet = b.store, b.quiet
	q.lowest.Store(100)
	limit := b.options.StoreLimit
	if b.options.StoreInMemory && (limit == 0 || limit > b.usage.limit) {
		limit = b.usage.limit
	}
	q.set(limit)
}

// set changes the limit.
func (q *quota) set(limit int64) {
	q.limit.Store(limit)
	q.slack.Store(0)
}

// watch takes account of a destination's high-water mark.
func (q *quota) watch(percent int) {
	for {
		low := q.lowest.Load()
		if int64(percent) >= low {
			return
		}
		if q.lowest.CompareAndSwap(low, int64(percent)) {
			q.slack.Store(0)
			return
		}
	}
}

// exceeded reports, before size bytes are sent, whether the store takes
// percent of its limit.
func (q *quota) exceeded(percent int, size int64) bool {
	limit := q.limit.Load()
	if limit <= 0 || q.slack.Add(-size) > 0 {
		return false
	}
	used := q.store.Size()
	q.slack.Store(max(0, (portion(limit, int(q.lowest.Load()))-used)/8))
	return used >= portion(limit, percent)
}

// portion is percent of limit.
func portion(limit int64, percent int) int64 {
	return limit/100*int64(percent) + limit%100*int64(percent)/100
}

// quotaPoll is how often those who wait look: nobody says when the store has
// become smaller.
const quotaPoll = 50 * time.Millisecond

// wait waits until the store is below percent of its limit; false if that
// takes longer than patience, which is for ever if it is 0.
func (q *quota) wait(ctx context.Context, percent int, patience time.Duration) (bool, error) {
	if !q.exceeded(percent, 0) {
		return true, nil
	}
	ticker := time.NewTicker(quotaPoll)
	defer ticker.Stop()
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	for q.exceeded(percent, 0) {
		select {
		case <-ticker.C:
		case <-late:
			return false, nil
		case <-q.quiet:
			return false, ErrClosed
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", ErrClosed, ctx.Err())
		}
	}
	return true, nil
}

// checkLimits takes over what the limits are by now. The housekeeper calls it.
func (b *Broker) checkLimits() {
	o := &b.options
	if o.Limits == nil || o.LimitsPeriod <= 0 || b.now().Sub(b.limitsChecked) < o.LimitsPeriod {
		return
	}
	b.limitsChecked = b.now()
	used := int64(0)
	if o.Spool != nil {
		used = o.Spool.Used()
	}
	store, spool := o.Limits(b.store.Size(), used)
	b.quota.set(store)
	if o.Spool != nil {
		o.Spool.SetLimit(spool)
	}
}
