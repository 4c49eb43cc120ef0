package config

import "time"

// DestinationPolicy is the <destinationPolicy> element.
type DestinationPolicy struct {
	PolicyMap PolicyMap `config:"policyMap"`
}

func (DestinationPolicy) others() others { return nil }

// PolicyMap is the <policyMap> element.
type PolicyMap struct {
	Entries []PolicyEntry `config:"policyEntries,item=policyEntry"`
	Default *PolicyEntry  `config:"defaultEntry"`
}

func (PolicyMap) others() others { return nil }

// PolicyEntry is the <policyEntry> element: how destinations that match a
// pattern behave. Exactly one of the four patterns is set, except in the
// default entry.
type PolicyEntry struct {
	Queue     string `config:"queue"`
	Topic     string `config:"topic"`
	TempQueue string `config:"tempQueue"`
	TempTopic string `config:"tempTopic"`

	ProducerFlowControl            bool          `config:"producerFlowControl"`
	BlockedProducerWarningInterval time.Duration `config:"blockedProducerWarningInterval"`
	MemoryLimit                    int64         `config:"memoryLimit,bytes"` // 0: the broker's
	// MaxPageSize bounds the messages of a destination in memory that wait for
	// a consumer; 0 leaves it to the broker.
	MaxPageSize                    int           `config:"maxPageSize"`
	ExpireMessagesPeriod           time.Duration `config:"expireMessagesPeriod"`
	UsePrefetchExtension           bool          `config:"usePrefetchExtension"`
	UseConsumerPriority            bool          `config:"useConsumerPriority"`
	AllConsumersExclusiveByDefault bool          `config:"allConsumersExclusiveByDefault"`

	PendingMessageLimitStrategy PendingMessageLimitStrategy `config:"pendingMessageLimitStrategy"`
	DeadLetterStrategy          DeadLetterStrategy          `config:"deadLetterStrategy"`

	DestinationEntry
	OrderEntry
	TopicEntry
	QueueEntry
	AdvisoryEntry
	MemoryEntry
	BridgeEntry
}

func (p *PolicyEntry) setDefaults() {
	p.ProducerFlowControl = true
	p.BlockedProducerWarningInterval = 30 * time.Second
	p.ExpireMessagesPeriod = 30 * time.Second
	p.UsePrefetchExtension = true
	p.UseConsumerPriority = true
	p.DestinationEntry.setDefaults()
	p.OrderEntry.setDefaults()
	p.TopicEntry.setDefaults()
	p.QueueEntry.setDefaults()
	p.AdvisoryEntry.setDefaults()
	p.MemoryEntry.setDefaults()
}

// Pattern returns the attribute that is set, and its value.
func (p *PolicyEntry) Pattern() (attribute, pattern string) {
	for _, c := range [...][2]string{{"queue", p.Queue}, {"topic", p.Topic}, {"tempQueue", p.TempQueue}, {"tempTopic", p.TempTopic}} {
		if c[1] != "" {
			return c[0], c[1]
		}
	}
	return "", ""
}

func (PolicyEntry) others() others {
	return others{
		"destination": absent("write queue, topic, tempQueue or tempTopic with a pattern"),
	}
}
