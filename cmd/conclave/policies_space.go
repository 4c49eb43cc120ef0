package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// applySpace maps the part of a policy entry about memory and space.
func applySpace(p *broker.SpacePolicy, e *config.MemoryEntry) {
	p.CursorMemoryHighWaterMark = e.CursorMemoryHighWaterMark
	p.StoreUsageHighWaterMark = e.StoreUsageHighWaterMark
	p.MinimumMessageSize = e.MinimumMessageSize
	p.InMemory = e.PendingQueuePolicy.VM != nil || e.PendingSubscriberPolicy.VM != nil
	p.DurablesInMemory = e.PendingDurableSubscriberPolicy.VM != nil
	if e.SendFailIfNoSpace != "" {
		fail := e.SendFailIfNoSpace == "true"
		p.SendFailIfNoSpace = &fail
	}
	if after := e.SendFailIfNoSpaceAfterTimeout; after >= 0 {
		p.SendFailIfNoSpaceAfterTimeout = &after
	}
}
