package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// Line is what both sides hold of a queue, or of a durable subscription.
type Line struct {
	Destination  message.Destination
	Subscription string // its key; "" for a queue
	From, To     Account
	// Unreadable is how many messages the source counts and cannot read back.
	Unreadable int64
}

// Ledger is the account of both sides.
type Ledger struct {
	Lines    []Line
	Branches int // that are prepared
}

// Verify reads both sides and compares them: order, content and redelivery
// counters of queues, subscriptions with what they have not acknowledged,
// prepared branches, and the last sequence of each producer that the source
// knows. The error says what differs first; the ledger has
// everything that was read until then. from.State and to.State should come
// from stores opened after the copy.
func Verify(ctx context.Context, from, to Side, o Options) (*Ledger, error) {
	o.complete()
	v := &verifier{Options: o, from: from, to: to, ledger: &Ledger{}, compared: map[message.ProducerID]bool{}}
	v.meter = meter{now: Progress{Phase: Verifying, Total: load(from.State) + load(to.State)}, tell: o.Progress}
	var all []message.Destination
	for _, s := range []*store.State{from.State, to.State} {
		for i := range s.Destinations {
			if d := s.Destinations[i].Destination; d != Marker && !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b message.Destination) int { return cmp.Compare(a.String(), b.String()) })
	for _, dest := range all {
		if err := v.destination(ctx, dest); err != nil {
			return v.ledger, err
		}
	}
	if err := v.branches(ctx); err != nil {
		return v.ledger, err
	}
	return v.ledger, v.remembered(ctx)
}

type verifier struct {
	Options
	from, to Side
	ledger   *Ledger
	meter    meter
	compared map[message.ProducerID]bool // at most maxCompared
}

func (v *verifier) destination(ctx context.Context, dest message.Destination) error {
	f, t := find(v.from.State, dest), find(v.to.State, dest)
	if dest.Kind.IsQueue() {
		return v.line(ctx, dest, "", messagesOf(f))
	}
	have, got := subscriptions(f), subscriptions(t)
	for key, sub := range have {
		other, ok := got[key]
		if !ok || !sameInfo(&sub.Info, &other.Info) {
			return fmt.Errorf("%w: durable subscription %s of %s", ErrDiffers, key, dest)
		}
	}
	for key := range got {
		if _, ok := have[key]; !ok {
			return fmt.Errorf("%w: durable subscription %s of %s is not in the source", ErrDiffers, key, dest)
		}
		if err := v.line(ctx, dest, key, have[key].Pending); err != nil {
			return err
		}
	}
	return nil
}

func messagesOf(d *store.DestinationState) int64 {
	if d == nil {
		return 0
	}
	return d.Messages
}

func subscriptions(d *store.DestinationState) map[string]*store.SubscriptionState {
	m := map[string]*store.SubscriptionState{}
	if d != nil {
		for i := range d.Subscriptions {
			m[d.Subscriptions[i].Info.Key()] = &d.Subscriptions[i]
		}
	}
	return m
}

func sameInfo(a, b *message.SubscriptionInfo) bool {
	return a.Selector == b.Selector && a.NoLocal == b.NoLocal && a.SubscribedDestination == b.SubscribedDestination
}

// line compares one queue, or subscription.
func (v *verifier) line(ctx context.Context, dest message.Destination, key string, counted int64) error {
	l := Line{Destination: dest, Subscription: key}
	var err error
	if l.From, err = v.account(ctx, v.from.Store, dest, key); err != nil {
		return err
	}
	if l.To, err = v.account(ctx, v.to.Store, dest, key); err != nil {
		return err
	}
	l.Unreadable = max(counted-l.From.Messages, 0)
	if l.From.Messages > 0 || l.To.Messages > 0 || key != "" || l.Unreadable > 0 {
		v.ledger.Lines = append(v.ledger.Lines, l)
	}
	if l.From != l.To {
		return fmt.Errorf("%w: %s %s: %d messages with digest %.16s, %d with %.16s", ErrDiffers, dest, key,
			l.From.Messages, l.From.Digest, l.To.Messages, l.To.Digest)
	}
	return nil
}

