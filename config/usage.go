package config

import (
	"strings"
	"time"
)

// SystemUsage is the <systemUsage> element: what the broker may use.
type SystemUsage struct {
	MemoryUsage                   MemoryUsage       `config:"memoryUsage"`
	StoreUsage                    DiskUsage         `config:"storeUsage"`
	TempUsage                     DiskUsage         `config:"tempUsage"`
	JobSchedulerUsage             JobSchedulerUsage `config:"jobSchedulerUsage"`
	SendFailIfNoSpace             bool              `config:"sendFailIfNoSpace"`
	SendFailIfNoSpaceAfterTimeout time.Duration     `config:"sendFailIfNoSpaceAfterTimeout"`
	// CheckLimitsLogLevel is the level at which limits are logged that do not
	// fit the disk or the memory.
	CheckLimitsLogLevel string `config:"checkLimitsLogLevel,enum=trace|debug|info|warn|error"`
}

func (u *SystemUsage) setDefaults() {
	u.MemoryUsage.Limit = 1 << 30
	u.JobSchedulerUsage.setDefaults()
	u.StoreUsage.Limit = DefaultStoreLimit
	u.TempUsage.Limit = DefaultTempLimit
	u.CheckLimitsLogLevel = "warn"
}

// Bytes on disk where nothing is said.
const (
	DefaultStoreLimit = 100 << 30
	DefaultTempLimit  = 50 << 30
)

func (SystemUsage) others() others {
	return others{
		"executor": absent(reasonThreads),
		"name":     tuned("", "usage has no name"),
		"parent":   absent(reasonPlugins),
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

// DiskUsage is the <storeUsage> or <tempUsage> element: bytes on a disk.
type DiskUsage struct {
	Limit int64 `config:"limit,bytes"`
	// PercentLimit, if not 0, is a percentage of Total, or of the file system.
	PercentLimit int `config:"percentLimit"`
	// Total, if not 0, is how large the file system is taken to be.
	Total int64 `config:"total,bytes"`
}

func (DiskUsage) others() others { return usageOthers }

var usageOthers = others{
	"name":                 tuned("", "usage has no name"),
	"percentUsageMinDelta": tuned("1", "usage is always exact"),
	"pollingTime":          tuned("1000", "usage is not polled"),
	"store":                absent("it is the broker's"),
	"usagePortion":         refused("1", "nothing is above the broker's usage that it could be a part of; set its limit"),
}

func (b *binder) checkUsage(u *SystemUsage) {
	const path = "broker.systemUsage"
	b.within(path+".memoryUsage.limit", u.MemoryUsage.Limit, 1<<20, 1<<62)
	b.within(path+".memoryUsage.percentOfJvmHeap", int64(u.MemoryUsage.PercentOfJvmHeap), 0, 100)
	b.within(path+".jobSchedulerUsage.limit", u.JobSchedulerUsage.Limit, 0, 1<<62)
	b.notNegative(path+".sendFailIfNoSpaceAfterTimeout", u.SendFailIfNoSpaceAfterTimeout)
	for name, d := range map[string]DiskUsage{"storeUsage": u.StoreUsage, "tempUsage": u.TempUsage} {
		at := strings.Join([]string{path, name}, ".")
		b.within(at+".limit", d.Limit, 0, 1<<62)
		b.within(at+".percentLimit", int64(d.PercentLimit), 0, 100)
		b.within(at+".total", d.Total, 0, 1<<62)
	}
}
