package config

import "time"

// BrokerDestinations are the attributes of <broker> about destinations: which
// there are from the start, how long they live, and which stand for others.
type BrokerDestinations struct {
	// AllowTempAutoCreationOnSend lets a send create a temporary destination.
	AllowTempAutoCreationOnSend bool `config:"allowTempAutoCreationOnSend"`
	// Destinations are created when the broker begins to serve.
	Destinations []DestinationElement `config:"destinations"`
	// DestinationInterceptors say which destinations stand for others. nil is
	// the default: what UseVirtualTopics and UseMirroredQueues say.
	DestinationInterceptors []DestinationInterceptor `config:"destinationInterceptors"`
	// SchedulePeriodForDestinationPurge is how often inactive destinations are
	// looked for; 0 never.
	SchedulePeriodForDestinationPurge time.Duration `config:"schedulePeriodForDestinationPurge"`
	// MaxPurgedDestinationsPerSweep bounds how many go at a time; 0 does not.
	MaxPurgedDestinationsPerSweep int  `config:"maxPurgedDestinationsPerSweep"`
	UseMirroredQueues             bool `config:"useMirroredQueues"`
	// UseTempMirroredQueues includes temporary queues.
	UseTempMirroredQueues bool `config:"useTempMirroredQueues"`
	UseVirtualTopics      bool `config:"useVirtualTopics"`
	// UseVirtualDestSubs tells other brokers' bridges that a virtual destination
	// is wanted where one that it feeds has a consumer;
	// UseVirtualDestSubsOnCreation also where it feeds a queue without.
	UseVirtualDestSubs           bool `config:"useVirtualDestSubs"`
	UseVirtualDestSubsOnCreation bool `config:"useVirtualDestSubsOnCreation"`
}

func (e *BrokerDestinations) setDefaults() {
	e.UseTempMirroredQueues = true
	e.UseVirtualTopics = true
}

func (e *BrokerDestinations) check(b *binder, path string) {
	b.notNegative(path+".schedulePeriodForDestinationPurge", e.SchedulePeriodForDestinationPurge)
	b.within(path+".maxPurgedDestinationsPerSweep", int64(e.MaxPurgedDestinationsPerSweep), 0, maxPending)
	for i := range e.Destinations {
		e.Destinations[i].check(b, index(path+".destinations", i))
	}
	if e.UseVirtualDestSubsOnCreation && !e.UseVirtualDestSubs {
		b.bad(path+".useVirtualDestSubsOnCreation", "has no effect without useVirtualDestSubs: true")
	}
	mirrors := 0
	for i := range e.DestinationInterceptors {
		d := &e.DestinationInterceptors[i]
		d.check(b, index(path+".destinationInterceptors", i))
		if d.MirroredQueue != nil {
			mirrors++
		}
	}
	if mirrors > 1 {
		b.bad(path+".destinationInterceptors", "has more than one mirroredQueue")
	}
	if e.UseMirroredQueues && e.DestinationInterceptors != nil && mirrors == 0 {
		b.bad(path+".useMirroredQueues", "has no effect beside destinationInterceptors; add a mirroredQueue to them")
	}
}

func (BrokerDestinations) others() others {
	return others{
		"cacheTempDestinations":           tuned("false", "temporary destinations need no cache"),
		"timeBeforePurgeTempDestinations": tuned("5000", "temporary destinations are deleted at once, without a cache"),
	}
}

// DestinationElement is a <queue> or <topic> in a list.
type DestinationElement struct {
	Queue *NamedQueue `config:"queue"`
	Topic *NamedTopic `config:"topic"`
}

func (DestinationElement) others() others {
	return others{
		"tempQueue": absent("temporary destinations belong to a client's connection"),
		"tempTopic": absent("temporary destinations belong to a client's connection"),
	}
}

func (d *DestinationElement) check(b *binder, path string) {
	b.exactlyOne(path, "queue or topic", d.Queue != nil, d.Topic != nil)
	b.named(path+".queue.physicalName", d.Queue != nil, func() string { return d.Queue.PhysicalName })
	b.named(path+".topic.physicalName", d.Topic != nil, func() string { return d.Topic.PhysicalName })
}

// NamedTopic is the <topic> element.
type NamedTopic struct {
	PhysicalName string `config:"physicalName"`
}

func (NamedTopic) others() others { return nil }
