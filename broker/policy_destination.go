package broker

// DestinationPolicy is the part of a Policy about how long destinations live and how many there may be.
type DestinationPolicy struct{}

// defaultDestinationPolicy is ActiveMQ's.
func defaultDestinationPolicy() DestinationPolicy { return DestinationPolicy{} }
