package broker

// QueuePolicy is the part of a Policy about which consumer of a queue gets a message, and how many.
type QueuePolicy struct{}

// defaultQueuePolicy is ActiveMQ's.
func defaultQueuePolicy() QueuePolicy { return QueuePolicy{} }
