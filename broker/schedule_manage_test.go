package broker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
)

var managed = message.NewTopic("ActiveMQ.Scheduler.Management")

// ask sends a request to the scheduler and waits until it is carried out.
func (c *client) ask(p message.ProducerID, action string, more ...message.Property) error {
	list := append([]message.Property{{Name: managementAction, Value: action}}, more...)
	return c.send(c.make(p, managed, bearing(c.t, list...), func(m *message.Message) {
		m.ReplyTo = message.NewQueue("replies")
	}))
}

// shown returns the texts of n jobs that a BROWSE has brought.
func (c *client) shown(n int) []message.Delivery {
	synctest.Wait()
	require.Equal(c.t, n, c.count())
	return c.take(c.t, n)
}

func TestManageJobs(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, message.NewQueue("replies"), 1000)
		p := c.producer(1, message.Destination{})
		var ids []string
		began := time.Now().UnixMilli()
		for i := range 10 {
			m := c.make(p, orders, delayed(t, int64(10-i)*1000))
			ids = append(ids, m.ID.String())
			require.NoError(t, c.send(m))
		}
		require.NoError(t, c.ask(p, "BROWSE"))
		got := c.shown(10)
		for i, d := range got {
			m := d.Message
			require.Equal(t, ids[9-i], propertyOf(t, m, scheduledJobID), "in the order of their times")
			require.Equal(t, int64(i+1)*1000, propertyOf(t, m, scheduledDelay))
			require.Nil(t, propertyOf(t, m, jobProperty))
			require.Equal(t, orders, m.OriginalDestination)
			require.Equal(t, "Advisory", m.Type)
			require.False(t, m.Persistent)
		}

		between := []message.Property{{Name: managementStart, Value: began + 2500}, {Name: managementEnd, Value: began + 5500}}
		require.NoError(t, c.ask(p, "BROWSE", between...))
		require.Len(t, c.shown(3), 3)

		require.NoError(t, c.ask(p, "REMOVE", message.Property{Name: scheduledJobID, Value: ids[9]}))
		require.NoError(t, c.ask(p, "REMOVE", message.Property{Name: scheduledJobID, Value: "ID:unknown"}))
		require.Len(t, f.stored(jobQueue), 9)
		require.NoError(t, c.ask(p, "REMOVEALL", between...))
		require.Len(t, f.stored(jobQueue), 6)
		require.NoError(t, c.ask(p, "BROWSE"))
		c.shown(6)

		c.consumer(2, orders, 1000)
		time.Sleep(2*time.Second + time.Millisecond)
		c.shown(1) // the second; the first is removed
		require.NoError(t, c.ask(p, "REMOVEALL"))
		require.Empty(t, f.stored(jobQueue))
		n, _ := f.Jobs()
		require.Zero(t, n)
		require.Zero(t, f.schedule.usage.used.Load())
		time.Sleep(time.Minute)
		c.shown(0)
	})
}

// Requests that ask for nothing are taken, as in ActiveMQ.
func TestManageNothing(t *testing.T) {
	f := start(t, scheduling)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	require.NoError(t, c.send(c.make(p, managed)))
	require.NoError(t, c.ask(p, "DANCE"))
	require.NoError(t, c.ask(p, "REMOVE"))
	require.NoError(t, c.ask(p, "BROWSE", message.Property{Name: managementStart, Value: "x"}))
	require.ErrorIs(t, c.ask(p, "BROWSE", message.Property{Name: managementStart, Value: "x"}, message.Property{Name: managementEnd, Value: 1}), ErrMessageFormat)
	require.NoError(t, c.send(c.make(p, managed, bearing(t, message.Property{Name: managementAction, Value: "BROWSE"}), func(m *message.Message) {
		m.ReplyTo = message.Destination{Kind: message.TempQueue, Name: "ID:nobody:1"}
	})))
	require.Nil(t, f.registry.find(managed))
}

// A job that comes again is in no moment out of reach of management.
func TestManageWhatRepeats(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		p := c.producer(1, message.Destination{})
		for range 50 {
			require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: scheduledPeriod, Value: int64(1)},
				message.Property{Name: scheduledRepeat, Value: int32(-1)}))))
		}
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, c.ask(p, "REMOVEALL"))
		require.Empty(t, f.stored(jobQueue))
		before := len(f.stored(orders))
		require.Greater(t, before, 500)
		time.Sleep(time.Second)
		require.Len(t, f.stored(orders), before)
	})
}

