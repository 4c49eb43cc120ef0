package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/conclavemq/conclave/lock"
)

var (
	// ErrHandedOver: this node was master and has given that up on demand. The
	// process is to begin anew as a slave.
	ErrHandedOver = errors.New("mastership was handed over")
	// ErrNotMaster: only the master can hand over.
	ErrNotMaster = errors.New("this node is not the master")
)

// Plan asks for a hand-over.
type Plan struct {
	// To is the brokerName or the host of the node that shall serve; "" is any.
	To string `json:"to,omitempty"`
	// DrainMillis bounds the wait for acknowledgements of what was delivered,
	// and then for the end of open transactions.
	DrainMillis int64 `json:"drainMillis"`
}

// Residue is what a master had to leave undone.
type Residue struct {
	// Unacknowledged messages, at most, will come again, flagged as redelivered.
	Unacknowledged int `json:"unacknowledged"`
	// Transactions were open; they are rolled back.
	Transactions int `json:"transactions"`
	// Silence began when the last request was taken, Answered when all that was
	// taken had been answered and no client was heard any more.
	Silence  time.Time `json:"-"`
	Answered time.Time `json:"-"`
}

// Outcome is what became of a hand-over.
type Outcome struct {
	Residue
	// Successor has taken the lock; nil: nobody had within the bound, and the
	// old master joins the election again.
	Successor *lock.Holder `json:"successor,omitempty"`
	// Foreign says that another program has it, such as ActiveMQ.
	Foreign bool `json:"foreign,omitempty"`
	// Serving says that the successor's port was seen open.
	Serving bool `json:"serving"`
	// DrainMillis was spent on acknowledgements, while producers went on;
	// GapMillis is from the last request that was answered to the successor's
	// open port, or to the end of the wait for it.
	DrainMillis int64 `json:"drainMillis"`
	GapMillis   int64 `json:"gapMillis"`
	// AnswerMillis, CloseMillis and TakeMillis are the parts of the gap: the
	// last answers, the broker and its store, the successor's start.
	AnswerMillis int64 `json:"answerMillis"`
	CloseMillis  int64 `json:"closeMillis"`
	TakeMillis   int64 `json:"takeMillis"`
}

// order is a Plan on its way to the mastership. done is called once.
type order struct {
	plan Plan
	done func(Outcome, error)
}

