package broker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/conclavemq/conclave/broker/cron"
	"github.com/conclavemq/conclave/message"
)

// modelStep is one thing that happens.
type modelStep struct {
	what           byte // 's'chedule, 'p'ass, 'c'rash, 'r'emove all
	delay, period  int64
	repeat         int
	cron           string
	pass, from, to int64 // ms
}

func modelSteps() *rapid.Generator[[]modelStep] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) modelStep {
		return modelStep{
			what:   rapid.SampledFrom([]byte("sssspppcr")).Draw(t, "what"),
			delay:  rapid.Int64Range(0, 5000).Draw(t, "delay"),
			period: rapid.Int64Range(1, 3000).Draw(t, "period"),
			repeat: rapid.IntRange(0, 4).Draw(t, "repeat"),
			cron:   rapid.SampledFrom([]string{"", "", "", "* * * * *", "*/2 * * * *", "30 1 * * *"}).Draw(t, "cron"),
			pass:   rapid.Int64Range(1, 150_000).Draw(t, "for"),
			from:   rapid.Int64Range(0, 10_000).Draw(t, "from"),
			to:     rapid.Int64Range(0, 100_000).Draw(t, "to"),
		}
	}), 1, 40)
}

// modelJob is what one job must do.
type modelJob struct {
	name   string
	due    time.Time
	period time.Duration
	repeat int    // after the next
	cron   string // due again by it
	series int    // of a cron entry: repetitions that it begins
	delay  time.Duration
}

// jobModel is what the scheduler must do, whatever happens to its process.
type jobModel struct {
	t    *rapid.T
	f    *fixture
	c    *client
	p    message.ProducerID
	jobs []*modelJob
	want map[string]int // deliveries so far, by content
	got  map[string]int

	next int
}

func (m *jobModel) connect() {
	m.c = m.f.connect()
	m.p = m.c.producer(1, message.Destination{})
	m.c.consumer(1, orders, 1_000_000)
}

// send schedules a job.
func (m *jobModel) send(j *modelJob, list []message.Property) {
	m.next++
	j.name = fmt.Sprint(m.next)
	x := m.c.make(m.p, orders, bearing(m.f.t, list...), func(x *message.Message) { x.Content = []byte(j.name) })
	require.NoError(m.t, m.c.send(x))

	m.jobs = append(m.jobs, j)
}

func (m *jobModel) schedule(x modelStep) {
	j := &modelJob{delay: time.Duration(x.delay) * time.Millisecond, period: time.Duration(x.period) * time.Millisecond}
	list := []message.Property{{Name: scheduledDelay, Value: x.delay}, {Name: scheduledPeriod, Value: x.period}, {Name: scheduledRepeat, Value: int32(x.repeat)}}
	start := time.Now()
	if x.cron != "" {
		j.cron, j.series = x.cron, x.repeat
		list = append(list, message.Property{Name: scheduledCron, Value: j.cron})
		start = nextOf(m.t, j.cron, start)
	} else {
		j.repeat = x.repeat
	}
	j.due = start.Add(first(j))
	m.send(j, list)
}

// first is how long the first time is after the start.
func first(j *modelJob) time.Duration {
	if j.delay > 0 {
		return j.delay
	}
	return j.period
}

func nextOf(t require.TestingT, entry string, after time.Time) time.Time {
	e, err := cron.Parse(entry)
	require.NoError(t, err)
	next, err := e.Next(after)
	require.NoError(t, err)
	return next
}

// fire does what is due at now, in the order of time.
func (m *jobModel) fire(from, to time.Time) {
	for {
		var due *modelJob
		for _, j := range m.jobs {
			if !j.due.After(to) && (due == nil || j.due.Before(due.due)) {
				due = j
			}
		}
		if due == nil {
			return
		}
		now := due.due
		if now.Before(from) {
			now = from // it came late
		}
		m.fireOne(due, now)
	}
}

func (m *jobModel) fireOne(j *modelJob, now time.Time) {
	if j.cron == "" || j.series == 0 {
		m.want[j.name]++
	}
	switch {
	case j.cron != "":
		if j.series > 0 {
			m.jobs = append(m.jobs, &modelJob{name: j.name, due: now.Add(first(j)), period: j.period, repeat: j.series})
		}
		j.due = nextOf(m.t, j.cron, now)
	case j.repeat > 0:
		j.repeat--
		j.due = now.Add(j.period)
	default:
		m.drop(func(k *modelJob) bool { return k == j })
	}
}

func (m *jobModel) drop(which func(*modelJob) bool) {
	var kept []*modelJob
	for _, j := range m.jobs {
		if !which(j) {
			kept = append(kept, j)
		}
	}
	m.jobs = kept
}

func (m *jobModel) pass(x modelStep) {
	from := time.Now()
	time.Sleep(time.Duration(x.pass) * time.Millisecond)
	m.fire(from, time.Now())
}

// crash ends the process; another begins after a while.
func (m *jobModel) crash(x modelStep) {
	m.absorb()
	m.f.Broker.stopping.Store(true)
	m.f.close()
	time.Sleep(time.Duration(x.to) * time.Millisecond)
	m.f = startOn(m.f.t, m.f.store.(*disk).reopen(), scheduling, func(o *Options) { o.ID = message.BrokerID(fmt.Sprintf("ID:test-%d-1-0:1", m.next+2)) })
	m.next++
	m.f.clients = m.next // no client comes twice
	now := time.Now()
	synctest.Wait()
	m.connect()
	m.fire(now, now)
}

// absorb takes what has been delivered.
func (m *jobModel) absorb() {
	synctest.Wait()
	n := m.c.count()
	if n == 0 {
		return
	}
	list := m.c.take(m.f.t, n)
	for _, d := range list {
		m.got[string(d.Message.Content)]++
	}
	require.NoError(m.t, m.c.ack(ackOf(message.StandardAck, list...)))
}

func (m *jobModel) removeAll(x modelStep) {
	now := time.Now()
	low, high := now.UnixMilli()+x.from, now.UnixMilli()+x.to
	require.NoError(m.t, m.c.ask(m.p, "REMOVEALL", message.Property{Name: managementStart, Value: low}, message.Property{Name: managementEnd, Value: high}))
	m.drop(func(j *modelJob) bool { return j.due.UnixMilli() >= low && j.due.UnixMilli() <= high })
}

func (m *jobModel) check() {
	m.absorb()
	require.Equal(m.t, m.want, m.got)
	n, next := m.f.Jobs()
	require.Equal(m.t, int64(len(m.jobs)), n)
	require.Len(m.t, m.f.stored(jobQueue), len(m.jobs))
	soonest := int64(-1)
	for _, j := range m.jobs {
		if soonest < 0 || j.due.UnixMilli() < soonest {
			soonest = j.due.UnixMilli()
		}
	}
	require.Equal(m.t, soonest, next)
}

func TestSchedulerModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		steps := modelSteps().Draw(r, "steps")
		var failure any // which has to get out of the bubble
		timed(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			m := &jobModel{t: r, f: start(t, scheduling), want: map[string]int{}, got: map[string]int{}}
			m.connect()
			for _, x := range steps {
				map[byte]func(modelStep){'s': m.schedule, 'p': m.pass, 'c': m.crash, 'r': m.removeAll}[x.what](x)
				m.check()
			}
		})
		if failure != nil {
			panic(failure)
		}
	})
}
