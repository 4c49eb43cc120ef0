package config

import "time"

// SystemUsage is the <systemUsage> element: what the broker may use.
type SystemUsage struct {
	MemoryUsage                   MemoryUsage       `config:"memoryUsage"`
	JobSchedulerUsage             JobSchedulerUsage `config:"jobSchedulerUsage"`
	SendFailIfNoSpace             bool              `config:"sendFailIfNoSpace"`
	SendFailIfNoSpaceAfterTimeout time.Duration     `config:"sendFailIfNoSpaceAfterTimeout"`
}

func (u *SystemUsage) setDefaults() {
	u.MemoryUsage.Limit = 1 << 30
	u.JobSchedulerUsage.setDefaults()
}

func (SystemUsage) others() others {
	return others{
		"checkLimitsLogLevel": tuned("warn", "limits are always logged as warnings"),
		"executor":            absent(reasonThreads),
		"name":                tuned("", "usage has no name"),
		"parent":              absent(reasonPlugins),
		"storeUsage":          tuned("", "the store may fill its disk; a limit of its own is not available yet"),
		"tempUsage":           tuned("", "nothing is spooled to a temporary store"),
	}
}

// JobSchedulerUsage is the <jobSchedulerUsage> element: bytes of messages that
// wait for their time.
type JobSchedulerUsage struct {
	Limit int64 `config:"limit,bytes"`
}

func (u *JobSchedulerUsage) setDefaults() { u.Limit = 50 << 30 }

func (JobSchedulerUsage) others() others { return usageOthers }

// MemoryUsage is the <memoryUsage> element: bytes of messages in memory.
type MemoryUsage struct {
	Limit int64 `config:"limit,bytes"`
	// PercentOfJvmHeap, if not 0, is a percentage of GOMEMLIMIT where that is
	// set and of the machine's memory otherwise.
	PercentOfJvmHeap int `config:"percentOfJvmHeap"`
}

func (MemoryUsage) others() others { return usageOthers }

var usageOthers = others{
	"name":                 tuned("", "usage has no name"),
	"percentUsageMinDelta": tuned("1", "usage is always exact"),
	"pollingTime":          tuned("1000", "usage is not polled"),
	"usagePortion":         refused("1", reasonLater),
}
