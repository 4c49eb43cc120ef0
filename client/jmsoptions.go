package client

import (
	"fmt"
	"strconv"
	"time"
)

// jmsSetters are the options of ActiveMQ's connection factory.
var jmsSetters = map[string]setter[Options]{
	"jms.userName":               text(func(o *Options) *string { return &o.UserName }),
	"jms.password":               text(func(o *Options) *string { return &o.Password }),
	"jms.clientID":               text(func(o *Options) *string { return &o.ClientID }),
	"jms.clientIDPrefix":         text(func(o *Options) *string { return &o.ClientIDPrefix }),
	"jms.connectionIDPrefix":     text(func(o *Options) *string { return &o.ConnectionIDPrefix }),
	"jms.trustStore":             text(func(o *Options) *string { return &o.trustStore }),
	"jms.keyStore":               text(func(o *Options) *string { return &o.keyStore }),
	"jms.trustStoreType":         fixed[Options]("PEM", "certificates are read from files in PEM"),
	"jms.keyStoreType":           fixed[Options]("PEM", "certificates and keys are read from files in PEM"),
	"jms.trustStorePassword":     refused[Options]("certificates are read from files in PEM"),
	"jms.keyStorePassword":       refused[Options]("certificates and keys are read from files in PEM, without a password"),
	"jms.keyStoreKeyPassword":    refused[Options]("certificates and keys are read from files in PEM, without a password"),
	"jms.connectResponseTimeout": milliseconds(func(o *Options) *time.Duration { return &o.ConnectResponseTimeout }),
	"jms.closeTimeout":           explicit(func(o *Options) *time.Duration { return &o.CloseTimeout }),

	"jms.useAsyncSend":               boolean(func(o *Options) *bool { return &o.AsyncSend }),
	"jms.alwaysSyncSend":             boolean(func(o *Options) *bool { return &o.SyncSend }),
	"jms.sendTimeout":                milliseconds(func(o *Options) *time.Duration { return &o.SendTimeout }),
	"jms.useCompression":             boolean(func(o *Options) *bool { return &o.Compression }),
	"jms.producerWindowSize":         number(32, 0, 1<<31-1, func(o *Options) *int32 { return &o.ProducerWindow }),
	"jms.disableTimeStampsByDefault": boolean(func(o *Options) *bool { return &o.NoTimestamps }),
	"jms.copyMessageOnSend":          inverse(func(o *Options) *bool { return &o.ShareContent }),

	"jms.dispatchAsync":              inverse(func(o *Options) *bool { return &o.SyncDispatch }),
	"jms.exclusiveConsumer":          boolean(func(o *Options) *bool { return &o.Exclusive }),
	"jms.useRetroactiveConsumer":     boolean(func(o *Options) *bool { return &o.Retroactive }),
	"jms.optimizeAcknowledge":        boolean(func(o *Options) *bool { return &o.OptimizeAcknowledge }),
	"jms.optimizeAcknowledgeTimeOut": explicit(func(o *Options) *time.Duration { return &o.OptimizeAcknowledgeTimeout }),
	"jms.sendAcksAsync":              inverse(func(o *Options) *bool { return &o.SyncAcks }),
	"jms.transactedIndividualAck":    boolean(func(o *Options) *bool { return &o.TransactedIndividualAck }),
	"jms.messagePrioritySupported":   boolean(func(o *Options) *bool { return &o.PriorityOrder }),
	"jms.consumerExpiryCheckEnabled": inverse(func(o *Options) *bool { return &o.KeepExpired }),
	"jms.checkForDuplicates":         inverse(func(o *Options) *bool { return &o.NoDuplicateCheck }),
	"jms.auditDepth":                 number(32, 1, 1<<20, func(o *Options) *int { return &o.AuditDepth }),
	"jms.nonBlockingRedelivery":      boolean(func(o *Options) *bool { return &o.NonBlockingRedelivery }),

	"jms.prefetchPolicy.queuePrefetch":        prefetch(func(p *Prefetch) *int32 { return &p.Queue }),
	"jms.prefetchPolicy.queueBrowserPrefetch": prefetch(func(p *Prefetch) *int32 { return &p.QueueBrowser }),
	"jms.prefetchPolicy.topicPrefetch":        prefetch(func(p *Prefetch) *int32 { return &p.Topic }),
	"jms.prefetchPolicy.durableTopicPrefetch": prefetch(func(p *Prefetch) *int32 { return &p.DurableTopic }),
	"jms.prefetchPolicy.all": prefetch(
		func(p *Prefetch) *int32 { return &p.Queue },
		func(p *Prefetch) *int32 { return &p.QueueBrowser },
		func(p *Prefetch) *int32 { return &p.Topic },
		func(p *Prefetch) *int32 { return &p.DurableTopic }),
	"jms.prefetchPolicy.maximumPendingMessageLimit":   number(32, -1, 1<<31-1, func(o *Options) *int32 { return &o.PendingMessageLimit }),
	"jms.prefetchPolicy.optimizeDurableTopicPrefetch": refused[Options]("ActiveMQ's client does not use it either"),

	"jms.redeliveryPolicy.maximumRedeliveries":       repeats,
	"jms.redeliveryPolicy.initialRedeliveryDelay":    explicit(func(o *Options) *time.Duration { return &o.Redelivery.InitialDelay }),
	"jms.redeliveryPolicy.redeliveryDelay":           explicit(func(o *Options) *time.Duration { return &o.Redelivery.Delay }),
	"jms.redeliveryPolicy.maximumRedeliveryDelay":    timeLimit(func(o *Options) *time.Duration { return &o.Redelivery.MaximumDelay }),
	"jms.redeliveryPolicy.useExponentialBackOff":     boolean(func(o *Options) *bool { return &o.Redelivery.BackOff }),
	"jms.redeliveryPolicy.backOffMultiplier":         fraction(func(o *Options) *float64 { return &o.Redelivery.Multiplier }),
	"jms.redeliveryPolicy.useCollisionAvoidance":     boolean(func(o *Options) *bool { return &o.Redelivery.Collision }),
	"jms.redeliveryPolicy.collisionAvoidancePercent": percent,
	"jms.redeliveryPolicy.preDispatchCheck":          inverse(func(o *Options) *bool { return &o.Redelivery.NoPreDispatch }),

	"jms.watchTopicAdvisories":                 fixed[Options]("false", "the broker refuses messages to temporary destinations that have gone; they are not watched"),
	"jms.consumerFailoverRedeliveryWaitPeriod": fixed[Options]("0", "a transaction that has consumed is rolled back when its connection is lost"),
	"jms.nestedMapAndListEnabled":              fixed[Options]("true", "maps and lists within properties are always allowed"),
	"jms.optimizedAckScheduledAckInterval":     fixed[Options]("0", "see jms.optimizeAcknowledgeTimeOut"),
	"jms.trustAllPackages":                     refused[Options]("objects stay bytes here: nothing is made from them"),
	"jms.trustedPackages":                      refused[Options]("objects stay bytes here: nothing is made from them"),
	"jms.xaAckMode":                            refused[Options]("an XASession acknowledges within its branch"),
	"jms.strictCompliance":                     refused[Options]("ActiveMQ 5.17 does not have it"),
	"jms.blobTransferPolicy.uploadUrl":         refused[Options]("blobs are not transferred"),

	"jms.requestTimeout":                      refused[Options]("every call has a context"),
	"jms.auditMaximumProducerNumber":          tuning[Options],
	"jms.alwaysSessionAsync":                  tuning[Options],
	"jms.maxThreadPoolSize":                   tuning[Options],
	"jms.useDedicatedTaskRunner":              tuning[Options],
	"jms.useVirtualThreadTaskRunner":          tuning[Options],
	"jms.optimizedMessageDispatch":            tuning[Options],
	"jms.objectMessageSerializationDefered":   tuning[Options],
	"jms.statsEnabled":                        tuning[Options],
	"jms.warnAboutUnstartedConnectionTimeout": tuning[Options],
	"jms.rmIdFromConnectionId":                tuning[Options],
}

// repeats is maximumRedeliveries, of which 0 means none.
func repeats(o *Options, v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	switch {
	case err != nil:
		return err
	case n < -1:
		return fmt.Errorf("less than -1")
	case n == 0:
		o.Redelivery.Maximum = Never
	default:
		o.Redelivery.Maximum = int32(n)
	}
	return nil
}

func percent(o *Options, v string) error {
	n, err := strconv.ParseUint(v, 10, 8)
	if err == nil && n > 100 {
		err = fmt.Errorf("more than 100")
	}
	o.Redelivery.CollisionBy = float64(n) / 100
	if n == 0 {
		o.Redelivery.Collision = false
	}
	return err
}

// prefetch is a number of which 0 means none; see Prefetch.
func prefetch(fields ...func(*Prefetch) *int32) setter[Options] {
	return func(to *Options, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err == nil && n < 0 {
			err = fmt.Errorf("less than 0")
		}
		if n = min(n, maxPrefetch); n == 0 {
			n = -1
		}
		for _, field := range fields {
			*field(&to.Prefetch) = int32(n)
		}
		return err
	}
}

// maxPrefetch is what ActiveMQ's client cuts prefetches to.
const maxPrefetch = 1<<15 - 1