// HandOver makes this node give its mastership up, and returns when another
// serves or the bounds are over. Run returns ErrHandedOver then. It fails with
// ErrNotMaster if this node is none, or is ending already.
func (n *Node) HandOver(ctx context.Context, plan Plan) (Outcome, error) {
	if n.options.Locker == nil || n.options.Holder == nil || n.options.Designate == nil {
		return Outcome{}, errors.New("there is nobody to hand over to: the store is not shared")
	}
	if n.Status().Role != Master {
		return Outcome{}, ErrNotMaster
	}
	type result struct {
		outcome Outcome
		err     error
	}
	answer := make(chan result, 1)
	o := order{plan, func(outcome Outcome, err error) { answer <- result{outcome, err} }}
	busy := time.NewTimer(time.Second)
	defer busy.Stop()
	select {
	case n.orders <- o:
	case <-busy.C:
		return Outcome{}, ErrNotMaster
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
	select {
	case r := <-answer:
		return r.outcome, r.err
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// handOver is the planned end of a mastership: Yield with all its work, the
// lock, then the successor's first moments, during which clients wait.
func (n *Node) handOver(ctx context.Context, service Service, lease *lock.Lease, o order) error {
	n.become(Yielding, lease.Epoch(), service.URIs())
	n.log.Info("handing the mastership over", "epoch", lease.Epoch(), "to", o.plan.To)
	began := time.Now()
	patience, err := n.designate(lease.Epoch(), o.plan.To)
	if err != nil {
		// Nothing has happened yet but that the storage refuses a small file.
		o.done(Outcome{}, err)
		return n.resume(ctx, service, lease)
	}
	residue, err := n.yield(service, lease, o.plan)
	if err != nil {
		o.done(Outcome{}, err)
		return err
	}
	err = release(lease)
	outcome := Outcome{Residue: residue, DrainMillis: residue.Silence.Sub(began).Milliseconds()}
	released := time.Now()
	if err == nil {
		n.await(ctx, &outcome, lease.Epoch(), n.options.TakeTime+patience)
	}
	outcome.parts(released, time.Now())
	service.Dismiss()
	n.log.Info("handed the mastership over", "successor", outcome.String(), "drainMS", outcome.DrainMillis,
		"gapMS", outcome.GapMillis, "answerMS", outcome.AnswerMillis, "closeMS", outcome.CloseMillis, "takeMS", outcome.TakeMillis,
		"unacknowledged", residue.Unacknowledged, "transactions", residue.Transactions)
	o.done(outcome, err)
	if ctx.Err() != nil {
		return err // told to end meanwhile
	}
	return errors.Join(ErrHandedOver, err)
}

// resume goes on serving after an order that could not be carried out.
func (n *Node) resume(ctx context.Context, service Service, lease *lock.Lease) error {
	n.become(Master, lease.Epoch(), service.URIs())
	return n.mastership(ctx, service, lease, lease.Lost())
}

func (n *Node) designate(epoch uint64, to string) (time.Duration, error) {
	if to == "" {
		return 0, nil
	}
	type answer struct {
		patience time.Duration
		err      error
	}
	done := make(chan answer, 1)
	go func() {
		patience, err := n.options.Designate(epoch, to)
		done <- answer{patience, err}
	}()
	select {
	case a := <-done:
		return a.patience, a.err
	case <-time.After(n.options.TakeTime):
		return 0, lock.ErrHung
	}
}

// yield calls Service.Yield, without waiting for it once the lease is lost.
func (n *Node) yield(service Service, lease *lock.Lease, plan Plan) (Residue, error) {
	bounded, cancel := context.WithTimeout(context.Background(), n.options.StopTimeout)
	defer cancel()
	type answer struct {
		residue Residue
		err     error
	}
	done := make(chan answer, 1)
	go func() {
		residue, err := service.Yield(bounded, time.Duration(plan.DrainMillis)*time.Millisecond)
		done <- answer{residue, err}
	}()
	select {
	case a := <-done:
		if a.err == nil {
			return a.residue, nil
		}
		// What was not closed in order is left as after a loss.
		service.Silence()
		return a.residue, fmt.Errorf("%w: %w", ErrLost, a.err)
	case <-lease.Lost():
		service.Silence()
		return Residue{}, fmt.Errorf("%w: %w", ErrLost, lease.Cause())
	case <-time.After(n.options.StopTimeout + stopGrace):
		service.Silence()
		return Residue{}, fmt.Errorf("%w: the store does not close", ErrLost)
	}
}

const (
	lookEvery = 2 * time.Millisecond
	// A successor whose host does not answer from here is taken to serve so
	// long after it has the lock; one whose host refuses may take longer.
	unseenTime  = 300 * time.Millisecond
	refusedTime = 3 * time.Second
	dialTime    = 50 * time.Millisecond
)

// await watches for the successor: first its epoch, then its open port.
func (n *Node) await(ctx context.Context, outcome *Outcome, epoch uint64, bound time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	found := make(chan lock.Status, 1)
	go n.watch(ctx, epoch, found) // may hang with the storage
	var s lock.Status
	select {
	case s = <-found:
	case <-ctx.Done():
		return
	}
	outcome.Foreign = s.IsForeign()
	if outcome.Foreign {
		return
	}
	outcome.Successor = &s.Holder
	outcome.Serving = waitOpen(context.WithoutCancel(ctx), s.Holder.URIs)
}

// watch gives the first holder after epoch.
func (n *Node) watch(ctx context.Context, epoch uint64, found chan<- lock.Status) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s, err := n.options.Holder()
		if err == nil && (s.Holder.Epoch > epoch || s.IsForeign()) {
			found <- s
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// waitOpen reports whether a connection to one of the addresses was accepted
// soon.
func waitOpen(ctx context.Context, uris []string) bool {
	ctx, cancel := context.WithTimeout(ctx, refusedTime)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	dialer := net.Dialer{Timeout: dialTime}
	for heard := time.Now(); time.Since(heard) < unseenTime; {
		for _, uri := range uris {
			u, err := url.Parse(uri)
			if err != nil {
				continue
			}
			conn, err := dialer.DialContext(ctx, "tcp", u.Host)
			if err == nil {
				conn.Close()
				return true
			}
			if errors.Is(err, syscall.ECONNREFUSED) {
				heard = time.Now()
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return false
}

func (o *Outcome) parts(released, serving time.Time) {
	o.GapMillis = serving.Sub(o.Silence).Milliseconds()
	o.AnswerMillis = o.Answered.Sub(o.Silence).Milliseconds()
	o.CloseMillis = released.Sub(o.Answered).Milliseconds()
	o.TakeMillis = serving.Sub(released).Milliseconds()
}

// String says who serves now, for people.
func (o *Outcome) String() string {
	switch {
	case o.Foreign:
		return "another program, such as ActiveMQ"
	case o.Successor == nil:
		return "nobody"
	}
	return o.Successor.String()
}
