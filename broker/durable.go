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

	mu     sync.Mutex
	info   message.SubscriptionInfo // mu; Destination is not set
	filter Filter                   // mu
	active *consumer                // mu; nil while nobody is connected
	feeds  []*feed                  // mu
	gone   bool                     // mu
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
	b    *Broker
	mu   sync.Mutex
	subs map[string]*durable // mu
}

func (ds *durables) init(b *Broker) {
	ds.b = b
	ds.subs = map[string]*durable{}
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

func (ds *durables) sweepAll() {
	for _, d := range ds.all() {
		d.sweep()
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
	d := &durable{b: b, clientID: info.ClientID, name: info.Name, info: info}
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
// subscription first if need be. It waits for the store.
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
	}
}

// maxSubscriptions bounds the durable subscriptions of a broker.
const maxSubscriptions = 1 << 20

// claim makes c the only consumer. (ActiveMQ: TopicRegion.addConsumer)
func (d *durable) claim(c *consumer) error {
	d.mu.Lock()
	old := d.active
	if old == nil && !d.gone {
		d.active = c
		d.mu.Unlock()
		return nil
	}
	d.mu.Unlock()
	if old == nil {
		return failure(ErrUnknownSubscription, "No durable subscription exists for clientID: %s and subscriptionName: %s", d.clientID, d.name)
	}
	if !d.b.options.AllowLinkStealing {
		return failure(ErrSubscriptionInUse, "Durable consumer is in use for client: %s and subscriptionName: %s", d.clientID, d.name)
	}
	old.close(message.LastDeliveredUnknown)
	return d.claim(c)
}

// serve subscribes where that is missing and starts delivery.
func (d *durable) serve(c *consumer, info message.SubscriptionInfo) error {
	d.mu.Lock()
	changed := len(d.feeds) > 0 && (d.info.SubscribedDestination != info.SubscribedDestination ||
		d.info.Selector != info.Selector || d.info.NoLocal != info.NoLocal)
	d.mu.Unlock()
	err := error(nil)
	if changed {
		err = d.unsubscribe()
	}
	d.mu.Lock()
	d.info, d.filter = info, c.filter
	d.mu.Unlock()
	if err == nil {
		err = d.subscribe(c.info.Retroactive)
	}
	if err != nil {
		d.mu.Lock()
		d.active = nil
		d.mu.Unlock()
		return err
	}
	d.mu.Lock()
	feeds := d.feeds
	d.mu.Unlock()
	for _, f := range feeds {
		c.join(f)
		if c.info.Retroactive {
			f.t.remind(f)
		}
	}
	d.kick()
	return nil
}

// subscribe makes the feeds that are missing, now and, for a pattern, later.
func (d *durable) subscribe(retroactive bool) error {
	subscribed := d.info.SubscribedDestination
	var targets []target
	for _, part := range subscribed.Parts() {
		if part.IsPattern() {
			targets = append(targets, d.b.registry.watch(d.watch, part)...)
			continue
		}
		t, err := d.b.ensure(part)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	for _, t := range targets {
		if err := d.listenTo(t, retroactive); err != nil {
			return err
		}
	}
	return nil
}

func (d *durable) has(t *topic) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.feeds {
		if f.t == t {
			return true
		}
	}
	return false
}

// append stores the subscription to t. The feed begins when that is done, at
// the same place in the log as in the store.
func (d *durable) append(t *topic, retroactive bool, done func(error)) {
	d.mu.Lock()
	info := d.info
	d.mu.Unlock()
	info.Destination = t.dest
	t.keepers.Add(1)
	if t.retired.Load() {
		t.keepers.Add(-1)
		done(&MissingDestination{t.dest})
		return
	}
	d.b.began()
	op := store.Op{Action: store.AddSubscription, Destination: t.dest, Info: &info, Retroactive: retroactive}
	d.b.store.Append(store.Single(op, true, func(err error) {
		defer d.b.ended()
		again := d.has(t)
		if err == nil && !again {
			f := d.newFeed(t)
			if retroactive {
				f.window.fallBehind()
			}
			err = t.listen(f)
		}
		if err != nil || again {
			t.keepers.Add(-1)
		}
		done(err)
	}))
}

// attachLater subscribes to a topic that has just come into being and that
// the pattern covers. The registry is locked.
func (d *durable) attachLater(t *topic) {
	d.append(t, false, func(err error) {
		if err != nil {
			d.b.log.Error("cannot extend a durable subscription", "subscription", d.key(), "topic", t.dest.Name, "error", err)
			return
		}
		d.mu.Lock()
		c := d.active
		feeds := d.feeds
		d.mu.Unlock()
		if c == nil {
			return
		}
		for _, f := range feeds {
			c.join(f)
		}
	})
}

// unsubscribe takes the subscription off all topics, and waits for that.
func (d *durable) unsubscribe() error {
	d.b.registry.unwatch(d.watch)
	d.mu.Lock()
	feeds := d.feeds
	d.feeds = nil
	d.mu.Unlock()
	if len(feeds) == 0 {
		return nil
	}
	u := &store.Unit{Sync: true}
	for _, f := range feeds {
		u.Ops = append(u.Ops, store.Op{Action: store.RemoveSubscription, Destination: f.t.dest, Subscription: d.key()})
	}
	done := make(chan error, 1)
	u.Done = func(err error) { done <- err }
	d.b.store.Append(u)
	err := <-done
	for _, f := range feeds {
		f.t.ignore(f)
		f.t.keepers.Add(-1)
		f.clear()
	}
	return err
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
	if d.active != nil {
		d.mu.Unlock()
		return message.Destination{}, failure(ErrSubscriptionInUse, "Durable consumer is in use")
	}
	d.gone = true
	dest := d.info.SubscribedDestination
	d.mu.Unlock()
	ds.mu.Lock()
	if ds.subs[key] == d {
		delete(ds.subs, key)
	}
	ds.mu.Unlock()
	return dest, d.unsubscribe()
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
	d.active = nil
	for _, f := range d.feeds {
		f.forgetLocked()
	}
	for _, r := range held {
		r.home.(*feed).lockLocked(r.key.seq)
	}
}

// settled is called when no acknowledgement is on its way any more.
func (d *durable) settled() { d.kick() }

func (d *durable) sweep() {
	d.mu.Lock()
	feeds := d.feeds
	d.mu.Unlock()
	for _, f := range feeds {
		f.sweep()
	}
}
