package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/message"
)

// destinationOptions are what stands behind the "?" of a destination's name,
// as in "queue://A?consumer.prefetchSize=10". (ActiveMQ: Destination Options)
type destinationOptions struct {
	consumer message.ConsumerInfo // the fields that were named
	prefetch *int32
	priority *int32
	limit    *int32
	producer message.ProducerInfo
	window   *int32
	async    *bool // dispatchAsync of the consumer
	named    map[string]bool
}

var destinationSetters = map[string]setter[destinationOptions]{
	"consumer.prefetchSize":               number(32, 0, maxPrefetch, pointer(func(o *destinationOptions) **int32 { return &o.prefetch })),
	"consumer.priority":                   number(8, 0, 127, pointer(func(o *destinationOptions) **int32 { return &o.priority })),
	"consumer.maximumPendingMessageLimit": number(32, -1, 1<<31-1, pointer(func(o *destinationOptions) **int32 { return &o.limit })),
	"consumer.exclusive":                  boolean(func(o *destinationOptions) *bool { return &o.consumer.Exclusive }),
	"consumer.retroactive":                boolean(func(o *destinationOptions) *bool { return &o.consumer.Retroactive }),
	"consumer.noLocal":                    boolean(func(o *destinationOptions) *bool { return &o.consumer.NoLocal }),
	"consumer.browser":                    boolean(func(o *destinationOptions) *bool { return &o.consumer.Browser }),
	"consumer.dispatchAsync":              boolean(pointer(func(o *destinationOptions) **bool { return &o.async })),
	"consumer.selector":                   text(func(o *destinationOptions) *string { return &o.consumer.Selector }),
	"consumer.subscriptionName":           text(func(o *destinationOptions) *string { return &o.consumer.SubscriptionName }),
	"consumer.noRangeAcks":                boolean(func(o *destinationOptions) *bool { return &o.consumer.NoRangeAcks }),
	"consumer.networkSubscription":        boolean(func(o *destinationOptions) *bool { return &o.consumer.NetworkSubscription }),
	"producer.windowSize":                 number(32, 0, 1<<31-1, pointer(func(o *destinationOptions) **int32 { return &o.window })),
	"producer.dispatchAsync":              boolean(func(o *destinationOptions) *bool { return &o.producer.DispatchAsync }),
}

// pointer makes room for a field that may be missing.
func pointer[T, V any](field func(*T) **V) func(*T) *V {
	return func(to *T) *V {
		*field(to) = new(V)
		return *field(to)
	}
}

// parseDestination cuts the options off a destination's name. What has another
// prefix than consumer. and producer. is refused, too.
func parseDestination(d message.Destination) (message.Destination, destinationOptions, error) {
	o := destinationOptions{named: map[string]bool{}}
	name, query, ok := strings.Cut(d.Name, "?")
	if !ok {
		return d, o, nil
	}
	d.Name = name
	params, err := parseQuery(query)
	if err != nil {
		return d, o, fmt.Errorf("destination %s: %w", d, err)
	}
	for _, p := range params {
		if err := set(destinationSetters, &o, p.name, p.value); err != nil {
			return d, o, fmt.Errorf("destination %s: %w", d, err)
		}
		o.named[p.name] = true
	}
	return d, o, nil
}

// only refuses options of the other kind than prefix names.
func (o *destinationOptions) only(prefix string) error {
	for _, name := range slices.Sorted(maps.Keys(o.named)) {
		if !strings.HasPrefix(name, prefix) {
			return fmt.Errorf("option %s: %w here", name, ErrUnsupportedOption)
		}
	}
	return nil
}

// apply puts the options that were named into a consumer's description.
func (o *destinationOptions) apply(info *message.ConsumerInfo) {
	if o.prefetch != nil {
		info.PrefetchSize = *o.prefetch
	}
	if o.priority != nil {
		info.Priority = int8(*o.priority)
	}
	if o.limit != nil {
		info.MaximumPendingMessageLimit = *o.limit
	}
	if o.async != nil {
		info.DispatchAsync = *o.async
	}
	for name, flag := range map[string]struct{ to, from *bool }{
		"consumer.exclusive":           {&info.Exclusive, &o.consumer.Exclusive},
		"consumer.retroactive":         {&info.Retroactive, &o.consumer.Retroactive},
		"consumer.noLocal":             {&info.NoLocal, &o.consumer.NoLocal},
		"consumer.browser":             {&info.Browser, &o.consumer.Browser},
		"consumer.noRangeAcks":         {&info.NoRangeAcks, &o.consumer.NoRangeAcks},
		"consumer.networkSubscription": {&info.NetworkSubscription, &o.consumer.NetworkSubscription},
	} {
		if o.named[name] {
			*flag.to = *flag.from
		}
	}
	if o.named["consumer.selector"] {
		info.Selector = o.consumer.Selector
	}
	if o.named["consumer.subscriptionName"] {
		info.SubscriptionName = o.consumer.SubscriptionName
	}
}
