package broker

// SchedulerOptions is the part of Options about messages that are delivered later.
type SchedulerOptions struct{}
