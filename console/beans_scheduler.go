package console

import (
	"context"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/console/jolokia"
)

const (
	tabular = "javax.management.openmbean.TabularData"
	// jobTime is how times are written, by the broker's clock on the wall.
	// (ActiveMQ: JobSupport)
	jobTime = time.DateTime
	// mostJobs bounds a list of jobs, of which there may be millions.
	mostJobs = 10_000
	// jobsWait bounds what an attribute waits for, of a store that is slow.
	jobsWait = 10 * time.Second
)

// forEver is later than any job.
var forEver = time.UnixMilli(1<<63 - 1)

func (v *view) schedulerName() jolokia.Name {
	return v.name.With("service", "JobScheduler", "name", "JMS")
}

// schedulerClass is ActiveMQ's JobSchedulerViewMBean.
var schedulerClass = func() *jolokia.Class {
	c := class("JobSchedulerView", []jolokia.Attribute{
		of("ScheduledMessageCount", integer, "Messages that are to be delivered later.", func(v *view) any { return v.Summary().Jobs }),
		of("NextScheduleTime", text, "When the next one is due.", func(v *view) any {
			if next := v.jobs(time.Time{}, forEver, 1); len(next) > 0 {
				return next[0].Next.Format(jobTime)
			}
			return nil
		}),
		of("NextScheduleJobs", tabular, "The next that are due.", func(v *view) any {
			next := v.jobs(time.Time{}, forEver, 1)
			if len(next) > 0 {
				next = v.jobs(next[0].Next, next[0].Next, mostJobs)
			}
			return table(next)
		}),
		of("AllJobs", tabular, "The first 10,000 of them.", func(v *view) any { return table(v.jobs(time.Time{}, forEver, mostJobs)) }),
	})
	c.Operations = []jolokia.Operation{
		onJobs("getAllJobs", tabular, "Jobs that are due within a time, the first 10,000 of them.", window, func(ctx context.Context, v *view, from, to time.Time) (any, error) {
			jobs, err := v.ScheduledJobs(ctx, from, to, mostJobs)
			return table(jobs), err
		}),
		onJobs("removeAllJobs", none, "Removes all jobs.", nil, removeJobs),
		onJobs("removeAllJobs", none, "Removes the jobs that are due within a time.", window, removeJobs),
		onJobs("removeAllJobsAtScheduledTime", none, "Removes the jobs that are due in a second.", window[:1], removeJobs),
		{Name: "removeJob", Returns: none, Description: "Removes a job.", Arguments: []jolokia.Argument{{Name: "jobId", Type: text}},
			Do: func(ctx context.Context, subject any, given []any) (any, error) {
				return nil, subject.(*view).RemoveJob(ctx, arguments(given).text(0))
			}},
	}
	return c
}()

var window = []jolokia.Argument{{Name: "start", Type: text}, {Name: "finish", Type: text}}

func removeJobs(ctx context.Context, v *view, from, to time.Time) (any, error) {
	return nil, v.RemoveJobs(ctx, from, to)
}

// onJobs is an operation on the jobs of a time. Where ActiveMQ means a
// millisecond by a text that ends with the second, the whole second is meant
// here.
func onJobs(name, returns, description string, parameters []jolokia.Argument, do func(context.Context, *view, time.Time, time.Time) (any, error)) jolokia.Operation {
	return jolokia.Operation{
		Name: name, Returns: returns, Description: description, Arguments: parameters,
		Do: func(ctx context.Context, subject any, given []any) (any, error) {
			from, to := time.Time{}, forEver
			if len(parameters) > 0 {
				var err error
				if from, err = parseJobTime(arguments(given).text(0)); err != nil {
					return nil, err
				}
				if to, err = parseJobTime(arguments(given).text(len(parameters) - 1)); err != nil {
					return nil, err
				}
				to = to.Add(time.Second - time.Millisecond)
			}
			return do(ctx, subject.(*view), from, to)
		},
	}
}

func parseJobTime(s string) (time.Time, error) {
	t, err := time.ParseInLocation(jobTime, s, time.Local)
	if err != nil {
		return t, jolokia.Failure("java.text.ParseException", fmt.Sprintf("Unparseable date: %q", s))
	}
	return t, nil
}

// jobs is empty where they cannot be listed.
func (v *view) jobs(from, to time.Time, most int) []Job {
	ctx, cancel := context.WithTimeout(context.Background(), jobsWait)
	defer cancel()
	jobs, err := v.ScheduledJobs(ctx, from, to, most)
	if err != nil {
		return nil
	}
	return jobs
}

// table has a row for each job, by its id. (ActiveMQ: OpenTypeSupport)
func table(jobs []Job) map[string]any {
	rows := make(map[string]any, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		row := map[string]any{
			"jobId": j.ID, "cronEntry": j.Cron, "start": "", "delay": j.Delay.Milliseconds(),
			"next": j.Next.Format(jobTime), "period": j.Period.Milliseconds(), "repeat": j.Repeat,
		}
		if !j.Sent.IsZero() {
			row["start"] = j.Sent.Format(jobTime)
		}
		rows[j.ID] = row
	}
	return rows
}
