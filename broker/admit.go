package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/message"
)

// gate is where a send is asked whether the store has room for it.
type gate struct {
	p        *place             // nil: a commit's, of several destinations
	producer message.ProducerID // with p
}

// gate of the destination that refuses first.
func (d *dispatch) gate() gate {
	lowest := d.first
	for _, t := range d.more {
		if t.stores(d.m) && (!lowest.stores(d.m) || t.base().policy.StoreUsageHighWaterMark < lowest.base().policy.StoreUsageHighWaterMark) {
			lowest = t
		}
	}
	return gate{lowest.base(), d.p.info.ID}
}

// percent of the store's limit from which g is closed.
func (g gate) percent() int {
	if g.p == nil {
		return 100
	}
	return g.p.policy.StoreUsageHighWaterMark
}

// refusal of one that has waited, or may not.
func (g gate) refusal(b *Broker) error {
	if g.p == nil {
		return failure(ErrResourceAllocation, "Persistent store is Full, 100%% of %d. %s", b.quota.limit.Load(), help)
	}
	return g.p.noStore(g.producer)
}

// admits reports whether the store has an answer to a send without waiting.
func (d *dispatch) admits() (now bool, err error) {
	if d.c.b.quota.exceeded(d.first.base().policy.StoreUsageHighWaterMark, d.m.Size()) && d.stores() {
		g := d.gate()
		d.c.b.full(g.p, g.producer)
		if g.p.space.failNow {
			return true, g.refusal(d.c.b)
		}
		return false, nil
	}
	return d.c.b.storeAdmits()
}

// stores reports whether the message is to be stored anywhere.
func (d *dispatch) stores() bool {
	for _, t := range d.more {
		if t.stores(d.m) {
			return true
		}
	}
	return d.more == nil && d.first.stores(d.m)
}

// admits is that for a commit of size bytes.
func (b *Broker) admits(size int64) (now bool, err error) {
	if b.quota.exceeded(100, size) {
		if b.options.SendFailIfNoSpace {
			return true, gate{}.refusal(b)
		}
		return false, nil
	}
	return b.storeAdmits()
}

func (b *Broker) storeAdmits() (now bool, err error) {
	err = b.store.Admit(b.never)
	return !errors.Is(err, context.Canceled), refusal(err)
}

// admit waits for the store.
func (b *Broker) admit(ctx context.Context, g gate) error {
	patience := b.options.SendFailIfNoSpaceAfterTimeout
	if g.p != nil {
		patience = g.p.space.failAfter
	}
	switch below, err := b.quota.wait(ctx, g.percent(), patience); {
	case err != nil:
		return err
	case !below:
		return g.refusal(b)
	}
	err := b.store.Admit(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return refusal(err)
}
