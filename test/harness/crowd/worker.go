package crowd

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// worker is one client: a connection of its own.
type worker struct {
	crowd  *Crowd
	name   string
	conn   *client.Conn
	random *rand.Rand
	ctx    context.Context // of requests; they outlast the order to end
}

// isNoSpace is the error that a client gets of a full disk.
func isNoSpace(err error) bool {
	remote := (*client.RemoteError)(nil)
	return errors.As(err, &remote) && remote.Class == "javax.jms.ResourceAllocationException"
}

// failed reports what must not happen to a client that fails over, unless it
// was told to end.
func (w *worker) failed(err error) bool {
	if err == nil {
		return false
	}
	if !w.crowd.tolerant.Load() && w.ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		w.crowd.t.Errorf("%s: %v", w.name, err)
	}
	return true
}

// asked notes that the broker has answered what was asked for at a moment; the
// mastership is known if it was the same then and now.
func (w *worker) asked(master string, at time.Time, delivery bool) {
	if now := w.master(); now != master {
		master = ""
	}
	w.crowd.history.Answered(master, at, delivery)
}

func (w *worker) master() string { return string(w.conn.BrokerID()) }

// rest waits for the pace and reports whether the worker is to go on.
func (w *worker) rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
	case <-time.After(pace/2 + time.Duration(w.random.Int64N(int64(pace)))):
	}
	return ctx.Err() == nil
}

func (w *worker) produce(until context.Context, to message.Destination) {
	session, err := w.conn.Session(w.ctx, client.AutoAcknowledge)
	if w.failed(err) {
		return
	}
	producer, err := session.Producer(w.ctx, to, client.ProducerOptions{})
	if w.failed(err) {
		return
	}
	for w.rest(until) {
		item, body := w.crowd.history.Send(w.name, nil, bodySize)
		at, master := time.Now(), w.master()
		if err := producer.Send(w.ctx, client.NewText(body)); isNoSpace(err) {
			w.crowd.refused.Add(1)
			continue // it may have been delivered
		} else if w.failed(err) {
			return
		}
		w.crowd.history.Ends(item, harness.Confirmed)
		w.asked(master, at, false)
	}
}

// produceUnits sends in transactions of several, and rolls one in ten back.
func (w *worker) produceUnits(until context.Context, to message.Destination) {
	session, err := w.conn.Session(w.ctx, client.Transacted)
	if w.failed(err) {
		return
	}
	producer, err := session.Producer(w.ctx, to, client.ProducerOptions{})
	if w.failed(err) {
		return
	}
	for w.rest(until) {
		unit := w.crowd.history.Begin()
		spoiled := false
		for range 1 + w.random.IntN(5) {
			_, body := w.crowd.history.Send(w.name, unit, bodySize)
			if err := producer.Send(w.ctx, client.NewText(body)); errors.Is(err, client.ErrRolledBack) {
				spoiled = true
				break
			} else if w.failed(err) {
				return
			}
		}
		if spoiled || w.random.IntN(10) == 0 {
			if w.failed(session.Rollback(w.ctx)) {
				return
			}
			w.crowd.history.End(unit, harness.Undone)
		} else if !w.commit(session, unit) {
			return
		}
	}
}

// commit ends a unit and reports whether to go on.
func (w *worker) commit(session *client.Session, unit *harness.Unit) bool {
	at, master := time.Now(), w.master()
	err := session.Commit(w.ctx)
	if errors.Is(err, client.ErrRolledBack) {
		w.crowd.history.End(unit, harness.Unknown)
		return true
	}
	if w.failed(err) {
		return false
	}
	w.crowd.history.End(unit, harness.Confirmed)
	w.asked(master, at, false)
	return true
}

// receive waits for the next message; ok is false when the worker is to end or
// nothing comes for a while.
func (w *worker) receive(until context.Context, from *client.Consumer, unit *harness.Unit, limit time.Duration) (item harness.Item, ok bool) {
	ctx, cancel := context.WithTimeout(until, limit)
	defer cancel()
	at, master := time.Now(), w.master()
	d, err := from.Receive(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.failed(err)
		}
		return item, false
	}
	return w.received(d, unit, master, at)
}

// ask takes the next message if there is one; it waits for the broker's answer.
func (w *worker) ask(from *client.Consumer, unit *harness.Unit) bool {
	at, master := time.Now(), w.master()
	d, there, err := from.TryReceive(w.ctx)
	if err != nil {
		w.crowd.t.Errorf("%s: %v", w.name, err)
	}
	if err != nil || !there {
		return false
	}
	_, ok := w.received(d, unit, master, at)
	return ok
}

// received notes a delivery that was asked for at a moment.
func (w *worker) received(d message.Delivery, unit *harness.Unit, master string, at time.Time) (item harness.Item, ok bool) {
	body, err := client.Text(d.Message)
	if w.failed(err) {
		return item, false
	}
	item, err = w.crowd.history.Received(string(w.conn.ID()), body, d.RedeliveryCounter > 0, unit)
	w.asked(master, at, true)
	return item, !w.failed(err)
}

// How many messages a consumer is sent ahead of what it receives.
const (
	ahead  = 10
	asking = -1 // none: it asks for each
)

func (w *worker) consumer(mode client.AckMode, from message.Destination, prefetch int32) (*client.Session, *client.Consumer, bool) {
	session, err := w.conn.Session(w.ctx, mode)
	if w.failed(err) {
		return nil, nil, false
	}
	consumer, err := session.Consumer(w.ctx, from, client.ConsumerOptions{Prefetch: prefetch, MaximumRedeliveries: -1, RedeliveryDelay: -1})
	return session, consumer, !w.failed(err)
}

// consume acknowledges each message as it comes.
func (w *worker) consume(until context.Context, from message.Destination) {
	if _, consumer, ok := w.consumer(client.AutoAcknowledge, from, ahead); ok {
		for until.Err() == nil {
			w.receive(until, consumer, nil, time.Hour)
		}
	}
}

// consumeUnits acknowledges a few at a time in a transaction.
func (w *worker) consumeUnits(until context.Context, from message.Destination) {
	session, consumer, ok := w.consumer(client.Transacted, from, ahead)
	for ok && until.Err() == nil {
		unit := w.crowd.history.Begin()
		n := 0
		for n < 3 {
			if _, came := w.receive(until, consumer, unit, 20*pace); !came {
				break
			}
			n++
		}
		if n > 0 {
			ok = w.commit(session, unit)
		}
	}
}

// pass moves messages from inbox to outbox, each in a transaction.
func (w *worker) pass(until context.Context) {
	session, consumer, ok := w.consumer(client.Transacted, inbox, ahead)
	if !ok {
		return
	}
	producer, err := session.Producer(w.ctx, outbox, client.ProducerOptions{})
	if w.failed(err) {
		return
	}
	for ok && until.Err() == nil {
		unit := w.crowd.history.Begin()
		item, came := w.receive(until, consumer, unit, time.Hour)
		if !came {
			continue
		}
		_, body := w.crowd.history.Pass(w.name, unit, item)
		if err := producer.Send(w.ctx, client.NewText(body)); errors.Is(err, client.ErrRolledBack) {
			ok = !w.failed(session.Rollback(w.ctx))
			w.crowd.history.End(unit, harness.Undone)
			continue
		} else if w.failed(err) {
			return
		}
		ok = w.commit(session, unit)
	}
}
