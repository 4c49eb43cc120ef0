package broker

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

func scheduling(o *Options) { o.SchedulerSupport = true }

// bearing sets properties.
func bearing(t *testing.T, list ...message.Property) func(*message.Message) {
	encoded, err := message.AppendProperties(nil, list)
	require.NoError(t, err)
	return func(m *message.Message) { m.Properties = encoded }
}

func delayed(t *testing.T, ms int64) func(*message.Message) {
	return bearing(t, message.Property{Name: scheduledDelay, Value: ms})
}

// propertyOf is nil where there is none.
func propertyOf(t *testing.T, m *message.Message, name string) any {
	t.Helper()
	v, _, err := m.Property(name)
	require.NoError(t, err)
	return v
}

// stored is what a destination has in the store.
func (f *fixture) stored(dest message.Destination) []store.Entry {
	entries, err := f.store.Page(nil, dest, 0, 1<<20, 1<<40)
	require.NoError(f.t, err)
	return entries
}

// timed runs a test in a bubble with a clock of its own.
func timed(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestDelay(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		began := time.Now()
		sent := c.make(p, orders, delayed(t, 5000), func(m *message.Message) { m.Timestamp, m.Expiration = 1000, 1500 })
		require.NoError(t, c.send(sent))
		require.Len(t, f.stored(jobQueue), 1)
		n, next := f.Jobs()
		require.Equal(t, int64(1), n)
		require.Equal(t, began.UnixMilli()+5000, next)
		time.Sleep(4999 * time.Millisecond)
		synctest.Wait()
		require.Zero(t, c.count())
		time.Sleep(2 * time.Millisecond)
		d := c.take(t, 1)[0]
		require.Equal(t, sent.ID.Key(), d.Message.ID.Key())
		require.True(t, d.Message.Persistent)
		require.Equal(t, orders, d.Message.Destination)
		require.Equal(t, sent.ID.String(), propertyOf(t, d.Message, scheduledJobID))
		require.Nil(t, propertyOf(t, d.Message, scheduledDelay))
		require.Nil(t, propertyOf(t, d.Message, jobProperty))
		require.Equal(t, began.UnixMilli()+5000, d.Message.Timestamp)
		require.Equal(t, began.UnixMilli()+5500, d.Message.Expiration)
		require.Empty(t, f.stored(jobQueue))
		n, next = f.Jobs()
		require.Zero(t, n)
		require.Equal(t, int64(-1), next)
	})
}

func TestDelayOfWhatIsNotPersistent(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		require.NoError(t, c.send(c.make(p, orders, delayed(t, 5000), transient)))
		require.Len(t, f.stored(jobQueue), 1)
		time.Sleep(5001 * time.Millisecond)
		require.False(t, c.take(t, 1)[0].Message.Persistent)
		require.Empty(t, f.stored(jobQueue))
	})
}

func TestSchedulerIsOffByDefault(t *testing.T) {
	f := start(t)
	c := f.connect()
	c.consumer(1, orders, 100)
	p := c.producer(1, orders)
	require.NoError(t, c.send(c.make(p, orders, delayed(t, 1<<40))))
	require.Equal(t, int64(1<<40), propertyOf(t, c.take(t, 1)[0].Message, scheduledDelay))
}

// What has been scheduled by another broker goes on as it is.
func TestScheduledElsewhere(t *testing.T) {
	f := start(t, scheduling)
	c := f.connect()
	c.consumer(1, orders, 100)
	p := c.producer(1, orders)
	require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: scheduledDelay, Value: int64(1 << 40)},
		message.Property{Name: scheduledJobID, Value: "ID:other"}))))
	require.Equal(t, "ID:other", propertyOf(t, c.take(t, 1)[0].Message, scheduledJobID))
}

