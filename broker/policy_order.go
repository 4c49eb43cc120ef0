package broker

// OrderPolicy is the part of a Policy about the order in which stored messages are read, and what is kept of their redelivery.
type OrderPolicy struct{}

// defaultOrderPolicy is ActiveMQ's.
func defaultOrderPolicy() OrderPolicy { return OrderPolicy{} }
