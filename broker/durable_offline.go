package broker

import (
	"errors"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// What happens to a durable subscription while nobody is connected: messages
// that are not persistent wait in memory, expired ones are swept out of the
// store, and the subscription itself may be removed after a time.

// errRemoved is returned to a consumer that came while its subscription was
// removed: it begins a new one.
var errRemoved = errors.New("durable subscription was removed")

// keepsLocked reports whether there is room for a message that is not stored.
// Of what comes for subscribers that are away only half of the memory is
// filled, so that they never make a producer wait. (ActiveMQ spools these
// messages to its temporary store)
func (f *feed) keepsLocked(m *message.Message) bool {
	if f.d.active != nil {
		return !f.t.usage.full()
	}
	if !f.staysLocked(m) {
		return false
	}
	for u := &f.t.usage; u != nil; u = u.parent {
		if u.limit > 0 && u.used.Load() >= u.limit/2 {
			return false
		}
	}
	return true
}

// staysLocked reports whether m outlives its consumer in memory: what is
// persistent is in the store, or its topic keeps it for retroactive consumers.
// (ActiveMQ: keepDurableSubsActive)
func (f *feed) staysLocked(m *message.Message) bool {
	return !m.Persistent && !f.cleared && !f.d.b.options.ForgetTransient
}

func (f *feed) sweepDueLocked() bool {
	return (f.d.active == nil || f.d.b.options.ExpireActiveDurables) &&
		f.window.behind() && !f.window.paging && !f.cleared && f.pending.Load() > 0
}

// sweepStore looks at a page of what is in the store alone, where no consumer
// makes the pager do so; each time at the next one. No pager works meanwhile,
// and it waits for acknowledgements that are on their way, as a pager does: what
// has been consumed does not expire.
func (f *feed) sweepStore() {
	d := f.d
	d.mu.Lock()
	due := f.sweepDueLocked()
	if due && d.unsettled.Load() > 0 {
		d.mu.Unlock()
		d.b.catchUp()
		d.mu.Lock()
		due = f.sweepDueLocked() && d.unsettled.Load() == 0
	}
	after, owner := f.swept, d.active
	f.window.paging = f.window.paging || due
	d.mu.Unlock()
	if !due {
		return
	}
	entries, err := d.b.store.PageSubscription(nil, f.t.dest, d.key(), after, max(f.t.policy.MaxExpirePageSize, 1), expirePageBytes)
	if err != nil {
		d.b.log.Error("cannot look for expired messages", "subscription", d.key(), "topic", f.t.dest.Name, "error", err)
	}
	d.mu.Lock()
	var refs []*ref
	if err == nil && d.active == owner {
		refs = f.claimExpiredLocked(entries)
	}
	f.endPage()
	for _, r := range refs {
		d.b.removeAll([]*ref{r}, "", true, d, func(err error) { f.unlock(r.key.seq, err != nil) })
	}
}

// claimExpiredLocked locks those of a page that have expired and are in the
// store alone.
func (f *feed) claimExpiredLocked(entries []store.Entry) []*ref {
	now := f.d.b.nowMS()
	var refs []*ref
	f.swept = 0
	if len(entries) > 0 {
		f.swept = entries[len(entries)-1].Seq
	}
	for i := range entries {
		e := &entries[i]
		_, locked := f.locked[e.Seq]
		if f.cleared || f.entered(e) || locked || !e.Message.Expired(now) {
			continue
		}
		f.lockLocked(e.Seq)
		r := &ref{}
		r.fromEntry(e, f, f.window.rank(e.Message))
		f.t.usage.add(r.size()) // settle takes both away again
		f.t.stats.inflight.Add(1)
		refs = append(refs, r)
	}
	return refs
}

// retire removes subscriptions whose consumers have been away for too long,
// when it is time to look. (ActiveMQ: TopicRegion.doCleanup)
func (ds *durables) retire() {
	timeout, schedule := ds.b.options.OfflineTimeout.Milliseconds(), ds.b.options.OfflineSchedule.Milliseconds()
	now := ds.b.nowMS()
	if timeout <= 0 || schedule <= 0 || now-ds.looked < schedule || !ds.b.mayServe() {
		return
	}
	ds.looked = now
	for _, d := range ds.all() {
		d.mu.Lock()
		over := d.active == nil && !d.gone && now-d.since >= timeout
		d.mu.Unlock()
		if !over {
			continue
		}
		ds.b.log.Info("Destroying durable subscriber due to inactivity", "subscription", d.key())
		if _, err := ds.remove(d.clientID, d.name); err != nil && !errors.Is(err, ErrSubscriptionInUse) && !errors.Is(err, ErrUnknownSubscription) {
			ds.b.log.Error("cannot remove an inactive durable subscription", "subscription", d.key(), "error", err)
		}
	}
}
