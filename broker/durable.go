package broker

import (
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// durable is a durable subscription, active or not. It has a feed from each
// topic that its destination covers. (ActiveMQ: DurableTopicSubscription)
type durable struct {
	b         *Broker
	clientID  string
	name      string
	watch     *durableWatch
	unsettled atomic.Int64 // acknowledgements on their way to the store
	draining  atomic.Bool  // drain is set

	mu     sync.Mutex
	info   message.SubscriptionInfo // mu; Destination is not set
	filter Filter                   // mu
	active *consumer                // mu; nil while nobody is connected
	feeds  []*feed                  // mu
	gone   bool                     // mu
	local  message.ConnectionID     // mu; of the last consumer, for noLocal
	since  int64                    // mu; when the last consumer left, ms since 1970
	drain  *drain                   // mu; nil while it takes what comes
	ended  chan struct{}            // closed when a subscription that is gone is so in the store, too
}

// durableWatch stands for a durable subscription with a pattern among the
// registry's watchers.
type durableWatch struct {
	subscription
	durable *durable
}

func (d *durable) key() string { return d.clientID + ":" + d.name }

// durables are all durable subscriptions by key.
type durables struct {
	b      *Broker
	looked int64 // when retire last looked, ms since 1970; the housekeeper's own
	mu     sync.Mutex
	subs   map[string]*durable // mu
}

func (ds *durables) init(b *Broker) {
	ds.b = b
	ds.subs = map[string]*durable{}
	ds.looked = b.nowMS()
}

func (ds *durables) all() []*durable {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	list := make([]*durable, 0, len(ds.subs))
	for _, d := range ds.subs {
		list = append(list, d)
	}
	return list
}

func (ds *durables) find(key string) *durable {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	return ds.subs[key]
}

func (ds *durables) kickAll() {
	for _, d := range ds.all() {
		d.kick()
	}
}

// recover takes up a stored subscription.
func (ds *durables) recover(t *topic, state *store.DestinationState, s *store.SubscriptionState) {
	ds.mu.Lock()
	d := ds.subs[s.Info.Key()]
	if d == nil {
		d = ds.b.newDurable(s.Info)
		ds.subs[s.Info.Key()] = d
	}
	ds.mu.Unlock()
	if d.info.Selector != "" && d.filter == nil {
		filter, err := ds.b.parseSelector(d.info.Selector)
		if err != nil {
			ds.b.log.Error("durable subscription has a selector that cannot be used", "subscription", d.key(), "error", err)
		}
		d.filter = filter
	}
	t.exposed, t.inherited = state.Exposed, state.Exposed
	t.keepers.Add(1)
	f := d.newFeed(t)
	f.pending.Store(s.Pending)
	if s.Pending > 0 {
		f.window.fallBehind()
	}
	_ = t.listen(f)
	for _, part := range d.info.SubscribedDestination.Parts() {
		if part.IsPattern() {
			ds.b.registry.watch(d.watch, part)
		}
	}
}

func (b *Broker) newDurable(info message.SubscriptionInfo) *durable {
	d := &durable{b: b, clientID: info.ClientID, name: info.Name, info: info, since: b.nowMS(), ended: make(chan struct{})}
	if d.info.SubscribedDestination.IsZero() {
		d.info.SubscribedDestination = info.Destination
	}
	d.info.Destination = message.Destination{}
	d.watch = &durableWatch{durable: d}
	return d
}

func (d *durable) newFeed(t *topic) *feed {
	f := &feed{d: d, t: t, redelivered: map[store.Seq]int32{}}
	if t.policy.PrioritizedMessages {
		f.window.prioritize()
	}
	d.mu.Lock()
	d.feeds = append(d.feeds, f)
	d.mu.Unlock()
	return f
}

// reserve returns the subscription that c asks for, which may be new, or nil
// if there are too many.
func (ds *durables) reserve(c *consumer) *durable {
	info := c.subscriptionInfo()
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d := ds.subs[info.Key()]
	if d == nil {
		if len(ds.subs) >= maxSubscriptions {
			return nil
		}
		d = ds.b.newDurable(info)
		ds.subs[info.Key()] = d
	}
	return d
}

func (c *consumer) subscriptionInfo() message.SubscriptionInfo {
	return message.SubscriptionInfo{
		ClientID:              c.conn.info.ClientID,
		Name:                  c.info.SubscriptionName,
		SubscribedDestination: c.info.Destination,
		Selector:              c.info.Selector,
		NoLocal:               c.info.NoLocal,
	}
}

// join makes c the subscription's consumer, creating or changing the
// subscription first if need be. It waits for the store. errRemoved is
// returned of a subscription that is no more.
func (d *durable) join(c *consumer) error {
	if err := d.claim(c); err != nil {
		return err
	}
	err := d.serve(c, c.subscriptionInfo())
	if err != nil {
		d.b.durables.discard(d)
	}
	return err
}

// discard forgets a subscription that nothing of could be stored.
func (ds *durables) discard(d *durable) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.feeds) == 0 && d.active == nil && ds.subs[d.key()] == d {
		d.gone = true
		delete(ds.subs, d.key())
		close(d.ended)
	}
}

