package config

import "time"

// SchedulingPlugins are the plugins that deliver messages again later.
type SchedulingPlugins struct {
	Redelivery *RedeliveryPlugin `config:"redeliveryPlugin"`
}

func (p *SchedulingPlugins) setDefaults() {
}

func (SchedulingPlugins) others() others { return others{} }

func (p *SchedulingPlugins) check(b *binder, path string) {
	if p.Redelivery == nil {
		return
	}
	path += ".redeliveryPlugin.redeliveryPolicyMap"
	m := &p.Redelivery.PolicyMap
	for i := range m.Entries {
		e := &m.Entries[i]
		at := index(path+".redeliveryPolicyEntries", i)
		if given(e.Queue, e.Topic, e.TempQueue, e.TempTopic) != 1 {
			b.bad(at, "needs exactly one of queue, topic, tempQueue and tempTopic")
		}
		e.check(b, at)
	}
	if m.Default != nil {
		m.Default.check(b, path+".defaultEntry")
	}
}

func given(patterns ...string) (n int) {
	for _, p := range patterns {
		if p != "" {
			n++
		}
	}
	return n
}

// RedeliveryPlugin is the <redeliveryPlugin> element: messages that a consumer
// has given up are delivered again after a while. It needs schedulerSupport.
type RedeliveryPlugin struct {
	PolicyMap                     RedeliveryPolicyMap `config:"redeliveryPolicyMap"`
	SendToDlqIfMaxRetriesExceeded bool                `config:"sendToDlqIfMaxRetriesExceeded"`
	// FallbackToDeadLetter false forgets what has no policy.
	FallbackToDeadLetter bool `config:"fallbackToDeadLetter"`
}

func (p *RedeliveryPlugin) setDefaults() {
	p.SendToDlqIfMaxRetriesExceeded = true
	p.FallbackToDeadLetter = true
}

func (RedeliveryPlugin) others() others { return nil }

// RedeliveryPolicyMap is the <redeliveryPolicyMap> element.
type RedeliveryPolicyMap struct {
	Entries []RedeliveryPolicy    `config:"redeliveryPolicyEntries,item=redeliveryPolicy"`
	Default *RedeliveryPolicyHome `config:"defaultEntry"`
}

func (RedeliveryPolicyMap) others() others { return nil }

// RedeliveryPolicyHome is the <defaultEntry> with its <redeliveryPolicy>, or
// with the attributes of one.
type RedeliveryPolicyHome struct {
	RedeliveryPolicy
	Inner *RedeliveryPolicy `config:"redeliveryPolicy"`
}

func (RedeliveryPolicyHome) others() others { return nil }

func (h *RedeliveryPolicyHome) policy() *RedeliveryPolicy {
	if h.Inner != nil {
		return h.Inner
	}
	return &h.RedeliveryPolicy
}

func (h *RedeliveryPolicyHome) check(b *binder, path string) { h.policy().check(b, path) }

// RedeliveryPolicy is the <redeliveryPolicy> element: how often and when.
type RedeliveryPolicy struct {
	Queue     string `config:"queue"`
	Topic     string `config:"topic"`
	TempQueue string `config:"tempQueue"`
	TempTopic string `config:"tempTopic"`

	MaximumRedeliveries    int           `config:"maximumRedeliveries"` // -1: for ever
	InitialRedeliveryDelay time.Duration `config:"initialRedeliveryDelay"`
	RedeliveryDelay        time.Duration `config:"redeliveryDelay"`
	UseExponentialBackOff  bool          `config:"useExponentialBackOff"`
	BackOffMultiplier      float64       `config:"backOffMultiplier"`
	MaximumRedeliveryDelay time.Duration `config:"maximumRedeliveryDelay"` // -1: none
	UseCollisionAvoidance  bool          `config:"useCollisionAvoidance"`
	// CollisionAvoidancePercent is by how much a delay is varied at most.
	CollisionAvoidancePercent int `config:"collisionAvoidancePercent"`
}

func (p *RedeliveryPolicy) setDefaults() {
	p.MaximumRedeliveries = 6
	p.InitialRedeliveryDelay = time.Second
	p.RedeliveryDelay = time.Second
	p.BackOffMultiplier = 5
	p.MaximumRedeliveryDelay = -time.Millisecond
	p.CollisionAvoidancePercent = 15
}

func (RedeliveryPolicy) others() others {
	return others{
		"destination":      absent("write queue, topic, tempQueue or tempTopic with a pattern"),
		"preDispatchCheck": tuned("true", "it is about a client's own redeliveries"),
	}
}

// leastRedeliveryDelay is ActiveMQ's, which it refuses to go below.
const leastRedeliveryDelay = time.Second

func (p *RedeliveryPolicy) check(b *binder, path string) {
	if p.InitialRedeliveryDelay < leastRedeliveryDelay {
		b.bad(path+".initialRedeliveryDelay", "must be at least 1000 ms")
	}
	if p.RedeliveryDelay < leastRedeliveryDelay {
		b.bad(path+".redeliveryDelay", "must be at least 1000 ms")
	}
	b.within(path+".maximumRedeliveries", int64(p.MaximumRedeliveries), -1, 1<<31-1)
	b.within(path+".collisionAvoidancePercent", int64(p.CollisionAvoidancePercent), 0, 100)
	if p.BackOffMultiplier < 0 {
		b.bad(path+".backOffMultiplier", "must not be negative")
	}
}

// Find returns the policy of a destination, as PolicyMap.Find does; nil is
// none.
func (m *RedeliveryPolicyMap) Find(attribute, name string) *RedeliveryPolicy {
	var best *RedeliveryPolicy
	var bestPattern string
	for i := range m.Entries {
		e := &m.Entries[i]
		pattern := map[string]string{"queue": e.Queue, "topic": e.Topic, "tempQueue": e.TempQueue, "tempTopic": e.TempTopic}[attribute]
		if pattern == "" || !covers(pattern, name) {
			continue
		}
		if best == nil || before(pattern, bestPattern, name) {
			best, bestPattern = e, pattern
		}
	}
	if best == nil && m.Default != nil {
		return m.Default.policy()
	}
	return best
}
