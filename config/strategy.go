package config

// PendingMessageLimitStrategy is the <pendingMessageLimitStrategy> element:
// how much may wait for a topic consumer beyond its prefetch.
type PendingMessageLimitStrategy struct {
	Constant     *ConstantPendingMessageLimitStrategy     `config:"constantPendingMessageLimitStrategy"`
	PrefetchRate *PrefetchRatePendingMessageLimitStrategy `config:"prefetchRatePendingMessageLimitStrategy"`
}

func (PendingMessageLimitStrategy) others() others { return nil }

func (s *PendingMessageLimitStrategy) check(b *binder, path string) {
	b.oneOf(path, "strategy", s.Constant != nil, s.PrefetchRate != nil)
	if r := s.PrefetchRate; r != nil && (r.Multiplier < 0 || r.Multiplier > maxPending) {
		b.bad(path+".prefetchRatePendingMessageLimitStrategy.multiplier", "is not within 0 and 2147483647")
	}
}

// PrefetchRatePendingMessageLimitStrategy is so many times the consumer's
// prefetch size.
type PrefetchRatePendingMessageLimitStrategy struct {
	Multiplier float64 `config:"multiplier"`
}

func (s *PrefetchRatePendingMessageLimitStrategy) setDefaults() { s.Multiplier = 0.5 }

func (PrefetchRatePendingMessageLimitStrategy) others() others { return nil }

// ConstantPendingMessageLimitStrategy is a fixed number of messages; -1 is no
// limit.
type ConstantPendingMessageLimitStrategy struct {
	Limit int `config:"limit"`
}

func (s *ConstantPendingMessageLimitStrategy) setDefaults() { s.Limit = -1 }

func (ConstantPendingMessageLimitStrategy) others() others { return nil }
