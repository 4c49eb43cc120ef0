package broker

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// A job is a message that waits for its time: an ordinary stored message of
// the queue jobQueue, with the body, the header and the properties that it was
// sent with, its own destination among them. When it is due is its
// BrokerOutTime, which is when a message leaves the broker. What else the
// scheduler has to know, and cannot see from what was sent, is one more
// property, a map of the fields that differ: a job that is to be delivered
// once, as it was sent, has none, and takes no more space than the message.
// The header is kept from what would touch it there: a job never expires and
// is always persistent; what it was before is in the map. So a job is in the
// journal like any message of a queue, for the slave that follows, for
// compaction and for ActiveMQ, which sees a queue with messages in it.
const (
	jobProperty   = "ConclaveJob"
	jobID         = "id"         // string: scheduledJobId; else the stored message's id
	jobRepeat     = "repeat"     // int: deliveries after the next, negative: for ever; else what was asked for
	jobCron       = "cron"       // boolean: due again by its cron entry; else whether it has one
	jobPersistent = "persistent" // boolean: the delivery mode of what is delivered; else true
	jobMessage    = "message"    // string: JMSMessageID of what is delivered; else the stored one's
	jobView       = "view"       // string: the text of that id, if it has one
	jobExpiration = "expiration" // long: JMSExpiration as it was sent; else 0
)

// jobQueue is where jobs are stored. Clients cannot use it.
var jobQueue = message.NewQueue("ActiveMQ.Scheduler.Jobs")

// job is one as it is read from the store.
type job struct {
	m          *message.Message   // as stored, or as it was sent; not changed
	properties message.Properties // m's, unless redone
	redone     bool
	plan       plan
	id         string // "": m's
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
	j := &job{m: m, properties: properties, plan: p, persistent: m.Persistent, expiration: m.Expiration}
	j.cron, j.repeat = p.begin()
	return j
}

// begin is what a job goes on with at first.
func (p *plan) begin() (cron bool, repeat int32) {
	if p.cron != "" {
		return true, 0
	}
	return false, p.repeat
}

// name is the scheduledJobId.
func (j *job) name() string {
	if j.id == "" {
		return j.m.ID.String()
	}
	return j.id
}

// renamed stores j under another message id.
func (j *job) renamed(id message.MessageID) {
	j.id, j.m = j.name(), j.m.Copy()
	j.m.ID = id
}

// encode returns j as a message to store.
func (j *job) encode() (*message.Message, error) {
	m := j.m.Copy()
	m.Persistent, m.Expiration, m.BrokerOutTime = true, 0, j.due
	state := j.state()
	if len(state) == 0 && !j.redone && !mentionsJob(m.Properties) {
		return m, nil
	}
	properties := j.properties.Remove(jobProperty)
	if len(state) > 0 {
		properties = properties.Set(jobProperty, state)
	}
	encoded, err := message.AppendProperties(nil, properties)
	if err != nil {
		return nil, err
	}
	m.Properties = encoded
	return m, nil
}

// state is what of j cannot be seen from the rest of its message.
func (j *job) state() (state message.Properties) {
	cron, repeat := j.plan.begin()
	if j.id != "" {
		state = append(state, message.Property{Name: jobID, Value: j.id})
	}
	if j.message != "" {
		state = append(state, message.Property{Name: jobMessage, Value: j.message})
	}
	if j.view != "" {
		state = append(state, message.Property{Name: jobView, Value: j.view})
	}
	if j.repeat != repeat {
		state = append(state, message.Property{Name: jobRepeat, Value: j.repeat})
	}
	if j.cron != cron {
		state = append(state, message.Property{Name: jobCron, Value: j.cron})
	}
	if !j.persistent {
		state = append(state, message.Property{Name: jobPersistent, Value: j.persistent})
	}
	if j.expiration != 0 {
		state = append(state, message.Property{Name: jobExpiration, Value: j.expiration})
	}
	return state
}

// parseJob reads a message of jobQueue.
func parseJob(m *message.Message) (*job, error) {
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return nil, err
	}
	j := &job{m: m, properties: properties, due: m.BrokerOutTime, persistent: true}
	var ok bool
	if j.plan, ok, err = readPlan(properties); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoJob, err)
	}
	if !ok {
		return nil, errNoJob
	}
	j.cron, j.repeat = j.plan.begin()
	if value, given := properties.Get(jobProperty); given {
		if err := j.readState(value); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (j *job) readState(value any) error {
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
			read += put(state[i].Name == jobExpiration, &j.expiration, v)
		case bool:
			read += put(state[i].Name == jobCron, &j.cron, v)
			read += put(state[i].Name == jobPersistent, &j.persistent, v)
		}
	}
	if read != len(state) {
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

// hashOf is the hash of a stored job's id, without reading the rest.
func (s *schedule) hashOf(m *message.Message) uint16 {
	if mentionsJob(m.Properties) {
		value, _, _ := message.LookupProperty(m.Properties, jobProperty)
		j := job{}
		if err := j.readState(value); err == nil && j.id != "" {
			return s.hashID(j.id)
		}
	}
	if m.ID.TextView != "" {
		return s.hashID(m.ID.String())
	}
	var key [128]byte
	return folded(maphash.Bytes(s.seed, m.ID.AppendProducerKey(key[:0])))
}

// alarmOf is the alarm of a stored job. What is no job is due at once, and is
// found out then.
func (s *schedule) alarmOf(m *message.Message, seq store.Seq) alarm {
	return alarm{due: m.BrokerOutTime, seq: seq, hash: s.hashOf(m), size: sizeOf(m)}
}

func mentionsJob(properties []byte) bool {
	return bytes.Contains(properties, []byte(jobProperty))
}

// hashID is what jobs in memory are found by.
func (s *schedule) hashID(id string) uint16 { return folded(maphash.String(s.seed, id)) }

func folded(h uint64) uint16 { return uint16(h>>48 ^ h) }

// mentionsSchedule reports whether the properties may ask for a later delivery.
func mentionsSchedule(properties []byte) bool {
	return bytes.Contains(properties, []byte(scheduledPrefix))
}

// delivery is what is delivered when j is due. A job that can come more than
// once gives each delivery an id of its own. (ActiveMQ:
// SchedulerBroker.scheduledJob)
func (j *job) delivery(nowMS int64, unique func() message.MessageID) (*message.Message, error) {
	d := j.m.Copy()
	d.Persistent, d.Expiration, d.BrokerOutTime = j.persistent, j.expiration, 0
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
		Remove(scheduledRepeat).Remove(scheduledCron).Set(scheduledJobID, j.name())
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
