package config

import (
	"path/filepath"
	"time"
)

// BrokerSpace are the attributes of <broker> about memory and space.
type BrokerSpace struct {
	// AdjustUsageLimits lowers limits that the disk or the memory has no room
	// for, instead of not starting.
	AdjustUsageLimits bool `config:"adjustUsageLimits"`
	// SchedulePeriodForDiskUsageCheck is how often limits are compared with
	// the disk while the broker runs; 0 only when it starts.
	SchedulePeriodForDiskUsageCheck time.Duration `config:"schedulePeriodForDiskUsageCheck"`
	// DiskUsageCheckRegrowThreshold is by how many bytes at least such a check
	// raises a limit again that is a percentage; -1 never.
	DiskUsageCheckRegrowThreshold int64 `config:"diskUsageCheckRegrowThreshold,bytes"`
	// TmpDataDirectory is where messages go that are not persistent and for
	// which there is no memory; "" is tmp_storage in the broker's part of
	// dataDirectory.
	TmpDataDirectory string `config:"tmpDataDirectory"`
}

func (e *BrokerSpace) setDefaults() {
	e.AdjustUsageLimits = true
	e.DiskUsageCheckRegrowThreshold = -1
}

// TemporaryStore is the directory of messages that are not persistent.
func (b *Broker) TemporaryStore() string {
	if b.TmpDataDirectory != "" {
		return b.TmpDataDirectory
	}
	return filepath.Join(b.DataDirectory, b.BrokerName, "tmp_storage")
}

const reasonOneMemory = "a message counts once, for the destination that it waits at: there are no shares of producers and consumers"

func (BrokerSpace) others() others {
	return others{
		"consumerSystemUsage":                   absent(reasonOneMemory),
		"consumerSystemUsagePortion":            refused("40", reasonOneMemory),
		"maxInflatedDataSize":                   tuned("104857600", "the broker never inflates a message's body; maxFrameSize bounds what it takes"),
		"producerSystemUsage":                   absent(reasonOneMemory),
		"producerSystemUsagePortion":            refused("60", reasonOneMemory),
		"splitSystemUsageForProducersConsumers": refused("false", reasonOneMemory),
		"tempDataStore":                         absent("the temporary store is Conclave's own; tmpDataDirectory says where, tempUsage how large"),
	}
}

func (e *BrokerSpace) check(b *binder, path string) {
	b.notNegative(path+".schedulePeriodForDiskUsageCheck", e.SchedulePeriodForDiskUsageCheck)
}
