package config

// TopicEntry are the attributes and strategies of a <policyEntry> for topics
// and for consumers that are slow.
type TopicEntry struct {
	AlwaysRetroactive          bool                       `config:"alwaysRetroactive"`
	DispatchPolicy             DispatchPolicy             `config:"dispatchPolicy"`
	MessageEvictionStrategy    MessageEvictionStrategy    `config:"messageEvictionStrategy"`
	SlowConsumerStrategy       SlowConsumerStrategy       `config:"slowConsumerStrategy"`
	SubscriptionRecoveryPolicy SubscriptionRecoveryPolicy `config:"subscriptionRecoveryPolicy"`
}

func (e *TopicEntry) setDefaults() {
}

func (TopicEntry) others() others {
	return others{
		"useTopicSubscriptionInflightStats": tuned("true", "statistics are always kept"),
	}
}

// ofTopics reports whether something is set that only topics have. (A queue
// has a dispatch policy in ActiveMQ, and does not use it.)
func (e *TopicEntry) ofTopics() bool {
	d := e.DispatchPolicy
	d.Simple, d.RoundRobin = nil, nil
	return d != (DispatchPolicy{}) || e.MessageEvictionStrategy != (MessageEvictionStrategy{}) ||
		e.SubscriptionRecoveryPolicy != (SubscriptionRecoveryPolicy{})
}

func (e *TopicEntry) check(b *binder, path string) {
	d, m, s := &e.DispatchPolicy, &e.MessageEvictionStrategy, &e.SlowConsumerStrategy
	b.oneOf(path+".dispatchPolicy", "policy", d.ClientIDFilter != nil, d.Priority != nil, d.PriorityNetwork != nil,
		d.RoundRobin != nil, d.Simple != nil, d.StrictOrder != nil)
	b.oneOf(path+".messageEvictionStrategy", "strategy", m.Oldest != nil, m.LowestPriority != nil, m.UniqueProperty != nil)
	b.oneOf(path+".slowConsumerStrategy", "strategy", s.AbortSlow != nil, s.AbortSlowAck != nil)
	if u := m.UniqueProperty; u != nil && u.PropertyName == "" {
		b.bad(path+".messageEvictionStrategy.uniquePropertyMessageEvictionStrategy", "needs a propertyName")
	}
	if a := s.AbortSlow; a != nil {
		b.within(path+".slowConsumerStrategy.abortSlowConsumerStrategy.checkPeriod", a.CheckPeriod.Milliseconds(), 1, maxPending)
	}
	if a := s.AbortSlowAck; a != nil {
		b.within(path+".slowConsumerStrategy.abortSlowAckConsumerStrategy.checkPeriod", a.CheckPeriod.Milliseconds(), 1, maxPending)
	}
	e.SubscriptionRecoveryPolicy.check(b, path+".subscriptionRecoveryPolicy")
}

// checkTopicsOwn checks the pending limit, and warns of what an entry for
// queues has and only topics use.
func (b *binder) checkTopicsOwn(p *PolicyEntry, path string) {
	p.PendingMessageLimitStrategy.check(b, path+".pendingMessageLimitStrategy")
	if (p.Queue != "" || p.TempQueue != "") && p.TopicEntry.ofTopics() {
		b.warnings = append(b.warnings, b.origins[path].String()+": "+path+
			": dispatchPolicy, messageEvictionStrategy and subscriptionRecoveryPolicy have no effect on queues")
	}
}

// oneOf refuses more than one of several alternatives.
func (b *binder) oneOf(path, what string, given ...bool) {
	n := 0
	for _, is := range given {
		if is {
			n++
		}
	}
	if n > 1 {
		b.bad(path, "has more than one "+what)
	}
}
