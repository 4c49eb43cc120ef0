package broker

import (
	"cmp"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// schedule keeps messages until they are due. It is the target of their sends,
// so that they take the way of any other message, through transactions, flow
// control and the store; but it is not in the registry, where clients could
// find it.
//
// In memory a job is an alarm. Firing one is one unit: the delivered copy is
// added to its destination, the job removed, and its next state added if it
// comes again. So each time comes about exactly once, whenever the process
// dies; a copy that is not persistent is delivered at most once. (ActiveMQ:
// SchedulerBroker, JobSchedulerImpl)
type schedule struct {
	place
	enabled   bool // fixed
	maxRepeat int  // fixed
	producer  message.ProducerID
	ids       atomic.Int64
	seed      maphash.Seed  // fixed: of hashes of ids
	wake      chan struct{} // capacity 1: something is due earlier
	requests  chan management
	loaded    chan struct{} // closed when alarms has all that is in the store
	since     int64         // fixed: when this broker began, ms since 1970

	// turn is held while jobs pass from alarms to the store, and by who must
	// find them all in alarms. Taken before mu; nothing that Done calls takes it.
	turn sync.Mutex

	mu     sync.Mutex
	alarms alarms // mu
	wakes  int64  // mu; when the loop looks at alarms again by itself, ms since 1970
	// While what the store held is read, from the beginning on, only what lies
	// at or before cursor is in alarms; visible is the last that has arrived.
	loading         bool      // mu
	cursor, visible store.Seq // mu
}

func (s *schedule) init(b *Broker) {
	s.place.init(b, jobQueue)
	s.policy = DefaultPolicy()
	s.usage.limit, s.usage.parent = b.options.JobSchedulerLimit, nil // it is not memory
	s.since = b.nowMS()
	s.enabled = b.options.SchedulerSupport
	s.maxRepeat = cmp.Or(b.options.MaxSchedulerRepeatAllowed, defaultMaxRepeat)
	s.producer = message.ProducerID{Connection: message.ConnectionID(b.options.ID), Session: -1, Value: 2}
	s.seed = maphash.MakeSeed()
	s.wake = make(chan struct{}, 1)
	s.requests = make(chan management, maxManagement)
	s.loaded = make(chan struct{})
}

// recover takes up the jobs of an earlier master, if d is where they are. They
// are read when the broker serves.
func (s *schedule) recover(d *store.DestinationState) bool {
	if d.Destination != jobQueue {
		return false
	}
	s.stats.size.Store(d.Messages)
	s.loading = d.Messages > 0
	if !s.enabled && d.Messages > 0 {
		s.b.log.Warn("scheduled messages wait in the store, and schedulerSupport is off: they are not delivered", "jobs", d.Messages)
	}
	return true
}

// start begins to fire.
func (s *schedule) start() {
	if !s.enabled {
		return
	}
	if s.loading {
		s.b.run(s.load)
	} else {
		close(s.loaded)
	}
	s.b.run(s.loop)
	s.b.run(s.manageAll)
}

// claim returns the job that m is to become, m itself if it can, or nil if it
// is an ordinary message. by is its producer. It costs a look through its
// properties, if it has any.
func (s *schedule) claim(m *message.Message, by message.ProducerID) (*message.Message, error) {
	if !s.enabled || len(m.Properties) == 0 || !mentionsSchedule(m.Properties) {
		return nil, nil
	}
	if delay, ok := readDelay(m.Properties); ok && m.Persistent && m.Expiration == 0 && m.ID.Producer == by {
		// As it was sent it is the job, except for the time; see job.
		if err := s.usableFor(m.Destination); err != nil {
			return nil, err
		}
		m.BrokerOutTime = later(s.b.nowMS(), max(delay, 0))
		return m, nil
	}
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return nil, nil // no more readable to a consumer
	}
	if id, _ := properties.Get(scheduledJobID); id != nil {
		return nil, nil // it has been scheduled, by another broker perhaps
	}
	p, ok, err := readPlan(properties)
	if err != nil || !ok {
		return nil, err
	}
	if err := p.check(s.maxRepeat); err != nil {
		return nil, err
	}
	if err := s.usableFor(m.Destination); err != nil {
		return nil, err
	}
	j := newJob(m, properties, p)
	if m.ID.Producer != by {
		s.rename(j) // one of several copies, perhaps, which a bridge brings
	}
	return s.stamped(j)
}

// rename stores a job under an id of its own, because its message may be there
// more than once. Others keep their message's, by which one is known that a
// producer sends again after a failover.
func (s *schedule) rename(j *job) {
	j.message, j.view = j.m.ID.ProducerKey(), j.m.ID.TextView
	j.renamed(s.unique())
}

