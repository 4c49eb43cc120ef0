package console

import (
	"time"

	"github.com/conclavemq/conclave/console/jolokia"
)

// destinationBean is a destination as the operations of its bean need it.
type destinationBean struct {
	view *view
	*Destination
}

// destinationAttributes has what a Broker knows of ActiveMQ's
// DestinationViewMBean.
var destinationAttributes = []jolokia.Attribute{
	of("Name", text, "The destination's name.", func(d *destinationBean) any { return d.Name }),
	of("EnqueueCount", long, "Messages that it has accepted.", func(d *destinationBean) any { return d.Enqueued }),
	of("DispatchCount", long, "Messages that were given to consumers.", func(d *destinationBean) any { return d.Dispatched }),
	of("DequeueCount", long, "Messages that were acknowledged.", func(d *destinationBean) any { return d.Dequeued }),
	of("InFlightCount", long, "Messages that consumers have and have not acknowledged.", func(d *destinationBean) any { return d.InFlight }),
	of("ExpiredCount", long, "Messages that have expired.", func(d *destinationBean) any { return d.Expired }),
	of("QueueSize", long, "Messages that are there, those of consumers included.", func(d *destinationBean) any { return d.Size }),
	of("ConsumerCount", long, "Consumers.", func(d *destinationBean) any { return d.Consumers }),
	of("ProducerCount", long, "Producers.", func(d *destinationBean) any { return d.Producers }),
	of("MemoryUsageByteCount", long, "Bytes of messages in memory.", func(d *destinationBean) any { return d.MemoryUsed }),
	of("MemoryLimit", long, "Bytes of messages in memory, at most.", func(d *destinationBean) any { return d.MemoryLimit }),
	of("MemoryPercentUsage", integer, "How much of that is used.", func(d *destinationBean) any { return percent(d.MemoryUsed, d.MemoryLimit) }),
	of("BlockedSends", long, "Sends that found no space.", func(d *destinationBean) any { return d.BlockedSends }),
	of("TotalBlockedTime", long, "How long sends have waited together, in ms.", func(d *destinationBean) any { return d.BlockedFor.Milliseconds() }),
	of("AverageBlockedTime", double, "How long a send has waited, in ms.", func(d *destinationBean) any {
		if d.BlockedSends == 0 {
			return 0.0
		}
		return float64(d.BlockedFor) / float64(time.Millisecond) / float64(d.BlockedSends)
	}),
	of("ProducerFlowControl", boolean, "Whether producers wait at a limit.", func(d *destinationBean) any { return d.ProducerFlowControl }),
	of("PrioritizedMessages", boolean, "Whether messages go by their priority.", func(d *destinationBean) any { return d.Prioritized }),
	of("AlwaysRetroactive", boolean, "Whether subscribers get what came before them.", func(d *destinationBean) any { return d.AlwaysRetroactive }),
	of("BlockedProducerWarningInterval", long, "How often a producer that waits is logged, in ms.", func(d *destinationBean) any { return d.WarnInterval.Milliseconds() }),
	of("DLQ", boolean, "Whether dead letters have come here.", func(d *destinationBean) any { return d.DeadLetters }),
}

func destinationClass(kind Kind) *jolokia.Class {
	switch kind {
	case Queue:
		return queueClass
	case TempQueue:
		return tempQueueClass
	}
	return topicClass
}

var topicClass = class("TopicView", destinationAttributes)

var queueClass = func() *jolokia.Class {
	c := *tempQueueClass
	c.Operations = queueOperations
	return &c
}()

// tempQueueClass has no operations: what is in a temporary queue is its client's.
var tempQueueClass = class("QueueView", destinationAttributes, []jolokia.Attribute{
	of("Paused", boolean, "Whether consumers get nothing; queues are never paused here.", func(*destinationBean) any { return false }),
})
