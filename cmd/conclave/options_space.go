package main

import (
	"log/slog"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/spool"
)

// spaceOptions maps what the configuration says about memory and space. The
// error is that of a limit which the disk has no room for.
func spaceOptions(c *config.Broker, storeUsed int64, log *slog.Logger) (o broker.SpaceOptions, err error) {
	o.StoreInMemory = !c.Persistent
	if c.SplitSystemUsageForProducersConsumers {
		o.ProducerPortion, o.ConsumerPortion = c.ProducerSystemUsagePortion, c.ConsumerSystemUsagePortion
	}
	if !c.Persistent { // as in ActiveMQ there is no temporary store either
		return o, nil
	}
	l := newLimits(c, log)
	if err := l.adjust(storeUsed, 0); err != nil {
		return o, err
	}
	temporary := spool.New(spool.Options{Directory: c.TemporaryStore(), Log: log})
	temporary.SetLimit(l.temp.limit)
	o.StoreLimit, o.Spool = l.store.limit, spooler{temporary}
	switch period := c.SchedulePeriodForDiskUsageCheck; {
	case period > 0:
		o.LimitsPeriod, o.Limits = period, l.check
	case l.lowered():
		o.LimitsPeriod, o.Limits = loweredPeriod, l.check
	}
	return o, nil
}

// loweredPeriod is how often it is looked whether a disk that was too small for
// a limit has become larger.
const loweredPeriod = time.Second

// spooler makes a spool one of the broker's.
type spooler struct{ *spool.Spool }

func (s spooler) NewList() broker.SpoolList { return s.Spool.NewList() }
