package broker

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/message"
)

// A job is a message that waits for its time: an ordinary stored message of
// the queue jobQueue, with the body, the header and the properties that it was
// sent with, its own destination among them. What the scheduler has to know is
// one more property, a map. The header is kept from what would touch it there:
// a job never expires and is always persistent; what it was before is in the
// map. So a job is in the journal like any message of a queue, for the slave
// that follows, for compaction and for ActiveMQ, which sees a queue with
// messages in it.
const (
	jobProperty   = "ConclaveJob"
	jobID         = "id"         // string: scheduledJobId
	jobDue        = "due"        // long: ms since 1970
	jobRepeat     = "repeat"     // int: deliveries after the next; negative: for ever
	jobCron       = "cron"       // boolean: due again by its cron entry
	jobPersistent = "persistent" // boolean: the delivery mode of what is delivered
	jobMessage    = "message"    // string: JMSMessageID of what is delivered; "": the stored one's
	jobView       = "view"       // string: the text of that id, if it has one
	jobExpiration = "expiration" // long: JMSExpiration as it was sent
)

// jobFields is how many there are.
const jobFields = 8

// jobQueue is where jobs are stored. Clients cannot use it.
var jobQueue = message.NewQueue("ActiveMQ.Scheduler.Jobs")

// job is one as it is read from the store.
type job struct {
	m          *message.Message // as stored
	properties message.Properties
	plan       plan
	id         string
	message    string
	view       string
	due        int64
	repeat     int32
	cron       bool
	persistent bool
	expiration int64
}

// errNoJob is what is wrong with a message of jobQueue that is no job.
var errNoJob = errors.New("not a scheduled message")

// newJob makes a job of a message that a client has sent. Its properties must
// have been read by readPlan and checked.
func newJob(m *message.Message, properties message.Properties, p plan) *job {
	j := &job{
		m: m.Copy(), properties: properties, plan: p, id: m.ID.String(),
		repeat: p.repeat, cron: p.cron != "", persistent: m.Persistent, expiration: m.Expiration,
	}
	if j.cron {
		j.repeat = 0
	}
	j.m.Persistent, j.m.Expiration = true, 0
	return j
}

// encode returns j as a message to store.
func (j *job) encode() (*message.Message, error) {
	state := message.Properties{
		{Name: jobID, Value: j.id}, {Name: jobMessage, Value: j.message}, {Name: jobView, Value: j.view}, {Name: jobDue, Value: j.due}, {Name: jobRepeat, Value: j.repeat},
		{Name: jobCron, Value: j.cron}, {Name: jobPersistent, Value: j.persistent}, {Name: jobExpiration, Value: j.expiration},
	}
	encoded, err := message.AppendProperties(nil, j.properties.Set(jobProperty, state))
	if err != nil {
		return nil, err
	}
	m := j.m.Copy()
	m.Properties = encoded
	return m, nil
}

// parseJob reads a message of jobQueue.
func parseJob(m *message.Message) (*job, error) {
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return nil, err
	}
	j := &job{m: m, properties: properties}
	if err := j.readState(properties); err != nil {
		return nil, err
	}
	if j.plan, _, err = readPlan(properties); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoJob, err)
	}
	return j, nil
}

func (j *job) readState(properties message.Properties) error {
	value, _ := properties.Get(jobProperty)
	state, ok := value.(message.Properties)
	if !ok {
		return errNoJob
	}
	read := 0
	for i := range state {
		switch v := state[i].Value.(type) {
		case string:
			read += put(state[i].Name == jobID, &j.id, v)
			read += put(state[i].Name == jobMessage, &j.message, v)
			read += put(state[i].Name == jobView, &j.view, v)
		case int32:
			read += put(state[i].Name == jobRepeat, &j.repeat, v)
		case int64:
			read += put(state[i].Name == jobDue, &j.due, v)
			read += put(state[i].Name == jobExpiration, &j.expiration, v)
		case bool:
			read += put(state[i].Name == jobCron, &j.cron, v)
			read += put(state[i].Name == jobPersistent, &j.persistent, v)
		}
	}
	if read != len(state) || read != jobFields {
		return errNoJob
	}
	return nil
}

func put[T any](is bool, to *T, v T) int {
	if !is {
		return 0
	}
	*to = v
	return 1
}

// dueOf reads when a stored job is due and the hash of its id, without the
// rest. What is no job is due at once, and is found out then.
func dueOf(m *message.Message) (due int64, hash uint32) {
	value, ok, err := message.LookupProperty(m.Properties, jobProperty)
	if !ok || err != nil {
		return 0, 0
	}
	j := job{}
	if err := j.readState(message.Properties{{Name: jobProperty, Value: value}}); err != nil {
		return 0, 0
	}
	return j.due, hashID(j.id)
}

// hashID is FNV-1a: jobs in memory are found by it.
func hashID(id string) uint32 {
	h := uint32(2166136261)
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return h
}

// mentionsSchedule reports whether the properties may ask for a later delivery.
func mentionsSchedule(properties []byte) bool {
	return bytes.Contains(properties, []byte(scheduledPrefix))
}

// delivery is what is delivered when j is due. A job that can come more than
// once gives each delivery an id of its own. (ActiveMQ:
// SchedulerBroker.scheduledJob)
func (j *job) delivery(nowMS int64, unique func() message.MessageID) (*message.Message, error) {
	d := j.m.Copy()
	d.Persistent, d.Expiration = j.persistent, j.expiration
	var err error
	if j.plan.repeat != 0 || j.plan.cron != "" {
		d.ID = unique()
	} else if j.message != "" {
		if d.ID, err = message.ParseMessageID(j.message); err != nil {
			return nil, err
		}
		d.ID.TextView = j.view
	}
	properties := j.properties.Remove(jobProperty).Remove(scheduledPeriod).Remove(scheduledDelay).
		Remove(scheduledRepeat).Remove(scheduledCron).Set(scheduledJobID, j.id)
	if d.Properties, err = message.AppendProperties(nil, properties); err != nil {
		return nil, err
	}
	if d.Timestamp > 0 && d.Expiration > 0 {
		life := d.Expiration - d.Timestamp
		if until := later(nowMS, life); until > d.Expiration {
			d.Expiration, d.Timestamp = until, nowMS
		}
	}
	d.BrokerInTime = nowMS
	d.Transaction = message.TransactionID{}
	return d, nil
}
