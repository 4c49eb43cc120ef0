package broker

import (
	"context"
	"math"
)

// Job is a message that waits for its time. Times are ms since 1970.
// (ActiveMQ: Job)
type Job struct {
	ID     string // scheduledJobId
	Cron   string // "" none
	Sent   int64  // 0: not known
	Delay  int64  // ms
	Period int64  // ms
	Repeat int32  // deliveries after the next one; of a cron entry, after each; negative: for ever
	Next   int64
}

// SchedulerEnabled reports whether messages can be delivered later.
func (b *Broker) SchedulerEnabled() bool { return b.schedule.enabled }

// ListJobs returns the jobs that are due from and to these times, in ms since
// 1970 and both included, at most so many, in order. It waits until what an
// earlier master left is read.
func (b *Broker) ListJobs(ctx context.Context, from, to int64, most int) ([]Job, error) {
	list := []Job{}
	if most <= 0 {
		return list, nil
	}
	err := b.schedule.ask(ctx, management{action: managementBrowse, from: from, to: to, see: func(j *job) bool {
		list = append(list, j.shown())
		return len(list) < most
	}})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// RemoveJobs removes the jobs that are due from and to these times, in ms since
// 1970 and both included.
func (b *Broker) RemoveJobs(ctx context.Context, from, to int64) error {
	return b.schedule.ask(ctx, management{action: managementRemoves, from: from, to: to})
}

// RemoveJob removes the job with this id, if there is one.
func (b *Broker) RemoveJob(ctx context.Context, id string) error {
	return b.schedule.ask(ctx, management{action: managementRemove, id: id, to: math.MaxInt64})
}

// ask has a request carried out, and waits for that.
func (s *schedule) ask(ctx context.Context, r management) error {
	if !s.enabled {
		return failure(ErrResourceAllocation, "There is no scheduler")
	}
	outcome := make(chan error, 1)
	r.done = func(err error) { outcome <- err }
	if err := s.request(r); err != nil {
		return err
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.b.stop:
		return ErrClosed
	}
}

// shown is j for who asks.
func (j *job) shown() Job {
	shown := Job{ID: j.name(), Cron: j.plan.cron, Sent: j.m.Timestamp, Delay: j.plan.delay, Period: j.plan.period, Repeat: j.repeat, Next: j.due}
	if j.cron {
		shown.Repeat = j.plan.repeat
	} else {
		shown.Cron = "" // repetitions that an entry has started
	}
	return shown
}
