package broker

import (
	"errors"
	"slices"

	"github.com/conclavemq/conclave/message"
)

// AddConsumer announces a consumer; a repeated announcement does nothing.
// Deliveries may begin before it returns.
func (c *Connection) AddConsumer(info *message.ConsumerInfo) error { return c.addConsumer(info, nil) }

func (c *Connection) addConsumer(info *message.ConsumerInfo, f *forward) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if dest := c.b.named(info.Destination); dest != info.Destination {
		renamed := *info
		renamed.Destination = dest
		info = &renamed
	}
	session := c.sessions[info.ID.SessionID()]
	if session == nil {
		return failure(ErrUnknownSession, "%s Cannot add a consumer to a session that had not been registered: %s", c.b.name, info.ID.SessionID())
	}
	if c.consumers[info.ID] != nil {
		return nil
	}
	if len(c.consumers) >= maxPerConnection {
		return failure(ErrLimit, "Can't add consumer on connection %s: at maximum limit: %d", c.info.ID, maxPerConnection)
	}
	granted := *info
	granted.PrefetchSize = c.prefetch(info, info.PrefetchSize)
	s, err := c.subscribe(&granted, f)
	if err != nil {
		return err
	}
	c.consumers[info.ID] = s
	session.consumers[info.ID] = true
	c.b.selectors.come(&granted)
	c.b.advise.consumer(s)
	return nil
}

// subscribe makes a consumer of the kind that info asks for.
func (c *Connection) subscribe(info *message.ConsumerInfo, f *forward) (subscription, error) {
	parts := info.Destination.Parts()
	if info.Destination.IsZero() || len(parts) == 0 || len(parts) > maxParts {
		return nil, failure(ErrInvalidDestination, "Consumer %s has no valid destination", info.ID)
	}
	parts = c.ofOneKind(info, parts)
	if len(parts) == 0 {
		return nil, failure(ErrInvalidDestination, "Consumer %s has no valid destination", info.ID)
	}
	filter, err := c.b.parseSelector(info.Selector)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Durable() && parts[0].Kind.IsTopic():
		return c.subscribeDurable(info, filter)
	case info.Browser && parts[0].Kind.IsQueue():
		br := newBrowser(c, info, filter)
		if err := c.attach(br, parts); err != nil {
			return nil, err
		}
		br.begin()
		return br, nil
	case parts[0].Kind.IsQueue():
		q := c.newConsumer(info, filter)
		q.forward = f
		return q, c.attach(q, parts)
	}
	policy := c.b.policy(parts[0])
	s := c.newSubscriber(info, filter, &policy)
	s.forward = f
	return s, c.attach(s, parts)
}

// ofOneKind leaves out the topics that a consumer of queues names, and the
// queues that one of topics names. (ActiveMQ leaves them out without a word)
func (c *Connection) ofOneKind(info *message.ConsumerInfo, parts []message.Destination) []message.Destination {
	other := func(d message.Destination) bool { return d.Kind.IsQueue() != info.Destination.Kind.IsQueue() }
	if !slices.ContainsFunc(parts, other) {
		return parts
	}
	c.b.log.Warn("a consumer cannot have queues and topics; it gets those of the kind that the whole is of", "consumer", info.ID.String(), "destination", info.Destination.String())
	return slices.DeleteFunc(slices.Clone(parts), other)
}

func (c *Connection) newConsumer(info *message.ConsumerInfo, filter Filter) *consumer {
	q := &consumer{
		b: c.b, conn: c, peer: c.peer, info: *info, filter: filter,
		extend:   c.b.policy(info.Destination).UsePrefetchExtension,
		prefetch: clampPrefetch(info.PrefetchSize),
	}
	q.hold = newHold(c.peer, q.release)
	q.pace.begin(c.b)
	return q
}

func (c *Connection) subscribeDurable(info *message.ConsumerInfo, filter Filter) (subscription, error) {
	if c.b.options.RejectDurableConsumers {
		return nil, failure(ErrNotAllowed, "Durable Consumers are not allowed")
	}
	for _, part := range info.Destination.Parts() {
		if part.Kind.IsTemporary() {
			return nil, failure(ErrInvalidDestination, "A durable subscription cannot be created for a temporary topic.")
		}
		if part.IsAdvisory() {
			return nil, failure(ErrInvalidDestination, "Cannot create a durable subscription for an advisory Topic")
		}
	}
	if len(c.info.ClientID)+len(info.SubscriptionName) > maxName {
		return nil, failure(ErrInvalidDestination, "Name of the durable subscription is too long")
	}
	s := c.newConsumer(info, filter)
	for {
		s.durable = c.b.durables.reserve(s)
		if s.durable == nil {
			return nil, failure(ErrLimit, "The maximum number of durable subscriptions (%d) has already been reached.", maxSubscriptions)
		}
		if err := s.durable.join(s); !errors.Is(err, errRemoved) {
			return s, err
		}
	}
}

