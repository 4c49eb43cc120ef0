package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/console"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/network"
)

// consoleBroker is what the console sees of a master. It implements
// console.Broker.
type consoleBroker struct {
	m      *master
	config *config.Broker
}

// Summary implements console.Broker.
func (c *consoleBroker) Summary() console.Summary {
	s := console.Summary{
		ID: string(c.m.id), Name: c.m.name, Persistent: c.config.Persistent, DataDirectory: c.config.StoreDirectory(), Began: c.m.served,
	}
	for _, l := range c.m.listeners {
		s.Connections += l.Connections()
		s.TotalConnections += l.Accepted()
	}
	s.MemoryUsed, s.MemoryLimit = c.m.broker.Memory()
	space := c.m.broker.Space()
	s.StoreUsed, s.StoreLimit, s.TempUsed, s.TempLimit = space.StoreUsed, space.StoreLimit, space.TempUsed, space.TempLimit
	s.Jobs, _ = c.m.broker.Jobs()
	s.Scheduler = c.m.broker.SchedulerEnabled()
	gone := c.m.broker.Departed()
	s.Gone = console.Destination{Enqueued: gone.Enqueued, Dequeued: gone.Dequeued, Dispatched: gone.Dispatched, Expired: gone.Expired,
		Discarded: gone.Discarded, DeadLettered: gone.DeadLettered, BlockedSends: gone.NoSpace}
	return s
}

var consoleKinds = map[message.Kind]console.Kind{
	message.Queue: console.Queue, message.Topic: console.Topic, message.TempQueue: console.TempQueue, message.TempTopic: console.TempTopic,
}

// Destinations implements console.Broker.
func (c *consoleBroker) Destinations() []console.Destination {
	all := c.m.broker.Inspect()
	list := make([]console.Destination, len(all))
	for i := range all {
		d := &all[i]
		list[i] = console.Destination{
			Kind: consoleKinds[d.Destination.Kind], Name: d.Destination.Name,
			Size: d.Size, Enqueued: d.Enqueued, Dequeued: d.Dequeued, Dispatched: d.Dispatched, InFlight: d.InFlight,
			Expired: d.Expired, Consumers: d.Consumers, Producers: d.Producers,
			DeadLettered: d.DeadLettered, Discarded: d.Discarded, Duplicates: d.Duplicates,
			BlockedSends: d.NoSpace, BlockedFor: d.BlockedFor, MemoryUsed: d.Memory, MemoryLimit: d.MemoryLimit,
			ProducerFlowControl: d.ProducerFlowControl, Prioritized: d.Prioritized, AlwaysRetroactive: d.AlwaysRetroactive,
			DeadLetters: d.DeadLetters, WarnInterval: d.WarnInterval,
		}
	}
	return list
}

// Connectors implements console.Broker.
func (c *consoleBroker) Connectors() []console.Connector {
	configured := map[string]*config.TransportConnector{}
	for i := range c.config.TransportConnectors {
		t := &c.config.TransportConnectors[i]
		configured[t.Name] = t
	}
	var list []console.Connector
	for _, l := range c.m.listeners {
		one := console.Connector{Name: l.Name(), URI: l.PublishedURI(), Connections: l.Connections(), Accepted: l.Accepted(), Refused: l.Refused()}
		if t := configured[l.Name()]; t != nil {
			one.LinkStealing, one.UpdateFilter = t.AllowLinkStealing, t.UpdateClusterFilter
			one.UpdateClients, one.UpdateClientsOnRemove, one.RebalanceClients = t.UpdateClusterClients, t.UpdateClusterClientsOnRemove, t.RebalanceClusterClients
		}
		list = append(list, one)
	}
	return list
}

