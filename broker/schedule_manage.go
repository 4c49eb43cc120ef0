package broker

import (
	"context"
	"strings"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Management of jobs by messages. (ActiveMQ: ScheduledMessage)
const (
	managementTopic   = "ActiveMQ.Scheduler.Management"
	managementAction  = "AMQ_SCHEDULER_ACTION"
	managementStart   = "ACTION_START_TIME"
	managementEnd     = "ACTION_END_TIME"
	managementBrowse  = "BROWSE"
	managementRemove  = "REMOVE"
	managementRemoves = "REMOVEALL"
)

// maxManagement is how many requests may wait.
const maxManagement = 64

// management is a request: what is to happen to which jobs.
type management struct {
	action   string
	id       string              // of REMOVE
	from, to int64               // ms since 1970, both included
	replyTo  message.Destination // of BROWSE
	see      func(*job) bool     // of BROWSE, in place of replyTo; false: enough
	done     func(error)
}

// manages reports whether messages to dest are requests. (ActiveMQ compares
// the beginning of the name, in any case.)
func (s *schedule) manages(dest message.Destination) bool {
	return s.enabled && len(dest.Name) >= len(managementTopic) && strings.EqualFold(dest.Name[:len(managementTopic)], managementTopic)
}

// manage takes a request. done is called when it has been carried out; of a
// long answer, when it has begun.
func (s *schedule) manage(m *message.Message, done func(error)) error {
	r, err := readManagement(m)
	if err != nil {
		return err
	}
	if r.action == "" {
		done(nil)
		return nil
	}
	r.done = done
	return s.request(r)
}

func (s *schedule) request(r management) error {
	select {
	case s.requests <- r:
		return nil
	default:
		return failure(ErrResourceAllocation, "Too many requests wait for the scheduler")
	}
}

// readManagement reads a request; its action is "" if nothing is to be done.
func readManagement(m *message.Message) (management, error) {
	r := management{from: 0, to: 1<<63 - 1, replyTo: m.ReplyTo}
	properties, err := message.ParseProperties(m.Properties)
	if err != nil {
		return r, failure(ErrMessageFormat, "%v", err)
	}
	action, _ := properties.Get(managementAction)
	r.action, _ = action.(string)
	id, _ := properties.Get(scheduledJobID)
	r.id, _ = id.(string)
	start, _ := properties.Get(managementStart)
	end, _ := properties.Get(managementEnd)
	if start != nil && end != nil {
		if r.from, err = whole(managementStart, start); err != nil {
			return r, err
		}
		if r.to, err = whole(managementEnd, end); err != nil {
			return r, err
		}
	}
	switch {
	case r.action == managementBrowse && !r.replyTo.IsZero(), r.action == managementRemove && r.id != "", r.action == managementRemoves:
	default:
		r.action = ""
	}
	return r, nil
}

// manageAll carries requests out, one after the other.
func (s *schedule) manageAll() {
	select {
	case <-s.loaded:
	case <-s.b.quiet:
	}
	for {
		select {
		case <-s.b.quiet:
			for len(s.requests) > 0 {
				(<-s.requests).done(ErrClosed)
			}
			return
		case r := <-s.requests:
			s.carryOut(r)
		}
	}
}

func (s *schedule) carryOut(r management) {
	s.turn.Lock()
	if !s.settle() {
		s.turn.Unlock()
		r.done(ErrClosed)
		return
	}
	if r.action == managementBrowse {
		s.mu.Lock()
		view := s.alarms.view()
		s.mu.Unlock()
		s.turn.Unlock()
		s.show(view, r)
		return
	}
	list := s.meant(r)
	s.mu.Lock()
	s.alarms.take(list...)
	s.mu.Unlock()
	s.turn.Unlock()
	r.done(s.remove(list, r.id))
}

// settle waits until all that was sent or fired before is in the store and in
// alarms; false if the broker stops meanwhile. turn is held.
func (s *schedule) settle() bool {
	settled := make(chan struct{})
	s.b.store.Append(&store.Unit{Done: func(error) { close(settled) }})
	select {
	case <-settled:
		return true
	case <-s.b.quiet:
		return false
	}
}

// meant finds the jobs that a request removes, perhaps others too whose ids
// have the same hash, in the order of their times. turn is held. A job that
// was sent to this broker and has not fired yet is found by its place in the
// store; all alarms are looked through for others.
func (s *schedule) meant(r management) []alarm {
	if r.action == managementRemove {
		if a, ok := s.find(r.id); ok {
			return []alarm{a}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.action == managementRemove {
		hash := s.hashID(r.id)
		return s.alarms.chosen(func(a alarm) bool { return a.hash == hash })
	}
	return s.alarms.chosen(func(a alarm) bool { return a.due >= r.from && a.due <= r.to })
}

// find returns the job that is stored as the message with this id.
func (s *schedule) find(id string) (alarm, bool) {
	parsed, err := message.ParseMessageID(id)
	if err != nil {
		return alarm{}, false
	}
	seq, ok := s.b.store.Find(s.dest, parsed)
	if !ok {
		return alarm{}, false
	}
	page, err := s.b.store.Page(nil, s.dest, seq-1, 1, 1)
	if err != nil || len(page) == 0 || page[0].Seq != seq {
		return alarm{}, false
	}
	if j, err := parseJob(page[0].Message); err != nil || j.name() != id {
		return alarm{}, false
	}
	return s.alarmOf(page[0].Message, seq), true
}

// remove takes jobs out of the store: those with that id, or all if it is "".
// The others fire after all.
func (s *schedule) remove(list []alarm, id string) error {
	for len(list) > 0 {
		page := list[:min(len(list), jobPage)]
		list = list[len(page):]
		messages, err := s.read(page)
		if err != nil {
			s.putBack(page, 0)
		} else {
			err = s.removePage(page, messages, id)
		}
		if err != nil {
			s.putBack(list, 0)
			return err
		}
	}
	return nil
}

func (s *schedule) removePage(page []alarm, messages []*message.Message, id string) error {
	u := &store.Unit{Sync: true}
	var gone []alarm
	for i, m := range messages {
		if m == nil {
			gone = append(gone, page[i])
			continue
		}
		if id != "" {
			if j, err := parseJob(m); err != nil || j.name() != id {
				s.putBack(page[i:i+1], 0)
				continue
			}
		}
		gone = append(gone, page[i])
		u.Ops = append(u.Ops, s.removal(m, page[i].seq))
	}
	outcome := make(chan error, 1)
	s.b.began()
	u.Done = func(err error) {
		defer s.b.ended()
		if err != nil {
			s.putBack(gone, 0)
		} else {
			for _, a := range gone {
				s.leave(a)
			}
		}
		outcome <- err
	}
	s.b.store.Append(u)
	select {
	case err := <-outcome:
		return err
	case <-s.b.stop:
		return ErrClosed
	}
}

// patienceOfBrowse is how long an answer waits for room at its destination.
const patienceOfBrowse = 10 * time.Second

// show sends the jobs of a request to who has asked. They are not persistent
// and look like advisories. (ActiveMQ: SchedulerBroker.sendScheduledJob)
func (s *schedule) show(view *alarms, r management) {
	done := r.done
	for more := true; more; {
		var page []alarm
		page, more = between(view, r.from, r.to)
		messages, err := s.read(page)
		if r.see != nil {
			if !showEach(messages, r.see) || !more || err != nil {
				done(err)
				return
			}
			continue
		}
		for i := 0; i < len(messages) && err == nil; i++ {
			if messages[i] != nil {
				err = s.reply(messages[i], r.replyTo)
			}
		}
		if err != nil {
			s.b.log.Warn("scheduled messages could not all be shown", "to", r.replyTo.String(), "error", err)
			break
		}
		done(nil)
		done = func(error) {}
	}
	done(nil)
}

// showEach shows jobs, until enough are seen.
func showEach(messages []*message.Message, see func(*job) bool) bool {
	for _, m := range messages {
		if m == nil {
			continue
		}
		if j, err := parseJob(m); err == nil && !see(j) {
			return false
		}
	}
	return true
}

// between takes a page of what is due from and to these times out of a view.
func between(view *alarms, from, to int64) (page []alarm, more bool) {
	for len(page) < jobPage {
		a, ok := view.first()
		if !ok || a.due > to {
			return page, false
		}
		view.pop()
		if a.due >= from {
			page = append(page, a)
		}
	}
	return page, true
}

func (s *schedule) reply(m *message.Message, to message.Destination) error {
	j, err := parseJob(m)
	if err != nil {
		return nil // it is found out when it is due
	}
	d := m.Copy()
	d.ID, d.Producer = s.unique(), s.producer
	d.Persistent, d.Expiration, d.BrokerOutTime, d.Type = false, j.expiration, 0, "Advisory"
	d.OriginalDestination, d.Destination = m.Destination, to
	d.Properties, err = message.AppendProperties(nil, j.properties.Remove(jobProperty).Set(scheduledJobID, j.name()))
	if err != nil {
		return err
	}
	legs, err := s.b.reach(d)
	if err != nil {
		return err
	}
	for _, l := range legs {
		if short(l.target, d) != nil {
			ctx, cancel := context.WithTimeout(context.Background(), patienceOfBrowse)
			err := s.b.flow.wait(ctx, l.base(), s.producer)
			cancel()
			if err != nil {
				return err
			}
		}
		l.send(l.copy(d), false, func(error) {})
	}
	return nil
}
