package config

// BrokerSessions are the attributes of <broker> about durable subscriptions,
// transactions and users.
type BrokerSessions struct {
}

func (e *BrokerSessions) setDefaults() {
}

func (BrokerSessions) others() others {
	return others{
		"enableMessageExpirationOnActiveDurableSubs": refused("false", reasonLater),
		"keepDurableSubsActive":                      refused("true", reasonLater),
		"maxUncommittedCount":                        refused("0", reasonLater),
		"offlineDurableSubscriberTaskSchedule":       refused("300000", reasonLater),
		"offlineDurableSubscriberTimeout":            refused("-1", reasonLater),
		"rejectDurableConsumers":                     refused("false", reasonLater),
		"rollbackOnlyOnAsyncException":               refused("true", reasonLater),
		"useAuthenticatedPrincipalForJMSXUserID":     refused("false", reasonLater),
	}
}
