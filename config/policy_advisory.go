package config

import "time"

// AdvisoryEntry are the attributes of a <policyEntry> about advisories and
// about what is changed in messages.
type AdvisoryEntry struct {
	AdvisoryForSlowConsumers      bool `config:"advisoryForSlowConsumers"`
	AdvisoryForFastProducers      bool `config:"advisoryForFastProducers"`
	AdvisoryForDiscardingMessages bool `config:"advisoryForDiscardingMessages"`
	AdvisoryForDelivery           bool `config:"advisoryForDelivery"`
	AdvisoryForConsumed           bool `config:"advisoryForConsumed"`
	AdvisoryForDispatched         bool `config:"advisoryForDispatched"`
	AdvisoryWhenFull              bool `config:"advisoryWhenFull"`
	IncludeBodyForAdvisory        bool `config:"includeBodyForAdvisory"`
	SendAdvisoryIfNoConsumers     bool `config:"sendAdvisoryIfNoConsumers"`

	MessageInterceptorStrategy MessageInterceptorStrategy `config:"messageInterceptorStrategy"`
}

func (e *AdvisoryEntry) setDefaults() {
}

func (AdvisoryEntry) others() others {
	return others{
		"advancedMessageStatisticsEnabled": refused("false", "there is no management view that would show them"),
		"advancedNetworkStatisticsEnabled": refused("false", "there is no management view that would show them"),
	}
}

func (e *AdvisoryEntry) check(b *binder, path string) {
	at := path + ".messageInterceptorStrategy"
	s := &e.MessageInterceptorStrategy
	if s.Header != nil && s.Chain != nil {
		b.bad(at, "has more than one strategy; put them into a chainMessageInterceptorStrategy")
	}
	for i, h := range s.Headers() {
		where := at + ".headerMessageInterceptorStrategy"
		if s.Chain != nil {
			where = index(at+".chainMessageInterceptorStrategy.messageStrategies", i)
		}
		b.notNegative(where+".expirationCeiling", h.ExpirationCeiling)
		b.notNegative(where+".zeroExpirationOverride", h.ZeroExpirationOverride)
	}
}

// MessageInterceptorStrategy is the <messageInterceptorStrategy> element: what
// is changed in the headers of messages. At most one is set.
type MessageInterceptorStrategy struct {
	Header *HeaderMessageInterceptorStrategy `config:"headerMessageInterceptorStrategy"`
	Chain  *ChainMessageInterceptorStrategy  `config:"chainMessageInterceptorStrategy"`
}

func (MessageInterceptorStrategy) others() others { return nil }

// Headers are the strategies in the order in which they apply.
func (s *MessageInterceptorStrategy) Headers() []HeaderMessageInterceptorStrategy {
	switch {
	case s.Header != nil:
		return []HeaderMessageInterceptorStrategy{*s.Header}
	case s.Chain != nil:
		return s.Chain.MessageStrategies
	}
	return nil
}

// ChainMessageInterceptorStrategy applies several, one after the other.
type ChainMessageInterceptorStrategy struct {
	MessageStrategies []HeaderMessageInterceptorStrategy `config:"messageStrategies,item=headerMessageInterceptorStrategy"`
}

func (ChainMessageInterceptorStrategy) others() others { return nil }

// HeaderMessageInterceptorStrategy forces delivery modes and expirations.
type HeaderMessageInterceptorStrategy struct {
	ForceDeliveryMode      bool          `config:"forceDeliveryMode"`
	Persistent             bool          `config:"persistent"`
	ForceExpiration        bool          `config:"forceExpiration"`
	ZeroExpirationOverride time.Duration `config:"zeroExpirationOverride"` // 0: for ever
	ExpirationCeiling      time.Duration `config:"expirationCeiling"`      // 0: none
	FutureOnly             bool          `config:"futureOnly"`
	ProcessNetworkMessages bool          `config:"processNetworkMessages"`
}

func (s *HeaderMessageInterceptorStrategy) setDefaults() { s.Persistent = true }

func (HeaderMessageInterceptorStrategy) others() others { return nil }
