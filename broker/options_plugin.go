package broker

// PluginOptions is the part of Options about what looks at messages on their
// way, or changes them. What is nil or false costs nothing.
type PluginOptions struct {
	// TimeStamping is the timeStampingBrokerPlugin.
	TimeStamping *TimeStamping
	// ForcePersistence is the forcePersistencyModeBrokerPlugin: every message
	// becomes what it points to.
	ForcePersistence *bool
	// BrokerPath is the traceBrokerPathPlugin: the name of the property to
	// which the broker's name is added; "" none.
	BrokerPath string
	// Statistics is the statisticsBrokerPlugin, nil without it.
	Statistics *Statistics
	// DiscardDeadLetters is the discardingDLQBrokerPlugin.
	DiscardDeadLetters *DeadLetterDiscard
	// Logging is the loggingBrokerPlugin.
	Logging *EventLogging
	// SelectorCache is the virtualSelectorCacheBrokerPlugin, nil without it.
	SelectorCache *SelectorCache
	// AnonymousProducerAdvisories tells of producers without a destination.
	// (ActiveMQ: anonymousProducerAdvisorySupport)
	AnonymousProducerAdvisories bool
}
