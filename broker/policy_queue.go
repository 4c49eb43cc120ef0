package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// QueuePolicy is the part of a Policy about which consumer of a queue gets a
// message, and how many. (ActiveMQ: PolicyEntry; fields have its names unless
// said otherwise)
type QueuePolicy struct {
	// What a consumer is given ahead, in messages, in place of the Java
	// client's default for its kind; see Policy.prefetch.
	QueuePrefetch        int32
	QueueBrowserPrefetch int32
	TopicPrefetch        int32
	DurableTopicPrefetch int32
	// StrictOrderDispatch gives a message to the first consumer that has
	// credit, in the order in which they came, not to the next in turn.
	StrictOrderDispatch bool
	// ConsumersBeforeDispatchStarts is how many consumers a queue that had
	// none waits for, TimeBeforeDispatchStarts how long, a second if it is 0.
	// Without the first the second is waited for in any case.
	ConsumersBeforeDispatchStarts int
	TimeBeforeDispatchStarts      time.Duration
	// Groups is how message groups are remembered.
	Groups GroupMap
}

// Prefetch sizes of the Java client that nobody has set. (ActiveMQ:
// ActiveMQPrefetchPolicy)
const (
	defaultQueuePrefetch                = 1000
	defaultQueueBrowserPrefetch         = 500
	defaultTopicPrefetch                = 32767
	defaultDurableTopicPrefetch         = 100
	defaultOptimizeDurableTopicPrefetch = 1000
)

// defaultQueuePolicy is ActiveMQ's.
func defaultQueuePolicy() QueuePolicy {
	return QueuePolicy{
		QueuePrefetch:        defaultQueuePrefetch,
		QueueBrowserPrefetch: defaultQueueBrowserPrefetch,
		TopicPrefetch:        defaultTopicPrefetch,
		DurableTopicPrefetch: defaultDurableTopicPrefetch,
		Groups:               GroupMap{Groups: 1024},
	}
}

// prefetch is the prefetch size that a consumer gets which asks for n: the
// policy's, if n is what a Java client asks for by default. The larger default
// of a durable subscriber with optimized acknowledgements stays unless the
// policy sets a size; ActiveMQ takes it back as soon as there is any policy
// for the topic. (ActiveMQ: PolicyEntry.configurePrefetch)
func (p *QueuePolicy) prefetch(info *message.ConsumerInfo, n int32) int32 {
	switch {
	case info.Destination.Kind.IsQueue() && info.Browser:
		if n == defaultQueueBrowserPrefetch {
			return p.QueueBrowserPrefetch
		}
	case info.Destination.Kind.IsQueue():
		if n == defaultQueuePrefetch {
			return p.QueuePrefetch
		}
	case info.Durable():
		if n == defaultDurableTopicPrefetch || n == defaultOptimizeDurableTopicPrefetch && p.DurableTopicPrefetch != defaultDurableTopicPrefetch {
			return p.DurableTopicPrefetch
		}
	case n == defaultTopicPrefetch:
		return p.TopicPrefetch
	}
	return n
}
