package config

import "time"

// DispatchPolicy is the <dispatchPolicy> element: which subscribers of a topic
// get a message, and who first. At most one is set; none is simple.
type DispatchPolicy struct {
	ClientIDFilter  *ClientIDFilterDispatchPolicy `config:"clientIdFilterDispatchPolicy"`
	Priority        *Bare                         `config:"priorityDispatchPolicy"`
	PriorityNetwork *Bare                         `config:"priorityNetworkDispatchPolicy"`
	RoundRobin      *Bare                         `config:"roundRobinDispatchPolicy"`
	Simple          *Bare                         `config:"simpleDispatchPolicy"`
	StrictOrder     *Bare                         `config:"strictOrderDispatchPolicy"`
}

func (DispatchPolicy) others() others { return nil }

// Bare is an element without attributes.
type Bare struct{}

func (Bare) others() others { return nil }

// ClientIDFilterDispatchPolicy gives a message to the one client that it
// names, on topics with a suffix.
type ClientIDFilterDispatchPolicy struct {
	PtpClientID string `config:"ptpClientId"`
	PtpSuffix   string `config:"ptpSuffix"`
}

func (p *ClientIDFilterDispatchPolicy) setDefaults() {
	p.PtpClientID, p.PtpSuffix = "PTP_CLIENTID", ".PTP"
}

func (ClientIDFilterDispatchPolicy) others() others { return nil }

// MessageEvictionStrategy is the <messageEvictionStrategy> element: what is
// discarded when too much waits for a topic consumer. At most one is set; none
// is the oldest.
type MessageEvictionStrategy struct {
	Oldest         *EvictionStrategy       `config:"oldestMessageEvictionStrategy"`
	LowestPriority *EvictionStrategy       `config:"oldestMessageWithLowestPriorityEvictionStrategy"`
	UniqueProperty *UniquePropertyEviction `config:"uniquePropertyMessageEvictionStrategy"`
}

func (MessageEvictionStrategy) others() others { return nil }

// EvictionStrategy is what all eviction strategies have.
type EvictionStrategy struct {
	EvictExpiredMessagesHighWatermark int  `config:"evictExpiredMessagesHighWatermark"`
	ExpiryCheckEnabled                bool `config:"expiryCheckEnabled"`
}

func (s *EvictionStrategy) setDefaults() {
	s.EvictExpiredMessagesHighWatermark, s.ExpiryCheckEnabled = 1000, true
}

func (EvictionStrategy) others() others { return nil }

// UniquePropertyEviction keeps the newest message of each value of a property.
type UniquePropertyEviction struct {
	PropertyName string `config:"propertyName"`
	EvictionStrategy
}

func (s *UniquePropertyEviction) setDefaults() { s.EvictionStrategy.setDefaults() }

func (UniquePropertyEviction) others() others { return nil }

// SlowConsumerStrategy is the <slowConsumerStrategy> element: which consumers
// are ended for being slow. At most one is set; none ends nobody.
type SlowConsumerStrategy struct {
	AbortSlow    *AbortSlowConsumerStrategy    `config:"abortSlowConsumerStrategy"`
	AbortSlowAck *AbortSlowAckConsumerStrategy `config:"abortSlowAckConsumerStrategy"`
}

func (SlowConsumerStrategy) others() others { return nil }

// AbortSlowConsumerStrategy ends consumers for whom too much waits too long.
type AbortSlowConsumerStrategy struct {
	MaxSlowCount           int           `config:"maxSlowCount"`    // -1: no limit
	MaxSlowDuration        time.Duration `config:"maxSlowDuration"` // -1: no limit
	CheckPeriod            time.Duration `config:"checkPeriod"`
	AbortConnection        bool          `config:"abortConnection"`
	IgnoreNetworkConsumers bool          `config:"ignoreNetworkConsumers"`
}

func (s *AbortSlowConsumerStrategy) setDefaults() {
	s.MaxSlowCount = -1
	s.MaxSlowDuration, s.CheckPeriod = 30*time.Second, 30*time.Second
	s.IgnoreNetworkConsumers = true
}

func (AbortSlowConsumerStrategy) others() others {
	return others{"name": tuned("", "there is no object with this name to manage")}
}

// AbortSlowAckConsumerStrategy ends consumers that do not acknowledge.
type AbortSlowAckConsumerStrategy struct {
	AbortSlowConsumerStrategy
	MaxTimeSinceLastAck time.Duration `config:"maxTimeSinceLastAck"` // -1: no limit
	IgnoreIdleConsumers bool          `config:"ignoreIdleConsumers"`
}

func (s *AbortSlowAckConsumerStrategy) setDefaults() {
	s.AbortSlowConsumerStrategy.setDefaults()
	s.MaxTimeSinceLastAck = 30 * time.Second
	s.IgnoreIdleConsumers = true
}

