package main

import (
	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

// maxPage bounds maxBrowsePageSize and maxExpirePageSize: that many messages
// are read at a time.
const maxPage = 10_000

// applyOrder maps the part of a policy entry about the order in which stored
// messages are read, and what is kept of their redelivery.
func applyOrder(p *broker.OrderPolicy, e *config.OrderEntry) {
	p.PrioritizedMessages = e.PrioritizedMessages
	p.PersistJMSRedelivered = e.PersistJMSRedelivered
	if e.MaxBrowsePageSize > 0 {
		p.MaxBrowsePageSize = min(e.MaxBrowsePageSize, maxPage)
	}
	if e.MaxExpirePageSize > 0 {
		p.MaxExpirePageSize = min(e.MaxExpirePageSize, maxPage)
	}
}