// schedule makes a message that is to be delivered later the job that it
// becomes, and reports whether it was a request to the scheduler, which has
// been taken.
func (d *dispatch) schedule() (taken bool, err error) {
	s := &d.c.b.schedule
	if !s.enabled {
		return false, nil
	}
	if s.manages(d.m.Destination) {
		request := *d
		request.m = d.m.Copy()
		request.m.Persistent = false // it is not audited
		return true, s.manage(d.m, request.finish())
	}
	job, err := s.claim(d.m, d.p.info.ID)
	if job != nil {
		d.first, d.size, d.m = s, d.m.Size(), job
		d.p.suspect = false // it has not been delivered by anybody
	}
	return false, err
}

// usableFor refuses names for which there can be no destination later.
func (s *schedule) usableFor(dest message.Destination) error {
	if !dest.IsZero() && !dest.IsComposite() {
		return validName(dest)
	}
	parts := dest.Parts()
	if dest.IsZero() || len(parts) == 0 || len(parts) > maxParts {
		return failure(ErrInvalidDestination, "Message has no destination")
	}
	for _, part := range parts {
		if err := validName(part); err != nil {
			return err
		}
	}
	return nil
}

// stamped sets when j is due, counted from now.
func (s *schedule) stamped(j *job) (*message.Message, error) {
	due, err := j.plan.first(s.b.now())
	if err != nil {
		return nil, failure(ErrMessageFormat, "%v", err)
	}
	j.due = due
	return j.encode()
}

// restamped is a job that was sent in a transaction, whose delay begins when
// it is committed.
func (s *schedule) restamped(m *message.Message) *message.Message {
	if delay, ok := readDelay(m.Properties); ok {
		again := m.Copy()
		again.BrokerOutTime = later(s.b.nowMS(), max(delay, 0))
		return again
	}
	j, err := parseJob(m)
	if err != nil {
		return m
	}
	if again, err := s.stamped(j); err == nil {
		return again
	}
	return m
}

// unique gives an id to what is delivered more than once, and to jobs that
// take another's place.
func (s *schedule) unique() message.MessageID {
	return message.MessageID{Producer: s.producer, ProducerSequence: s.ids.Add(1), BrokerSequence: s.b.sequence.Add(1)}
}

// schedule is a target, if one without consumers.

func (s *schedule) base() *place                 { return &s.place }
func (s *schedule) stores(*message.Message) bool { return true }
func (s *schedule) announce() bool               { return true }
func (s *schedule) retire(use) bool              { return false }
func (s *schedule) refuse()                      {}
func (s *schedule) attach(subscription) error    { return reserved(s.dest) }
func (s *schedule) inUse() bool                  { return true }
func (s *schedule) dispose()                     {}

// entry is a job on its way through the store, in one allocation.
type entry struct {
	s    *schedule
	unit store.Unit
	ops  [1]store.Op
	done func(error)
}

func (s *schedule) send(m *message.Message, sync bool, done func(error)) {
	e := &entry{s: s, done: done}
	e.ops[0] = store.Op{Action: store.Add, Destination: s.dest, Message: m, Prioritized: s.policy.PrioritizedMessages}
	e.unit.Ops, e.unit.Sync, e.unit.Done = e.ops[:], sync, e.written
	s.b.began()
	s.b.store.Append(&e.unit)
}

// written is Done of the Add.
func (e *entry) written(err error) {
	defer e.s.b.ended()
	if err == nil {
		e.s.arrive(e.ops[0].Message, &e.ops[0])
	}
	e.done(refusal(err))
}

// arrive enters a job that has been stored.
func (s *schedule) arrive(m *message.Message, op *store.Op) {
	s.stats.enqueued.Add(1)
	s.stats.size.Add(1)
	if !s.enabled {
		return
	}
	a := s.alarmOf(m, op.Seq)
	s.mu.Lock()
	s.visible = max(s.visible, op.Seq)
	if s.loading || op.Seq <= s.cursor {
		s.mu.Unlock() // it is read from the store, or has been
		return
	}
	s.enterLocked(a)
	early := a.due < s.wakes
	s.mu.Unlock()
	if early {
		s.stir()
	}
}

func (s *schedule) enterLocked(a alarm) {
	s.usage.add(int64(a.size))
	s.alarms.push(a)
}

// stir has the loop look at what is due. It never blocks.
func (s *schedule) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Jobs returns how many messages wait for their time and when the next is due,
// in ms since 1970; -1 if none is. (ActiveMQ: JobScheduler.getNextScheduleTime)
func (b *Broker) Jobs() (n int64, nextMS int64) {
	s := &b.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	nextMS = -1
	if first, ok := s.alarms.first(); ok {
		nextMS = first.due
	}
	return max(0, s.stats.size.Load()), nextMS
}

// storedTarget is where a stored message of dest belongs: a destination, or
// what keeps a queue of its own.
func (b *Broker) storedTarget(dest message.Destination) (target, error) {
	switch dest {
	case jobQueue:
		return &b.schedule, nil
	case idQueue:
		return &b.duplicates, nil
	case landingQueue:
		return &b.bridged, nil
	}
	return b.ensure(dest)
}

// reserved is the error of clients that would use a queue of the broker's own.
func reserved(dest message.Destination) error {
	return failure(ErrInvalidDestination, "The destination %s is kept for the broker itself", dest)
}
