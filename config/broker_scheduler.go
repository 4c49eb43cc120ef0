package config

// BrokerScheduler are the attributes of <broker> about messages that are
// delivered later.
type BrokerScheduler struct {
}

func (e *BrokerScheduler) setDefaults() {
}

func (BrokerScheduler) others() others {
	return others{
		"jobSchedulerStore":         absent(reasonLater),
		"maxSchedulerRepeatAllowed": refused("1000", reasonLater),
		"schedulerDirectory":        absent(reasonLater),
		"schedulerDirectoryFile":    absent(reasonLater),
		"schedulerSupport":          refused("false", reasonLater),
	}
}