// NetworkConnectors implements console.Broker.
func (c *consoleBroker) NetworkConnectors() []console.NetworkConnector {
	var list []console.NetworkConnector
	for i := range c.config.NetworkConnectors {
		n := &c.config.NetworkConnectors[i]
		if !n.AutoStart {
			continue
		}
		list = append(list, console.NetworkConnector{
			Name: n.Name, URI: n.URI, Duplex: n.Duplex, MessageTTL: ttl(n.MessageTTL, n), ConsumerTTL: ttl(n.ConsumerTTL, n),
			PrefetchSize: n.PrefetchSize, AdvisoryPrefetchSize: n.AdvisoryPrefetchSize, UserName: n.UserName, RemoteUserName: n.RemoteUserName,
			BridgeTempDestinations: n.BridgeTempDestinations, ConduitSubscriptions: n.ConduitSubscriptions,
			DecreaseNetworkConsumerPriority: n.DecreaseNetworkConsumerPriority, DispatchAsync: n.DispatchAsync, DynamicOnly: n.DynamicOnly,
			SuppressDuplicateQueueSubscriptions: n.SuppressDuplicateQueueSubscriptions,
			SuppressDuplicateTopicSubscriptions: n.SuppressDuplicateTopicSubscriptions,
		})
	}
	return list
}

// Bridges implements console.Broker.
func (c *consoleBroker) Bridges() []console.Bridge {
	all := c.m.network.Status()
	list := make([]console.Bridge, len(all))
	for i := range all {
		s := &all[i]
		list[i] = console.Bridge{
			Connector: s.Connector, URI: s.URI, State: string(s.State), Bridged: s.State == network.Bridged, Since: s.Since,
			Duplex: s.Duplex, CreatedByDuplex: s.CreatedByDuplex,
			RemoteBroker: s.RemoteBroker, RemoteBrokerID: s.RemoteBrokerID, RemoteAddress: s.RemoteAddress,
			Subscriptions: s.Subscriptions, Enqueued: s.Enqueues, Dequeued: s.Dequeues, Received: s.Received, Failed: s.Failed,
			Tries: s.Tries, Made: s.Bridges, LastError: s.LastError, LastErrorAt: s.LastErrorAt,
		}
	}
	return list
}

// Purge implements console.Broker.
func (c *consoleBroker) Purge(ctx context.Context, queue string) error {
	n, err := c.m.broker.Purge(ctx, message.NewQueue(queue))
	c.m.log.Info("a queue is purged by the console", "queue", queue, "messages", n, "error", err)
	return err
}

// Remove implements console.Broker.
func (c *consoleBroker) Remove(ctx context.Context, queue string, s console.Selection) (int, error) {
	return c.do("messages are removed by the console", queue, "", s, func(from message.Destination, s broker.Selection) (int, error) {
		return c.m.broker.Remove(ctx, from, s)
	})
}

// Move implements console.Broker.
func (c *consoleBroker) Move(ctx context.Context, queue string, s console.Selection, to string) (int, error) {
	return c.do("messages are moved by the console", queue, to, s, func(from message.Destination, s broker.Selection) (int, error) {
		return c.m.broker.Move(ctx, from, s, message.ParseDestination(to, message.Queue))
	})
}

// Copy implements console.Broker.
func (c *consoleBroker) Copy(ctx context.Context, queue string, s console.Selection, to string) (int, error) {
	return c.do("messages are copied by the console", queue, to, s, func(from message.Destination, s broker.Selection) (int, error) {
		return c.m.broker.Copy(ctx, from, s, message.ParseDestination(to, message.Queue))
	})
}

// Retry implements console.Broker.
func (c *consoleBroker) Retry(ctx context.Context, queue string, s console.Selection) (int, error) {
	return c.do("dead letters are sent again by the console", queue, "", s, func(from message.Destination, s broker.Selection) (int, error) {
		n, err := c.m.broker.Retry(ctx, from, s)
		if errors.Is(err, broker.ErrNotDeadLetters) {
			return n, console.ErrNotDeadLetters
		}
		return n, err
	})
}

// do carries out what is to be done with a selection, and logs it.
func (c *consoleBroker) do(what, queue, to string, s console.Selection, f func(message.Destination, broker.Selection) (int, error)) (int, error) {
	selection := broker.Selection{Selector: s.Selector, Max: s.Max}
	if s.ID != "" {
		id, err := message.ParseMessageID(s.ID)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", console.ErrMessageID, err)
		}
		selection.ID = id
	}
	n, err := f(message.NewQueue(queue), selection)
	c.m.log.Info(what, "queue", queue, "to", to, "messages", n, "error", err)
	if errors.Is(err, broker.ErrInvalidSelector) {
		return n, fmt.Errorf("%w: %w", console.ErrSelector, err)
	}
	return n, err
}