// maxSubscriptions bounds the durable subscriptions of a broker.
const maxSubscriptions = 1 << 20

// claim makes c the only consumer. (ActiveMQ: TopicRegion.addConsumer)
func (d *durable) claim(c *consumer) error {
	d.mu.Lock()
	old := d.active
	if old == nil && !d.gone {
		d.active, d.local = c, c.info.ID.Connection
		d.mu.Unlock()
		return nil
	}
	d.mu.Unlock()
	if old == nil {
		<-d.ended
		return errRemoved
	}
	if !c.conn.steals {
		return failure(ErrSubscriptionInUse, "Durable consumer is in use for client: %s and subscriptionName: %s", d.clientID, d.name)
	}
	old.close(message.LastDeliveredUnknown)
	return d.claim(c)
}

// drop forgets a feed whose topic was removed.
func (d *durable) drop(f *feed) {
	d.mu.Lock()
	for i, g := range d.feeds {
		if g == f {
			d.feeds = append(d.feeds[:i:i], d.feeds[i+1:]...)
			break
		}
	}
	c := d.active
	d.mu.Unlock()
	f.clear()
	if c != nil {
		for _, r := range c.leave(f) {
			f.settle(r)
		}
	}
}

// remove deletes an inactive subscription. (ActiveMQ:
// TopicRegion.removeSubscription)
func (ds *durables) remove(clientID, name string) (message.Destination, error) {
	key := clientID + ":" + name
	d := ds.find(key)
	if d == nil {
		return message.Destination{}, failure(ErrUnknownSubscription, "No durable subscription exists for clientID: %s and subscriptionName: %s", clientID, name)
	}
	d.mu.Lock()
	active, gone, dest := d.active != nil, d.gone, d.info.SubscribedDestination
	d.gone = gone || !active
	d.mu.Unlock()
	switch {
	case active:
		return message.Destination{}, failure(ErrSubscriptionInUse, "Durable consumer is in use")
	case gone: // somebody else removes it
		<-d.ended
		return ds.remove(clientID, name)
	}
	err := d.unsubscribe()
	ds.mu.Lock()
	delete(ds.subs, key) // only now: a new one must come after this one in the log
	ds.mu.Unlock()
	close(d.ended)
	return dest, err
}

// kick delivers from all feeds.
func (d *durable) kick() {
	d.mu.Lock()
	feeds := d.feeds
	d.mu.Unlock()
	for _, f := range feeds {
		f.kick()
	}
}

// free ends the consumer. What is stored is forgotten here, but for its
// redelivery counters, and read again for the next consumer.
func (d *durable) free(c *consumer, refs, held []*ref) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range refs {
		r.home.(*feed).giveUpLocked(r)
	}
	if d.active != c {
		return
	}
	d.active, d.since = nil, d.b.nowMS()
	d.undrainLocked()
	for _, f := range d.feeds {
		f.forgetLocked()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range held {
		if r.held { // its transaction may just have ended
			r.home.(*feed).lockLocked(r.key.seq)
		}
	}
}

// settled is called when no acknowledgement is on its way any more.
func (d *durable) settled() { d.kick() }

// settle ends n acknowledgements that were on their way.
func (d *durable) settle(n int64) {
	if d.unsettled.Add(-n) == 0 {
		d.settled()
	}
}
