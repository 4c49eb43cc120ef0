package network

import (
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
)

// demand serves a consumer of the other broker's, by a subscription that is
// there already if subscriptions are to be conduits. info's paths end with the
// other broker. (ActiveMQ: addConsumerInfo, createDemandSubscription)
func (b *bridge) demand(info *message.ConsumerInfo) error {
	forced := b.config.ConduitSubscriptions && b.config.forcesDurable(info)
	var weaker []*demand
	if b.config.ConduitSubscriptions {
		joined, found := b.joins(info, forced)
		if joined {
			return nil
		}
		weaker = found
	}
	d := newDemand()
	d.proxied = info.NetworkSubscription || len(info.BrokerPath) > 1
	d.durable = info.Durable() || forced
	d.direct.Store(!d.proxied)
	if b.config.ConduitSubscriptions && d.durable {
		// It stays when its subscriber goes, until that unsubscribes.
		if info.Durable() {
			d.subscribers[b.subscriberOf(info)] = true
		} else {
			d.interested[info.ID] = true
		}
	} else {
		d.interested[info.ID] = false
	}
	d.local, d.remote = b.localInfo(info, d), info
	if b.drains(d) {
		b.net.shared.suspend(b, info)
		return nil
	}
	b.mu.Lock()
	for _, old := range weaker {
		d.static = d.static || old.static
		for id := range old.interested {
			d.interested[id] = false
		}
	}
	b.mu.Unlock()
	served, err := b.add(d)
	if !served || err != nil {
		return err
	}
	for _, old := range weaker {
		b.retire(old)
	}
	return nil
}