func TestRepeat(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		sent := c.make(p, orders, bearing(t, message.Property{Name: scheduledDelay, Value: int64(1000)},
			message.Property{Name: scheduledPeriod, Value: int32(500)}, message.Property{Name: scheduledRepeat, Value: "9"}))
		require.NoError(t, c.send(sent))
		time.Sleep(1001 * time.Millisecond)
		require.Len(t, c.take(t, 1), 1)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		got := c.take(t, c.count())
		require.Len(t, got, 9)
		ids := map[message.MessageKey]bool{}
		for _, d := range got {
			ids[d.Message.ID.Key()] = true
			require.Equal(t, sent.ID.String(), propertyOf(t, d.Message, scheduledJobID))
		}
		require.Len(t, ids, 9)
		require.NotContains(t, ids, sent.ID.Key())
		require.Empty(t, f.stored(jobQueue))
	})
}

func TestPeriodAloneIsADelay(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: scheduledPeriod, Value: int64(2000)}))))
		time.Sleep(1999 * time.Millisecond)
		require.Zero(t, c.count())
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 1, c.count())
	})
}

func TestCron(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: scheduledCron, Value: "*/2 * * * *"}))))
		time.Sleep(20*time.Minute + time.Second)
		synctest.Wait()
		require.Equal(t, 10, c.count())
		require.Len(t, f.stored(jobQueue), 1)
	})
}

// With a cron entry and a repetition the entry begins a series each time, of
// which the first begins after twice the delay, as in ActiveMQ.
func TestCronWithRepeat(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		sent := c.make(p, orders, bearing(t, message.Property{Name: scheduledCron, Value: "* * * * *"},
			message.Property{Name: scheduledDelay, Value: int64(1000)}, message.Property{Name: scheduledPeriod, Value: int64(500)},
			message.Property{Name: scheduledRepeat, Value: int32(3)}))
		require.NoError(t, c.send(sent))
		time.Sleep(59 * time.Second)
		require.Zero(t, c.count())
		time.Sleep(2*time.Second + time.Millisecond) // 1:01.001; the series has begun
		synctest.Wait()
		require.Zero(t, c.count())
		require.Len(t, f.stored(jobQueue), 2)
		time.Sleep(1000 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 1, c.count())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		got := c.take(t, c.count())
		require.Len(t, got, 4)
		id := propertyOf(t, got[0].Message, scheduledJobID)
		require.NotEqual(t, sent.ID.String(), id)
		require.Equal(t, id, propertyOf(t, got[3].Message, scheduledJobID))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 4, c.count())
	})
}

func TestScheduleInTransaction(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		in := func(id message.TransactionID) func(*message.Message) {
			return func(m *message.Message) { m.Transaction = id }
		}
		first := c.begin(1)
		require.NoError(t, c.send(c.make(p, orders, delayed(t, 1000), in(first))))
		require.NoError(t, c.rollback(first))
		second := c.begin(2)
		require.NoError(t, c.send(c.make(p, orders, delayed(t, 1000), in(second))))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Zero(t, c.count())
		require.Empty(t, f.stored(jobQueue))
		require.NoError(t, c.commit(second))
		time.Sleep(999 * time.Millisecond) // the delay begins with the commit
		synctest.Wait()
		require.Zero(t, c.count())
		time.Sleep(2 * time.Millisecond)
		d := c.take(t, 1)[0]
		require.Equal(t, int64(2), d.Message.ID.ProducerSequence)
		require.True(t, d.Message.Transaction.IsZero())
	})
}

func TestScheduleInBranch(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		p := c.producer(1, orders)
		xid := message.TransactionID{XA: true, XID: message.XID{FormatID: 1, Global: "g", Branch: "b"}}
		require.NoError(t, c.Begin(xid))
		require.NoError(t, c.send(c.make(p, orders, delayed(t, 1000), func(m *message.Message) { m.Transaction = xid })))
		voted := newOutcome()
		c.Prepare(xid, func(_ int32, err error) { voted.done(err) })
		require.NoError(t, voted.wait(t))
		f = f.crash(scheduling)
		require.Empty(t, f.stored(jobQueue))
		c = f.connect()
		c.consumer(1, orders, 100)
		o := newOutcome()
		c.Commit(xid, false, o.done)
		require.NoError(t, o.wait(t))
		time.Sleep(1001 * time.Millisecond)
		require.Len(t, c.take(t, 1), 1)
	})
}

