package main

import (
	"context"
	"math"
	"time"

	"github.com/conclavemq/conclave/console"
)

// ScheduledJobs implements console.Broker.
func (c *consoleBroker) ScheduledJobs(ctx context.Context, from, to time.Time, most int) ([]console.Job, error) {
	jobs, err := c.m.broker.ListJobs(ctx, from.UnixMilli(), to.UnixMilli(), most)
	if err != nil {
		return nil, err
	}
	list := make([]console.Job, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		list[i] = console.Job{ID: j.ID, Cron: j.Cron, Next: time.UnixMilli(j.Next), Delay: spanOf(j.Delay), Period: spanOf(j.Period), Repeat: int(j.Repeat)}
		if j.Sent > 0 {
			list[i].Sent = time.UnixMilli(j.Sent)
		}
	}
	return list, nil
}

// spanOf is as much of ms as a Duration holds: 292 years.
func spanOf(ms int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(max(min(ms, most), -most)) * time.Millisecond
}

// RemoveJobs implements console.Broker.
func (c *consoleBroker) RemoveJobs(ctx context.Context, from, to time.Time) error {
	err := c.m.broker.RemoveJobs(ctx, from.UnixMilli(), to.UnixMilli())
	c.m.log.Info("scheduled messages are removed by the console", "fromMS", from.UnixMilli(), "toMS", to.UnixMilli(), "error", err)
	return err
}

// RemoveJob implements console.Broker.
func (c *consoleBroker) RemoveJob(ctx context.Context, id string) error {
	err := c.m.broker.RemoveJob(ctx, id)
	c.m.log.Info("a scheduled message is removed by the console", "job", id, "error", err)
	return err
}
