package config

// BrokerAdvisories are the attributes of <broker> about advisories.
type BrokerAdvisories struct {
}

func (e *BrokerAdvisories) setDefaults() {
}

func (BrokerAdvisories) others() others {
	return others{
		"anonymousProducerAdvisorySupport": refused("false", reasonLater),
		"enableStatistics":                 tuned("true", "statistics are always kept"),
	}
}
