package broker

// TopicPolicy is the part of a Policy about the subscribers of topics, and slow consumers.
type TopicPolicy struct{}

// defaultTopicPolicy is ActiveMQ's.
func defaultTopicPolicy() TopicPolicy { return TopicPolicy{} }