func (v *verifier) account(ctx context.Context, s store.Store, dest message.Destination, key string) (Account, error) {
	a, d := newAccount(), newDigester()
	cur := v.messages(ctx, s, dest, key)
	cur.passed = func(n int) { v.meter.add(n, dest) }
	for {
		e, err := cur.take()
		if err != nil || e == nil {
			return a.total(), err
		}
		if err := a.add(d, e); err != nil {
			return Account{}, err
		}
		if err := v.sequence(e.Message.ID.Producer); err != nil {
			return Account{}, err
		}
	}
}

// maxCompared bounds the memory of producers whose sequences are equal.
const maxCompared = 4096

// sequence compares how far a producer of a message has come. With a lower
// sequence the target would take its repeated sends for new, with a higher one
// it would take new ones for repeated.
func (v *verifier) sequence(id message.ProducerID) error {
	if v.compared[id] {
		return nil
	}
	if len(v.compared) >= maxCompared {
		clear(v.compared)
	}
	v.compared[id] = true
	have, got := v.from.Store.LastSequence(id), v.to.Store.LastSequence(id)
	if have >= 0 && have != got {
		return fmt.Errorf("%w: producer %s has sent message %d, and %d", ErrDiffers, id.String(), have, got)
	}
	return nil
}

// remembered compares what the source knows of producers without a message
// that tells; of some it may have later ones, which sequence has compared.
func (v *verifier) remembered(ctx context.Context) error {
	from, ok := v.from.Store.(remembering)
	if !ok {
		return nil
	}
	return from.Producers(ctx, func(id message.ProducerID, last int64) error {
		if got := v.to.Store.LastSequence(id); got < last {
			return fmt.Errorf("%w: producer %s has sent message %d, and %d", ErrDiffers, id.String(), last, got)
		}
		return nil
	})
}

// branches compares what is prepared.
func (v *verifier) branches(ctx context.Context) error {
	have, got := branchesOf(v.from.State), branchesOf(v.to.State)
	v.ledger.Branches = len(have)
	if len(have) != len(got) {
		return fmt.Errorf("%w: %d prepared branches, and %d", ErrDiffers, len(have), len(got))
	}
	for id, p := range have {
		q, ok := got[id]
		if !ok {
			return fmt.Errorf("%w: branch %s is not in the target", ErrDiffers, id.String())
		}
		if err := v.branch(ctx, p, q); err != nil {
			return err
		}
	}
	return nil
}

func branchesOf(s *store.State) map[message.TransactionID]*store.Prepared {
	m := map[message.TransactionID]*store.Prepared{}
	for i := range s.Prepared {
		m[s.Prepared[i].Transaction] = &s.Prepared[i]
	}
	return m
}

// taking is what a branch does to a message that is stored.
type taking struct {
	action       store.Action
	destination  message.Destination
	id           message.MessageKey
	subscription string
}

// branch compares what a branch sends, in order, and what it takes. What it
// takes in the source alone must have gone there.
func (v *verifier) branch(ctx context.Context, p, q *store.Prepared) error {
	x, have, err := contents(p)
	if err != nil {
		return err
	}
	y, got, err := contents(q)
	if err != nil {
		return err
	}
	gone := map[message.Destination]wanted{}
	for what, op := range have {
		if got[what] == nil {
			copied := *op
			copied.Seq = 0
			gone[op.Destination] = gone[op.Destination].with(&copied)
		}
		delete(got, what)
	}
	differs := fmt.Errorf("%w: operations of branch %s", ErrDiffers, p.Transaction.String())
	if !slices.Equal(x, y) || len(got) > 0 {
		return differs
	}
	for dest, want := range gone {
		n := len(want)
		if err := place(v.messages(ctx, v.from.Store, dest, ""), want); err != nil {
			return err
		}
		if len(want) < n {
			return differs
		}
	}
	return nil
}

// contents are the sends of a branch, and what it takes.
func contents(p *store.Prepared) (sends []string, takes map[taking]*store.Op, err error) {
	d := newDigester()
	takes = map[taking]*store.Op{}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.Action != store.Add {
			takes[taking{op.Action, op.Destination, op.ID.Key(), op.Subscription}] = op
			continue
		}
		b, err := d.bytes(op.Message)
		if err != nil {
			return nil, nil, err
		}
		sends = append(sends, op.Destination.String()+string(b))
	}
	return sends, takes, nil
}