// What an earlier master left is waited for.
func TestManageAfterATakeOver(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		p := c.producer(1, orders)
		c.sendN(p, orders, 1000, delayed(t, 3_600_000))
		f = f.crash(scheduling)
		c = f.connect()
		p = c.producer(1, message.Destination{})
		require.NoError(t, c.ask(p, "REMOVEALL"))
		require.Empty(t, f.stored(jobQueue))
	})
}

// One of many jobs is removed by its id, whatever state it is in; what has
// another id goes on.
func TestRemoveOneOfMany(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 2000)
		p := c.producer(1, message.Destination{})
		once := c.make(p, orders, delayed(t, 5000))
		again := c.make(p, orders, bearing(t, message.Property{Name: scheduledPeriod, Value: int64(1000)},
			message.Property{Name: scheduledRepeat, Value: int32(-1)}))
		require.NoError(t, c.send(once))
		require.NoError(t, c.send(again))
		c.sendN(p, orders, 1000, delayed(t, 5000))
		time.Sleep(1500 * time.Millisecond)
		c.shown(1)
		for _, m := range []*message.Message{once, again} {
			stays := len(f.stored(jobQueue)) - 1
			for range 2 { // the second time there is nothing
				require.NoError(t, c.ask(p, "REMOVE", message.Property{Name: scheduledJobID, Value: m.ID.String()}))
				require.Len(t, f.stored(jobQueue), stays)
			}
		}
		n, _ := f.Jobs()
		require.Equal(t, int64(1000), n)
		time.Sleep(10 * time.Second)
		c.shown(1000)
		require.Zero(t, f.schedule.usage.used.Load())
		require.Empty(t, f.schedule.alarms.dead)
	})
}

// Who asks from outside, as the console does, sees and removes the same.
func TestJobsFromOutside(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		ctx := t.Context()
		c := f.connect()
		p := c.producer(1, message.Destination{})
		began := time.Now().UnixMilli()
		c.sendN(p, orders, 600, delayed(t, 60_000))
		cron := c.make(p, orders, bearing(t, message.Property{Name: scheduledCron, Value: "0 0 1 1 *"}, message.Property{Name: scheduledRepeat, Value: int32(3)}),
			func(m *message.Message) { m.Timestamp = 7 })
		require.NoError(t, c.send(cron))

		all, err := f.ListJobs(ctx, 0, 1<<62, 1000)
		require.NoError(t, err)
		require.Len(t, all, 601)
		require.Equal(t, Job{ID: all[0].ID, Delay: 60_000, Next: began + 60_000, Sent: all[0].Sent}, all[0])
		require.Equal(t, Job{ID: cron.ID.String(), Cron: "0 0 1 1 *", Repeat: 3, Sent: 7, Next: all[600].Next}, all[600])
		for most, want := range map[int]int{-1: 0, 0: 0, 1: 1, 256: 256, 257: 257} {
			some, err := f.ListJobs(ctx, 0, 1<<62, most)
			require.NoError(t, err)
			require.Equal(t, all[:want], some)
		}
		some, err := f.ListJobs(ctx, began+60_001, 1<<62, 1000)
		require.NoError(t, err)
		require.Equal(t, all[600:], some)

		require.NoError(t, f.RemoveJob(ctx, all[1].ID))
		require.NoError(t, f.RemoveJob(ctx, "nobody"))
		require.Len(t, f.stored(jobQueue), 600)
		require.NoError(t, f.RemoveJobs(ctx, 0, began+60_000))
		require.Len(t, f.stored(jobQueue), 1)
		require.NoError(t, f.RemoveJobs(ctx, 0, 1<<62))
		some, err = f.ListJobs(ctx, 0, 1<<62, 1000)
		require.NoError(t, err)
		require.Empty(t, some)

		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err = f.ListJobs(gone, 0, 1<<62, 1000); err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		f = f.crash()
		require.ErrorIs(t, f.RemoveJobs(ctx, 0, 1), ErrResourceAllocation)
	})
}
