package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyAdvisory maps the part of a policy entry about advisories, and changes to messages.
func applyAdvisory(p *broker.AdvisoryPolicy, e *config.AdvisoryEntry) {
	*p = broker.AdvisoryPolicy{
		AdvisoryForSlowConsumers:      e.AdvisoryForSlowConsumers,
		AdvisoryForFastProducers:      e.AdvisoryForFastProducers,
		AdvisoryForDiscardingMessages: e.AdvisoryForDiscardingMessages,
		AdvisoryForDelivery:           e.AdvisoryForDelivery,
		AdvisoryForConsumed:           e.AdvisoryForConsumed,
		AdvisoryForDispatched:         e.AdvisoryForDispatched,
		AdvisoryWhenFull:              e.AdvisoryWhenFull,
		IncludeBodyForAdvisory:        e.IncludeBodyForAdvisory,
		SendAdvisoryIfNoConsumers:     e.SendAdvisoryIfNoConsumers,
	}
	for _, h := range e.MessageInterceptorStrategy.Headers() {
		p.Interceptors = append(p.Interceptors, broker.HeaderInterceptor{
			ForceDeliveryMode: h.ForceDeliveryMode,
			Persistent:        h.Persistent,
			ForceExpiration:   h.ForceExpiration,
			Stamp: broker.TimeStamping{
				ZeroExpirationOverride: h.ZeroExpirationOverride, TTLCeiling: h.ExpirationCeiling,
				FutureOnly: h.FutureOnly, ProcessNetworkMessages: h.ProcessNetworkMessages,
			},
		})
	}
}
