package broker

// AdvisoryPolicy is the part of a Policy about advisories, and changes to
// messages.
type AdvisoryPolicy struct {
	AdvisoryForSlowConsumers      bool
	AdvisoryForFastProducers      bool
	AdvisoryForDiscardingMessages bool
	AdvisoryForDelivery           bool
	AdvisoryForConsumed           bool
	AdvisoryForDispatched         bool
	AdvisoryWhenFull              bool
	// IncludeBodyForAdvisory leaves messages that advisories carry their body.
	IncludeBodyForAdvisory bool
	// SendAdvisoryIfNoConsumers publishes messages that are not persistent and
	// that came to a destination without consumers on its NoConsumer topic.
	SendAdvisoryIfNoConsumers bool
	// Interceptors change the headers of messages sent to the destination.
	// (ActiveMQ: messageInterceptorStrategy)
	Interceptors []HeaderInterceptor
}

// defaultAdvisoryPolicy is ActiveMQ's.
func defaultAdvisoryPolicy() AdvisoryPolicy { return AdvisoryPolicy{} }