func TestScheduleToSeveral(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, message.NewQueue("a"), 100)
		c.consumer(2, message.NewQueue("b"), 100)
		p := c.producer(1, message.Destination{})
		require.NoError(t, c.send(c.make(p, message.NewQueue("a,b"), delayed(t, 1000))))
		require.Nil(t, f.registry.find(message.NewQueue("a,b")))
		time.Sleep(1001 * time.Millisecond)
		require.Len(t, c.take(t, 2), 2)
		require.Empty(t, f.stored(jobQueue))
	})
}

func TestScheduleSurvivesACrash(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		p := c.producer(1, orders)
		for i := range 1000 {
			require.NoError(t, c.send(c.make(p, orders, delayed(t, int64(1000+i)))))
		}
		require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: scheduledDelay, Value: int64(1000)},
			message.Property{Name: scheduledPeriod, Value: int64(60_000)}, message.Property{Name: scheduledRepeat, Value: int64(1)}))))
		time.Sleep(1400 * time.Millisecond)
		synctest.Wait()
		f = f.crash(scheduling)
		time.Sleep(10 * time.Second)
		c = f.connect()
		c.consumer(1, orders, 10_000)
		require.Len(t, c.take(t, 1001), 1001)
		n, _ := f.Jobs()
		require.Equal(t, int64(1), n)
		time.Sleep(time.Minute)
		require.Len(t, c.take(t, 1), 1)
		synctest.Wait()
		require.Zero(t, c.count())
		require.Empty(t, f.stored(jobQueue))
	})
}

// Jobs of an earlier time stay where they are while there is no scheduler.
func TestSchedulerTurnedOff(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		require.NoError(t, c.send(c.make(c.producer(1, orders), orders, delayed(t, 1000))))
		f = f.crash()
		time.Sleep(time.Hour)
		require.Len(t, f.stored(jobQueue), 1)
		f = f.crash(scheduling)
		c = f.connect()
		c.consumer(1, orders, 10)
		require.Len(t, c.take(t, 1), 1)
	})
}

func TestScheduleRefuses(t *testing.T) {
	f := start(t, scheduling)
	c := f.connect()
	p := c.producer(1, message.Destination{})
	for name, list := range map[string][]message.Property{
		"repeat":       {{Name: scheduledDelay, Value: int64(1)}, {Name: scheduledRepeat, Value: int32(1001)}},
		"huge repeat":  {{Name: scheduledDelay, Value: int64(1)}, {Name: scheduledRepeat, Value: int64(1 << 40)}},
		"text":         {{Name: scheduledDelay, Value: "soon"}},
		"fraction":     {{Name: scheduledPeriod, Value: 1.5}},
		"cron":         {{Name: scheduledCron, Value: "* * *"}},
		"cron, number": {{Name: scheduledCron, Value: int32(5)}},
		"cron, never":  {{Name: scheduledCron, Value: "0 0 30 2 *"}},
	} {
		err := c.send(c.make(p, orders, bearing(t, list...)))
		require.ErrorIs(t, err, ErrMessageFormat, name)
	}
	for _, dest := range []message.Destination{jobQueue, message.NewQueue("a," + jobQueue.Name), message.NewQueue(" ")} {
		require.ErrorIs(t, c.send(c.make(p, dest, delayed(t, 1))), ErrInvalidDestination, dest.String())
		require.ErrorIs(t, c.send(c.make(p, dest)), ErrInvalidDestination, dest.String())
	}
	id := message.ConsumerID{Connection: c.session.Connection, Session: 1, Value: 1}
	require.ErrorIs(t, c.AddConsumer(&message.ConsumerInfo{ID: id, Destination: jobQueue}), ErrInvalidDestination)
	require.ErrorIs(t, c.AddDestination(&message.DestinationInfo{Destination: jobQueue}), ErrInvalidDestination)
	require.Empty(t, f.stored(jobQueue))
}