func (AbortSlowAckConsumerStrategy) others() others { return nil }

// SubscriptionRecoveryPolicy is the <subscriptionRecoveryPolicy> element: what
// a topic keeps for retroactive consumers. At most one is set; none keeps
// nothing but a message that asks for it.
type SubscriptionRecoveryPolicy struct {
	RecoveryPolicy
	Retained *RetainedMessageSubscriptionRecoveryPolicy `config:"retainedMessageSubscriptionRecoveryPolicy"`
}

func (SubscriptionRecoveryPolicy) others() others { return nil }

// Chosen is the policy beside the retained message.
func (p *SubscriptionRecoveryPolicy) Chosen() *RecoveryPolicy {
	if p.Retained != nil {
		return &p.Retained.Wrapped
	}
	return &p.RecoveryPolicy
}

func (p *SubscriptionRecoveryPolicy) check(b *binder, path string) {
	b.oneOf(path, "policy", append(p.RecoveryPolicy.given(), p.Retained != nil)...)
	if p.Retained != nil {
		path += ".retainedMessageSubscriptionRecoveryPolicy.wrapped"
		b.oneOf(path, "policy", p.Retained.Wrapped.given()...)
	}
	c := p.Chosen()
	if c.FixedCount != nil {
		b.within(path+".fixedCountSubscriptionRecoveryPolicy.maximumSize", int64(c.FixedCount.MaximumSize), 1, 1<<20)
	}
	if c.FixedSized != nil {
		b.within(path+".fixedSizedSubscriptionRecoveryPolicy.maximumSize", c.FixedSized.MaximumSize, 1, 1<<40)
	}
	if c.Timed != nil {
		b.within(path+".timedSubscriptionRecoveryPolicy.recoverDuration", c.Timed.RecoverDuration.Milliseconds(), 1, maxMillis)
	}
}

// RetainedMessageSubscriptionRecoveryPolicy keeps the last message with the
// property ActiveMQ.Retain, as every topic does, and what it wraps.
type RetainedMessageSubscriptionRecoveryPolicy struct {
	Wrapped RecoveryPolicy `config:"wrapped"`
}

func (RetainedMessageSubscriptionRecoveryPolicy) others() others { return nil }

// RecoveryPolicy is one of the policies that keep several messages.
type RecoveryPolicy struct {
	FixedCount *FixedCountSubscriptionRecoveryPolicy `config:"fixedCountSubscriptionRecoveryPolicy"`
	FixedSized *FixedSizedSubscriptionRecoveryPolicy `config:"fixedSizedSubscriptionRecoveryPolicy"`
	Timed      *TimedSubscriptionRecoveryPolicy      `config:"timedSubscriptionRecoveryPolicy"`
	LastImage  *Bare                                 `config:"lastImageSubscriptionRecoveryPolicy"`
	None       *Bare                                 `config:"noSubscriptionRecoveryPolicy"`
}

func (RecoveryPolicy) others() others {
	return others{"queryBasedSubscriptionRecoveryPolicy": absent("its query is a Java class, and " + reasonJava)}
}

func (p *RecoveryPolicy) given() []bool {
	return []bool{p.FixedCount != nil, p.FixedSized != nil, p.Timed != nil, p.LastImage != nil, p.None != nil}
}

// FixedCountSubscriptionRecoveryPolicy keeps a number of messages.
type FixedCountSubscriptionRecoveryPolicy struct {
	MaximumSize int `config:"maximumSize"`
}

func (p *FixedCountSubscriptionRecoveryPolicy) setDefaults() { p.MaximumSize = 100 }

func (FixedCountSubscriptionRecoveryPolicy) others() others { return nil }

// FixedSizedSubscriptionRecoveryPolicy keeps a number of bytes.
type FixedSizedSubscriptionRecoveryPolicy struct {
	MaximumSize int64 `config:"maximumSize,bytes"`
}

func (p *FixedSizedSubscriptionRecoveryPolicy) setDefaults() { p.MaximumSize = 64 << 10 }

func (FixedSizedSubscriptionRecoveryPolicy) others() others {
	return others{"useSharedBuffer": tuned("true", "every topic has a buffer of its own, as in ActiveMQ whatever this says")}
}

// TimedSubscriptionRecoveryPolicy keeps messages for some time.
type TimedSubscriptionRecoveryPolicy struct {
	RecoverDuration time.Duration `config:"recoverDuration"`
}

func (p *TimedSubscriptionRecoveryPolicy) setDefaults() { p.RecoverDuration = time.Minute }

func (TimedSubscriptionRecoveryPolicy) others() others { return nil }
