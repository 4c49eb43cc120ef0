package config

import "time"

// BrokerScheduler are the attributes of <broker> about messages that are
// delivered later.
type BrokerScheduler struct {
	// SchedulerSupport makes the broker act on AMQ_SCHEDULED_DELAY and the like.
	SchedulerSupport bool `config:"schedulerSupport"`
	// MaxSchedulerRepeatAllowed bounds AMQ_SCHEDULED_REPEAT.
	MaxSchedulerRepeatAllowed int `config:"maxSchedulerRepeatAllowed"`
	// SchedulerDirectory is where ActiveMQ keeps scheduled messages; "" is
	// <dataDirectory>/<brokerName>/scheduler. Here they are in the journal.
	// What is found there is not read.
	SchedulerDirectory string `config:"schedulerDirectory"`
	// DuplicateDetectionWindow is how long the JMSXDuplicateId of a message is
	// remembered, so that another one with it is not stored; 0 is not at all.
	// Not in ActiveMQ.
	DuplicateDetectionWindow time.Duration `config:"duplicateDetectionWindow"`
}

func (e *BrokerScheduler) setDefaults() {
	e.MaxSchedulerRepeatAllowed = 1000
}

func (e *BrokerScheduler) check(b *binder, path string) {
	b.within(path+".maxSchedulerRepeatAllowed", int64(e.MaxSchedulerRepeatAllowed), 0, 1<<31-1)
	b.notNegative(path+".duplicateDetectionWindow", e.DuplicateDetectionWindow)
	at := path + ".schedulerDirectory"
	if origin, given := b.origins[at]; given {
		b.warnings = append(b.warnings, origin.String()+": "+at+" has no effect on where scheduled messages are kept: "+reasonJobs)
	}
}

func (BrokerScheduler) others() others {
	return others{
		"jobSchedulerStore":      tuned("", reasonJobs),
		"schedulerDirectoryFile": tuned("", reasonJobs),
	}
}

const reasonJobs = "they are in the journal, so that they fail over with it; what ActiveMQ has left in its scheduler directory is not read"
