package config

// BrokerAdvisories are the attributes of <broker> about advisories.
type BrokerAdvisories struct {
	// AnonymousProducerAdvisorySupport tells of producers without a
	// destination, too.
	AnonymousProducerAdvisorySupport bool `config:"anonymousProducerAdvisorySupport"`
}

func (e *BrokerAdvisories) setDefaults() {
}

func (BrokerAdvisories) others() others {
	return others{
		"enableStatistics": tuned("true", "statistics are always kept"),
	}
}
