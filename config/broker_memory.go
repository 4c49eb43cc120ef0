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
	// SplitSystemUsageForProducersConsumers gives what waits in queues a part of
	// the memory and what waits for subscribers of topics another, in percent.
	SplitSystemUsageForProducersConsumers bool `config:"splitSystemUsageForProducersConsumers"`
	ProducerSystemUsagePortion            int  `config:"producerSystemUsagePortion"`
	ConsumerSystemUsagePortion            int  `config:"consumerSystemUsagePortion"`
	// TmpDataDirectory is where messages go that are not persistent and for
	// which there is no memory; "" is tmp_storage in the broker's part of
	// dataDirectory.
	TmpDataDirectory string `config:"tmpDataDirectory"`
}

func (e *BrokerSpace) setDefaults() {
	e.AdjustUsageLimits = true
	e.DiskUsageCheckRegrowThreshold = -1
	e.ProducerSystemUsagePortion = 60
	e.ConsumerSystemUsagePortion = 40
}

// TemporaryStore is the directory of messages that are not persistent.
func (b *Broker) TemporaryStore() string {
	if b.TmpDataDirectory != "" {
		return b.TmpDataDirectory
	}
	return filepath.Join(b.DataDirectory, b.BrokerName, "tmp_storage")
}

const reasonOneMemory = "a message counts once, for the destination that it waits at; write the shares as producerSystemUsagePortion and consumerSystemUsagePortion"

func (BrokerSpace) others() others {
	return others{
		"consumerSystemUsage": absent(reasonOneMemory),
		"maxInflatedDataSize": tuned("104857600", "the broker never inflates a message's body; maxFrameSize bounds what it takes"),
		"producerSystemUsage": absent(reasonOneMemory),
		"tempDataStore":       absent("the temporary store is Conclave's own; tmpDataDirectory says where, tempUsage how large"),
	}
}

func (e *BrokerSpace) check(b *binder, path string) {
	b.notNegative(path+".schedulePeriodForDiskUsageCheck", e.SchedulePeriodForDiskUsageCheck)
	b.within(path+".producerSystemUsagePortion", int64(e.ProducerSystemUsagePortion), 1, 100)
	b.within(path+".consumerSystemUsagePortion", int64(e.ConsumerSystemUsagePortion), 1, 100)
}
