package broker

import (
	"time"

	"github.com/conclavemq/conclave/message"
)

// RoutingOptions is the part of Options about destinations: which there are
// from the start, which stand for others, and when they go.
type RoutingOptions struct {
	// Destinations are created at the start. (ActiveMQ: destinations)
	Destinations []message.Destination
	// Virtual are the destinations that stand for others; nil means
	// DefaultVirtualTopic alone, and an empty list none. (ActiveMQ:
	// destinationInterceptors)
	Virtual []VirtualDestination
	// Mirror copies what is sent to queues to topics; nil does not. (ActiveMQ:
	// useMirroredQueues)
	Mirror *Mirror
	// VirtualDestSubs tells in advisories of consumers of destinations that
	// virtual ones feed, as if they consumed from those; with
	// VirtualDestSubsOnCreation the queues that are fed count as consumers.
	// (ActiveMQ: useVirtualDestSubs, useVirtualDestSubsOnCreation)
	VirtualDestSubs           bool
	VirtualDestSubsOnCreation bool
	// PathSeparator stands for "." in the names that clients use; "" is none.
	// (ActiveMQ: destinationPathSeparatorPlugin)
	PathSeparator string
	// PurgePeriod is how often inactive destinations are looked for; 0 never.
	// (ActiveMQ: schedulePeriodForDestinationPurge)
	PurgePeriod time.Duration
	// PurgeAtOnce bounds how many of them go at a time; 0 does not. (ActiveMQ:
	// maxPurgedDestinationsPerSweep)
	PurgeAtOnce int
	// AllowTempAutoCreationOnSend lets a send create the temporary destination
	// that it names.
	AllowTempAutoCreationOnSend bool
}

// VirtualDestination is a VirtualTopic or a CompositeDestination.
type VirtualDestination interface {
	// covers reports whether what is sent to dest goes elsewhere, too.
	covers(dest message.Destination) bool
}

// VirtualTopic lets queues take what is sent to a topic: every queue that is
// called Prefix + topic + Postfix gets a copy, so that each group of consumers
// has a queue of its own. (ActiveMQ: VirtualTopic)
type VirtualTopic struct {
	// Name is the topics, which may be a pattern.
	Name string
	// Prefix begins the queues' names; "*" in it is one path element.
	Prefix  string
	Postfix string
	// SelectorAware keeps a message from a queue none of whose consumers wants
	// it.
	SelectorAware bool
	// Local leaves out what came over a network of brokers.
	Local bool
	// DropOnResourceLimit lets a send succeed without the queues that have no
	// space for it, where producers are told of that.
	DropOnResourceLimit bool
	// KeepDestination leaves the topic as the destination that consumers of
	// the queues see. (ActiveMQ: setOriginalDestination="false")
	KeepDestination bool
}

// DefaultVirtualTopic is what there is where nothing is configured.
func DefaultVirtualTopic() VirtualTopic {
	return VirtualTopic{Name: "VirtualTopic.>", Prefix: "Consumer.*."}
}

func (v VirtualTopic) covers(dest message.Destination) bool {
	return !dest.IsAdvisory() && matches(message.NewTopic(v.Name), dest)
}

// queues is the pattern of all queues that take what is sent to topic, which
// may be a pattern.
func (v VirtualTopic) queues(topic string) message.Destination {
	return message.NewQueue(v.Prefix + topic + v.Postfix)
}

// CompositeDestination forwards what is sent to a queue or topic. (ActiveMQ:
// CompositeQueue, CompositeTopic)
type CompositeDestination struct {
	// Destination is a queue or topic, or a pattern.
	Destination message.Destination
	ForwardTo   []Forward
	// ForwardOnly keeps no copy in the destination itself.
	ForwardOnly bool
	// SendWhenNotMatched keeps a copy there if no forward has been made, and
	// only then, whatever ForwardOnly says.
	SendWhenNotMatched bool
}

func (v CompositeDestination) covers(dest message.Destination) bool {
	return matches(v.Destination, dest)
}

// Forward is where a CompositeDestination sends copies to.
type Forward struct {
	Destination message.Destination
	// Selector says which; "" is all. (ActiveMQ: FilteredDestination)
	Selector string
}

// Mirror copies all that is sent to queues to topics called Prefix + queue +
// Postfix. (ActiveMQ: MirroredQueue)
type Mirror struct {
	Prefix, Postfix string
	// Temporary includes temporary queues. (ActiveMQ: useTempMirroredQueues)
	Temporary bool
}