// attach adds a consumer to all its destinations, or to none.
func (c *Connection) attach(s subscription, parts []message.Destination) error {
	for _, part := range parts {
		err := c.attachTo(s, part)
		if err != nil {
			c.b.registry.unwatch(s)
			s.close(message.LastDeliveredUnset)
			return err
		}
	}
	return nil
}

func (c *Connection) attachTo(s subscription, dest message.Destination) error {
	if dest.IsPattern() {
		if c.b.routing.consumes(dest) {
			if _, err := c.b.ensure(dest); err != nil {
				return err
			}
		}
		for _, t := range c.b.registry.watch(s, dest) {
			if err := t.attach(s); err != nil && !errors.Is(err, ErrUnknownDestination) {
				c.b.log.Debug("consumer of a pattern cannot use a destination", "destination", t.base().dest.String(), "error", err)
			}
		}
		return nil
	}
	for {
		t, err := c.consumable(dest)
		if err != nil {
			return err
		}
		// A destination that is removed in between is made again.
		t.base().visits.Add(1)
		if err = t.attach(s); !errors.Is(err, ErrUnknownDestination) || dest.Kind.IsTemporary() {
			return err
		}
	}
}

// consumable returns a destination to consume from, creating it if need be. A
// temporary one is created for its owner alone.
func (c *Connection) consumable(dest message.Destination) (target, error) {
	if !dest.Kind.IsTemporary() {
		return c.b.ensure(dest)
	}
	if t := c.b.registry.find(dest); t != nil {
		return t, nil
	}
	if ownerOf(dest) != c.info.ID && !c.bridges {
		return nil, &MissingDestination{dest}
	}
	return c.addTemporary(dest, nil)
}

func (b *Broker) parseSelector(selector string) (Filter, error) {
	if selector == "" {
		return nil, nil
	}
	if b.options.ParseSelector == nil {
		return nil, failure(ErrInvalidSelector, "selectors are not supported: %s", selector)
	}
	f, err := b.options.ParseSelector(selector)
	if err != nil {
		return nil, failure(ErrInvalidSelector, "%s: %v", selector, err)
	}
	return f, nil
}

// RemoveConsumer ends a consumer; see message.RemoveInfo for lastDelivered.
func (c *Connection) RemoveConsumer(id message.ConsumerID, lastDelivered int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if c.consumers[id] == nil {
		if c.wasAborted(id) {
			return nil
		}
		return failure(ErrUnknownConsumer, "Cannot remove a consumer that had not been registered: %s", id)
	}
	c.dropConsumer(id, lastDelivered)
	return nil
}

// dropConsumer forgets a consumer. c.mu is held.
func (c *Connection) dropConsumer(id message.ConsumerID, lastDelivered int64) {
	s := c.consumers[id]
	if s == nil {
		return
	}
	delete(c.consumers, id)
	if session := c.sessions[id.SessionID()]; session != nil {
		delete(session.consumers, id)
	}
	if s.details().Destination.IsPattern() || s.details().Destination.IsComposite() {
		c.b.registry.unwatch(s)
	}
	s.close(lastDelivered)
	c.b.selectors.leave(s.details())
	c.b.advise.consumerGone(s)
}

// Pull asks for a message on a consumer without prefetch.
func (c *Connection) Pull(p *message.Pull) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	c.b.events.pulled(p)
	s := c.consumers[p.Consumer]
	if s == nil {
		return failure(ErrUnknownConsumer, "The subscription does not exist: %s", p.Consumer)
	}
	return s.pull(p)
}

// SetPrefetch changes a consumer's prefetch size. One that has gone meanwhile
// needs none. (ActiveMQ: ConsumerControl)
func (c *Connection) SetPrefetch(id message.ConsumerID, n int32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if s := c.consumers[id]; s != nil {
		s.setPrefetch(c.prefetch(s.details(), n))
	}
	return nil
}

// prefetch is the prefetch size that a consumer gets which asks for n. One that
// gets 0 and does not know has to be told: it has to pull. (ActiveMQ:
// PolicyEntry.configurePrefetch)
func (c *Connection) prefetch(info *message.ConsumerInfo, n int32) int32 {
	p := c.b.policy(info.Destination)
	granted := p.prefetch(info, n)
	if granted == 0 && n != 0 && c.info.Manageable {
		c.peer.Prefetch(info.ID, info.Destination, 0)
	}
	return granted
}

// RemoveSubscription deletes a durable subscription of this client's.
func (c *Connection) RemoveSubscription(info *message.RemoveSubscriptionInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	dest, err := c.b.durables.remove(c.info.ClientID, info.Name)
	if err == nil {
		c.b.advise.subscriptionGone(dest, info)
	}
	return err
}
