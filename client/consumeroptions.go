package client

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// ConsumerOptions configure a consumer. Options of the destination's name, such
// as "A?consumer.prefetchSize=1", go before them.
type ConsumerOptions struct {
	Selector     string
	Prefetch     int32  // 0: the connection's for this kind of destination, -1: none, each Receive asks
	Subscription string // name of a durable topic subscription, "" none
	NoLocal      bool   // not what this connection sent
	Exclusive    bool
	Retroactive  bool
	Priority     int8 // 0–127
	Browser      bool // see Session.Browse
	// PendingMessageLimit is how many messages a broker keeps for a slow topic
	// consumer; 0: Options.PendingMessageLimit.
	PendingMessageLimit int32
	// Redelivery says how often what is rolled back comes again; nil: the
	// connection's policy.
	Redelivery *RedeliveryPolicy
	// MaximumRedeliveries and RedeliveryDelay replace the policy's Maximum, and
	// both its delays, where they are not 0.
	MaximumRedeliveries int32
	RedeliveryDelay     time.Duration
	// Describe may change what the client tells the broker of the consumer, but
	// not its identifier, for fields that have no option. May be nil.
	Describe func(*message.ConsumerInfo)
}

// policyFor is the policy of redelivery of a consumer of d.
func (o *Options) policyFor(d message.Destination, opts *ConsumerOptions) RedeliveryPolicy {
	policy := o.Redelivery
	if o.RedeliveryFor != nil {
		if own := o.RedeliveryFor(d); own != nil {
			policy = *own
		}
	}
	if opts.Redelivery != nil {
		policy = *opts.Redelivery
	}
	if opts.MaximumRedeliveries != 0 {
		policy.Maximum = opts.MaximumRedeliveries
	}
	if opts.RedeliveryDelay != 0 {
		policy.InitialDelay, policy.Delay = opts.RedeliveryDelay, opts.RedeliveryDelay
	}
	return policy.filled()
}

// describe is what the broker is told of a consumer.
func (s *Session) describe(d message.Destination, opts *ConsumerOptions) (message.ConsumerInfo, error) {
	c := s.conn
	o := &c.target.options
	d, extra, err := parseDestination(d)
	if err == nil {
		err = extra.only("consumer.")
	}
	if err != nil {
		return message.ConsumerInfo{}, err
	}
	info := message.ConsumerInfo{
		ID:                         message.ConsumerID{Connection: s.info.ID.Connection, Session: s.info.ID.Value, Value: s.nextConsumer},
		Destination:                d,
		DispatchAsync:              !o.SyncDispatch,
		NoLocal:                    opts.NoLocal,
		Exclusive:                  opts.Exclusive || o.Exclusive,
		Retroactive:                opts.Retroactive || o.Retroactive,
		Browser:                    opts.Browser,
		Priority:                   opts.Priority,
		Selector:                   opts.Selector,
		SubscriptionName:           opts.Subscription,
		ClientID:                   c.info.ClientID,
		PrefetchSize:               c.prefetchFor(d, opts),
		MaximumPendingMessageLimit: opts.PendingMessageLimit,
		OptimizedAcknowledge:       o.OptimizeAcknowledge && s.mode == AutoAcknowledge && !opts.Browser,
	}
	if info.MaximumPendingMessageLimit == 0 {
		info.MaximumPendingMessageLimit = o.PendingMessageLimit
	}
	extra.apply(&info)
	if opts.Describe != nil {
		opts.Describe(&info)
	}
	return info, nil
}

func (c *Conn) prefetchFor(d message.Destination, opts *ConsumerOptions) int32 {
	p := &c.target.options.Prefetch
	switch {
	case opts.Prefetch != 0:
		return prefetchOr(opts.Prefetch, 0)
	case opts.Browser:
		return p.QueueBrowser
	case d.Kind.IsQueue():
		return p.Queue
	case opts.Subscription != "":
		return p.DurableTopic
	}
	return p.Topic
}