// drains reports whether the durable subscription that d would have ends just
// now.
func (b *bridge) drains(d *demand) bool {
	if !d.durable {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.demands.byLocal {
		if o.durable && (o.draining || o.retiring) && o.local.SubscriptionName == d.local.SubscriptionName {
			return true
		}
	}
	return false
}

// localInfo is the subscription here. (ActiveMQ: doCreateDemandSubscription)
func (b *bridge) localInfo(info *message.ConsumerInfo, d *demand) message.ConsumerInfo {
	local := *info
	b.serial++
	local.ID = message.ConsumerID{Connection: b.session.Connection, Session: b.session.Value, Value: b.serial}
	local.NetworkSubscription = true
	local.ClientID = b.clientID
	local.PrefetchSize = b.prefetch(info.Destination)
	local.DispatchAsync = b.config.DispatchAsync
	local.NoLocal = false // that is about a connection there
	if b.config.ConduitSubscriptions {
		local.Selector = ""
	}
	if d.durable {
		if b.config.ConduitSubscriptions {
			local.SubscriptionName = b.subscriptionName(info.Destination)
		}
		local.Retroactive = false
	}
	if b.config.DecreaseNetworkConsumerPriority {
		p := b.config.ConsumerPriorityBase
		if n := len(info.BrokerPath); n > 1 {
			p -= n + 1 // the longer the way, the lower
		}
		local.Priority = int8(max(p, -128))
	}
	local.AdditionalPredicate = nil
	return local
}

// joins adds a consumer to the subscriptions that serve it already. Those for
// brokers behind the other one are kept apart for queues, as their priorities
// differ. A durable subscriber is not served by what is not durable: it would
// miss what is sent while the bridge is down. Such a subscription is returned,
// for a durable one to take its place. (ActiveMQ:
// addToAlreadyInterestedConsumers, which joins them)
func (b *bridge) joins(info *message.ConsumerInfo, forced bool) (joined bool, weaker []*demand) {
	queue, apart := info.Destination.Kind.IsQueue(), !b.config.ConduitNetworkQueueSubscriptions
	if queue && info.NetworkSubscription && apart {
		return false, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.demands.covering(info.Destination) {
		switch {
		case queue && d.proxied && apart:
			continue
		case (info.Durable() || forced) && !d.durable:
			if d.local.Destination == info.Destination {
				weaker = append(weaker, d)
			}
			continue
		case info.Durable():
			d.subscribers[b.subscriberOf(info)] = true
		default:
			b.demands.join(d, info.ID, forced)
		}
		if !info.NetworkSubscription && len(info.BrokerPath) == 1 {
			d.direct.Store(true)
		}
		joined = true
	}
	return joined, weaker
}

// add subscribes here, unless another bridge serves the same consumers as well
// or better, and reports whether it has.
func (b *bridge) add(d *demand) (served bool, err error) {
	worse, ok := b.net.shared.claim(b, d)
	if !ok {
		b.log.Debug("another bridge serves these consumers", "destination", d.local.Destination.String())
		return false, nil
	}
	b.mu.Lock()
	b.demands.add(d)
	b.mu.Unlock()
	err = b.local.AddForwarder(&d.local, broker.Forwarding{
		Broker: b.remote.ID, Name: b.remote.Name,
		MessageTTL: b.config.MessageTTL, ConsumerTTL: b.config.ConsumerTTL,
		Direct: d.direct.Load, Permits: b.config.permits,
	})
	if err == nil {
		for _, o := range worse {
			b.net.shared.displace(o)
		}
		return true, nil
	}
	b.mu.Lock()
	b.demands.remove(d)
	b.mu.Unlock()
	b.net.shared.remove(d)
	if errors.Is(err, broker.ErrClosed) {
		return false, err
	}
	if !goneHere(err) { // else it is a temporary destination that is gone again
		b.note(fmt.Errorf("subscribe to %s: %w", d.local.Destination, err))
	}
	return false, nil
}

func goneHere(err error) bool {
	var missing *broker.MissingDestination
	return errors.As(err, &missing)
}

// consumerWent ends what a consumer of the other broker's was served by, if
// nobody else is. (ActiveMQ: removeDemandSubscription)
func (b *bridge) consumerWent(id message.ConsumerID) error {
	b.net.shared.forget(b, id)
	b.mu.Lock()
	var over []*demand
	for _, d := range b.demands.leave(id) {
		if d.unwanted() && !d.draining {
			over = append(over, d)
		}
	}
	b.mu.Unlock()
	for _, d := range over {
		b.retire(d)
	}
	return nil
}

// retire ends a subscription when what is under way has been answered; until
// then nothing more is sent for it.
func (b *bridge) retire(d *demand) {
	b.net.shared.remove(d)
	b.mu.Lock()
	if b.demands.byLocal[d.local.ID] != d || d.retiring {
		b.mu.Unlock()
		return
	}
	d.retiring = true
	b.demands.hide(d)
	finish := func() { b.chore.add(func() { b.drop(d) }) }
	if d.outstanding > 0 {
		d.idle = finish
		finish = nil
	}
	b.mu.Unlock()
	if finish != nil {
		finish()
	}
}

// drop removes a subscription. What was delivered and not sent goes back. Who
// came meanwhile, for whom it would have been the one, is served again.
func (b *bridge) drop(d *demand) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.mu.Lock()
	if b.demands.byLocal[d.local.ID] != d {
		b.mu.Unlock()
		return
	}
	delete(b.demands.byLocal, d.local.ID)
	b.mu.Unlock()
	err := b.local.RemoveConsumer(d.local.ID, message.LastDeliveredUnset)
	if err == nil && d.durable {
		err = b.local.RemoveSubscription(&message.RemoveSubscriptionInfo{
			Connection: b.session.Connection, ClientID: b.clientID, Name: d.local.SubscriptionName,
		})
		b.net.shared.wake(func(x suppressed) bool { return x.bridge == b && x.info.Destination == d.local.Destination })
	}
	if err != nil && !errors.Is(err, broker.ErrClosed) {
		b.note(fmt.Errorf("end subscription of %s: %w", d.local.Destination, err))
	}
}
