package config

// TopicEntry are the attributes and strategies of a <policyEntry> for topics
// and for consumers that are slow.
type TopicEntry struct {
}

func (e *TopicEntry) setDefaults() {
}

func (TopicEntry) others() others {
	return others{
		"alwaysRetroactive":                 refused("false", reasonLater),
		"dispatchPolicy":                    absent(reasonLater),
		"messageEvictionStrategy":           absent(reasonLater),
		"slowConsumerStrategy":              absent(reasonLater),
		"subscriptionRecoveryPolicy":        absent(reasonLater),
		"useTopicSubscriptionInflightStats": tuned("true", "statistics are always kept"),
	}
}
