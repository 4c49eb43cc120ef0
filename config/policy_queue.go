package config

import "time"

// QueueEntry are the attributes of a <policyEntry> about which consumer gets a
// message, and how many.
type QueueEntry struct {
	// Prefetch sizes, in messages, in place of the Java client's own defaults.
	QueuePrefetch        int `config:"queuePrefetch"`
	QueueBrowserPrefetch int `config:"queueBrowserPrefetch"`
	TopicPrefetch        int `config:"topicPrefetch"`
	DurableTopicPrefetch int `config:"durableTopicPrefetch"`

	StrictOrderDispatch           bool          `config:"strictOrderDispatch"`
	ConsumersBeforeDispatchStarts int           `config:"consumersBeforeDispatchStarts"`
	TimeBeforeDispatchStarts      time.Duration `config:"timeBeforeDispatchStarts"`

	// MessageGroupMapFactoryType is "cached", "bucket" or "simple", with
	// options as in a URI: "cached?cacheSize=1024".
	MessageGroupMapFactoryType string                 `config:"messageGroupMapFactoryType"`
	MessageGroupMapFactory     MessageGroupMapFactory `config:"messageGroupMapFactory"`
}

func (e *QueueEntry) setDefaults() {
	e.QueuePrefetch, e.QueueBrowserPrefetch = 1000, 500
	e.TopicPrefetch, e.DurableTopicPrefetch = 32767, 100
	e.MessageGroupMapFactoryType = "cached"
}

// Bounds of a policy's sizes.
const (
	maxPrefetch        = 1 << 20
	maxDispatchWait    = time.Hour
	maxConsumersBefore = 1 << 20
)

func (e *QueueEntry) check(b *binder, path string) {
	b.within(path+".queuePrefetch", int64(e.QueuePrefetch), 0, maxPrefetch)
	b.within(path+".queueBrowserPrefetch", int64(e.QueueBrowserPrefetch), 0, maxPrefetch)
	b.within(path+".topicPrefetch", int64(e.TopicPrefetch), 0, maxPrefetch)
	b.within(path+".durableTopicPrefetch", int64(e.DurableTopicPrefetch), 0, maxPrefetch)
	b.within(path+".consumersBeforeDispatchStarts", int64(e.ConsumersBeforeDispatchStarts), 0, maxConsumersBefore)
	b.within(path+".timeBeforeDispatchStarts", e.TimeBeforeDispatchStarts.Milliseconds(), 0, maxDispatchWait.Milliseconds())
	e.checkGroups(b, path)
}

const (
	reasonAudit = "what a producer sends again after a failover is always recognised, and nothing else is ever taken for a duplicate"
	reasonDepth = "the last sequence of every producer is kept"
)

func (QueueEntry) others() others {
	return others{
		"enableAudit":                 tuned("true", reasonAudit),
		"lazyDispatch":                tuned("false", "a queue reads no more than maxPageSize messages ahead of its consumers"),
		"maxAuditDepth":               tuned("10000", reasonDepth),
		"maxProducersToAudit":         tuned("64", reasonDepth),
		"maxQueueAuditDepth":          tuned("10000", reasonDepth),
		"optimizedDispatch":           tuned("false", "dispatch never changes threads"),
		"sendDuplicateFromStoreToDLQ": tuned("false", "no message of the store is taken for a duplicate: one whose id comes again while it is there is stored once, one that comes after it was consumed is delivered"),
	}
}
