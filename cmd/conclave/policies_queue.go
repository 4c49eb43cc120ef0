package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applyQueue maps the part of a policy entry about which consumer of a queue gets a message, and how many.
func applyQueue(p *broker.QueuePolicy, e *config.QueueEntry) {
	p.QueuePrefetch, p.QueueBrowserPrefetch = int32(e.QueuePrefetch), int32(e.QueueBrowserPrefetch)
	p.TopicPrefetch, p.DurableTopicPrefetch = int32(e.TopicPrefetch), int32(e.DurableTopicPrefetch)
	p.StrictOrderDispatch = e.StrictOrderDispatch
	p.ConsumersBeforeDispatchStarts = e.ConsumersBeforeDispatchStarts
	p.TimeBeforeDispatchStarts = e.TimeBeforeDispatchStarts
	switch f, _ := e.Groups(); { // it was checked with the configuration
	case f.Bucket != nil:
		p.Groups = broker.GroupMap{Buckets: f.Bucket.BucketCount}
	case f.Simple != nil:
		p.Groups = broker.GroupMap{Groups: broker.MaxGroups}
	case f.Cached != nil:
		p.Groups = broker.GroupMap{Groups: f.Cached.CacheSize}
	}
}
