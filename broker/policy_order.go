package broker

// OrderPolicy is the part of a Policy about the order in which stored messages
// are read, and what is kept of their redelivery.
type OrderPolicy struct {
	// PrioritizedMessages delivers by JMSPriority, 9 first, and in the order of
	// arrival within each. All ten are kept apart, where ActiveMQ's KahaDB has
	// three levels.
	PrioritizedMessages bool
	// PersistJMSRedelivered keeps the redelivery counters of a queue's messages
	// in the store. (ActiveMQ keeps only the flag)
	PersistJMSRedelivered bool
	// MaxBrowsePageSize is how many messages a browser reads at a time.
	MaxBrowsePageSize int
	// MaxExpirePageSize is how many messages a look for expired ones reads.
	MaxExpirePageSize int
}

// defaultOrderPolicy is ActiveMQ's.
func defaultOrderPolicy() OrderPolicy {
	return OrderPolicy{MaxBrowsePageSize: 400, MaxExpirePageSize: 400}
}
