package main

import (
	"fmt"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/message/selector"
)

// routingOptions maps what the configuration says about destinations: which
// there are from the start, which stand for others, and when they go.
func routingOptions(c *config.Broker) broker.RoutingOptions {
	o := broker.RoutingOptions{
		Virtual:                     []broker.VirtualDestination{},
		PurgePeriod:                 c.SchedulePeriodForDestinationPurge,
		PurgeAtOnce:                 c.MaxPurgedDestinationsPerSweep,
		AllowTempAutoCreationOnSend: c.AllowTempAutoCreationOnSend,
		VirtualDestSubs:             c.UseVirtualDestSubs,
		VirtualDestSubsOnCreation:   c.UseVirtualDestSubsOnCreation,
	}
	if s := c.Plugins.DestinationPathSeparator; s != nil {
		o.PathSeparator = s.PathSeparator
	}
	for _, d := range c.Destinations {
		o.Destinations = append(o.Destinations, named(d.Queue, d.Topic))
	}
	if c.DestinationInterceptors == nil {
		defaultInterceptors(&o, c)
		return o
	}
	for _, i := range c.DestinationInterceptors {
		if m := i.MirroredQueue; m != nil {
			o.Mirror = &broker.Mirror{Prefix: m.Prefix, Postfix: m.Postfix, Temporary: c.UseTempMirroredQueues}
		}
		if i.Virtual == nil {
			continue
		}
		for _, v := range i.Virtual.VirtualDestinations {
			o.Virtual = append(o.Virtual, virtual(&v))
		}
	}
	return o
}

// defaultInterceptors is what there is without destinationInterceptors.
func defaultInterceptors(o *broker.RoutingOptions, c *config.Broker) {
	if c.UseVirtualTopics {
		o.Virtual = append(o.Virtual, broker.DefaultVirtualTopic())
	}
	if c.UseMirroredQueues {
		o.Mirror = &broker.Mirror{Prefix: "VirtualTopic.Mirror.", Temporary: c.UseTempMirroredQueues}
	}
}

func virtual(v *config.VirtualDestination) broker.VirtualDestination {
	if t := v.VirtualTopic; t != nil {
		return broker.VirtualTopic{
			Name: t.Name, Prefix: t.Prefix, Postfix: t.Postfix, SelectorAware: t.SelectorAware, Local: t.Local,
			DropOnResourceLimit: t.DropOnResourceLimit, KeepDestination: !t.SetOriginalDestination,
		}
	}
	if v.CompositeQueue != nil {
		return composite(message.Queue, v.CompositeQueue)
	}
	return composite(message.Topic, v.CompositeTopic)
}

func composite(kind message.Kind, c *config.CompositeDestination) broker.CompositeDestination {
	d := broker.CompositeDestination{
		Destination: message.Destination{Kind: kind, Name: c.Name},
		ForwardOnly: c.ForwardOnly, SendWhenNotMatched: c.SendWhenNotMatched,
	}
	for _, f := range c.ForwardTo {
		forward := broker.Forward{}
		switch {
		case f.Filtered == nil:
			forward.Destination = named(f.Queue, f.Topic)
		case f.Filtered.Queue != "":
			forward = broker.Forward{Destination: message.ParseDestination(f.Filtered.Queue, message.Queue), Selector: f.Filtered.Selector}
		default:
			forward = broker.Forward{Destination: message.ParseDestination(f.Filtered.Topic, message.Topic), Selector: f.Filtered.Selector}
		}
		d.ForwardTo = append(d.ForwardTo, forward)
	}
	return d
}

// named is the destination of which one is given.
func named(q *config.NamedQueue, t *config.NamedTopic) message.Destination {
	if q != nil {
		return message.ParseDestination(q.PhysicalName, message.Queue)
	}
	return message.ParseDestination(t.PhysicalName, message.Topic)
}

// checkSelectors reads the selectors of the virtual destinations, so that a
// wrong one is found before the broker is a slave.
func checkSelectors(c *config.Broker) error {
	for _, v := range routingOptions(c).Virtual {
		d, ok := v.(broker.CompositeDestination)
		if !ok {
			continue
		}
		for _, f := range d.ForwardTo {
			if f.Selector == "" {
				continue
			}
			if _, err := selector.Parse(f.Selector); err != nil {
				return fmt.Errorf("broker.destinationInterceptors: %s: selector %q: %w", d.Destination, f.Selector, err)
			}
		}
	}
	return nil
}
