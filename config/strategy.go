package config

// PendingMessageLimitStrategy is the <pendingMessageLimitStrategy> element:
// how much may wait for a topic consumer beyond its prefetch.
type PendingMessageLimitStrategy struct {
	Constant *ConstantPendingMessageLimitStrategy `config:"constantPendingMessageLimitStrategy"`
}

func (PendingMessageLimitStrategy) others() others {
	return others{"prefetchRatePendingMessageLimitStrategy": absent(reasonLater)}
}

// ConstantPendingMessageLimitStrategy is a fixed number of messages; -1 is no
// limit.
type ConstantPendingMessageLimitStrategy struct {
	Limit int `config:"limit"`
}

func (s *ConstantPendingMessageLimitStrategy) setDefaults() { s.Limit = -1 }

func (ConstantPendingMessageLimitStrategy) others() others { return nil }
