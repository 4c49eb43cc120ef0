package config

// MessagePlugins are the plugins that look at messages, or change them.
type MessagePlugins struct {
}

func (p *MessagePlugins) setDefaults() {
}

func (MessagePlugins) others() others {
	return others{
		"discardingDLQBrokerPlugin":        absent(reasonLater),
		"forcePersistencyModeBrokerPlugin": absent(reasonLater),
		"loggingBrokerPlugin":              absent(reasonLater),
		"statisticsBrokerPlugin":           absent(reasonLater),
		"timeStampingBrokerPlugin":         absent(reasonLater),
		"traceBrokerPathPlugin":            absent(reasonLater),
	}
}
