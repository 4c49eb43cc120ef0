package broker

// AdvisoryPolicy is the part of a Policy about advisories, and changes to messages.
type AdvisoryPolicy struct{}

// defaultAdvisoryPolicy is ActiveMQ's.
func defaultAdvisoryPolicy() AdvisoryPolicy { return AdvisoryPolicy{} }