func TestScheduleHostileTimes(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		c.consumer(1, orders, 1000)
		p := c.producer(1, orders)
		for _, list := range [][]message.Property{
			{{Name: scheduledDelay, Value: int64(-5)}},
			{{Name: scheduledPeriod, Value: int64(math.MinInt64)}},
			{{Name: scheduledDelay, Value: int64(math.MinInt64)}, {Name: scheduledPeriod, Value: int64(-1)}, {Name: scheduledRepeat, Value: int32(2)}},
			{{Name: scheduledDelay, Value: int64(math.MaxInt64)}},
			{{Name: scheduledCron, Value: "* * * * *"}, {Name: scheduledDelay, Value: int64(math.MaxInt64)}},
		} {
			require.NoError(t, c.send(c.make(p, orders, bearing(t, list...))))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 5, c.count())
		require.Len(t, f.stored(jobQueue), 2)
		// for ever, as fast as it goes: not faster than ActiveMQ
		require.NoError(t, c.send(c.make(p, orders, bearing(t, message.Property{Name: scheduledPeriod, Value: int64(0)},
			message.Property{Name: scheduledRepeat, Value: int32(-1)}))))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.InDelta(t, 105, c.count(), 2)
	})
}

func TestScheduleToNowhere(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling)
		c := f.connect()
		temp := message.Destination{Kind: message.TempQueue, Name: string(c.session.Connection) + ":1"}
		require.NoError(t, c.AddDestination(&message.DestinationInfo{Destination: temp}))
		p := c.producer(1, message.Destination{})
		require.NoError(t, c.send(c.make(p, temp, delayed(t, 1000))))
		require.NoError(t, c.RemoveDestination(&message.DestinationInfo{Destination: temp}))
		time.Sleep(20 * time.Second) // its client may be failing over
		synctest.Wait()
		require.Len(t, f.stored(jobQueue), 1)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		require.Empty(t, f.stored(jobQueue))
		dead := f.stored(message.NewQueue("ActiveMQ.DLQ"))
		require.Len(t, dead, 1)
		require.Contains(t, propertyOf(t, dead[0].Message, propertyCause), "does not exist")
	})
}

// A destination without room holds its own jobs back, and no others.
func TestScheduleToAFullDestination(t *testing.T) {
	timed(t, func(t *testing.T) {
		full, free := message.NewQueue("full"), message.NewQueue("free")
		f := start(t, scheduling, func(o *Options) {
			o.Policy = func(d message.Destination) Policy {
				p := DefaultPolicy()
				if d == full {
					p.MemoryLimit = 3000
				}
				return p
			}
		})
		c := f.connect()
		c.consumer(1, free, 1000)
		p := c.producer(1, message.Destination{})
		for range 600 {
			require.NoError(t, c.send(c.make(p, full, delayed(t, 1000), transient)))
		}
		require.NoError(t, c.send(c.make(p, free, delayed(t, 1000), transient)))
		time.Sleep(5 * time.Second)
		require.Len(t, c.take(t, 1), 1)
		require.Greater(t, len(f.stored(jobQueue)), 590)
		c.consumer(2, full, 1000)
		time.Sleep(time.Second)
		for got := 0; got < 600; {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if n := c.count(); n > 0 {
				d := c.take(t, n)
				require.NoError(t, c.ack(ackOf(message.StandardAck, d...)))
				got += n
			}
		}
		require.Empty(t, f.stored(jobQueue))
	})
}

func TestScheduleLimit(t *testing.T) {
	timed(t, func(t *testing.T) {
		f := start(t, scheduling, func(o *Options) { o.JobSchedulerLimit = 5000 })
		c := f.connect()
		c.consumer(1, orders, 100)
		p := c.producer(1, orders)
		var last outcome
		for range 10 {
			last = newOutcome()
			c.Send(context.Background(), c.make(p, orders, delayed(t, 1000)), true, last.done)
			synctest.Wait()
		}
		require.Less(t, len(f.stored(jobQueue)), 6)
		require.Empty(t, last)
		time.Sleep(10 * time.Second)
		require.NoError(t, last.wait(t))
		require.Len(t, c.take(t, 10), 10)
	})
}
