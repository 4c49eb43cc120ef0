package journal

import (
	"cmp"
	"slices"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

func (x *index) stateOf(d *destination) store.DestinationState {
	s := store.DestinationState{Destination: d.name, Messages: int64(d.order.n), Bytes: d.bytes, Exposed: x.exposed(d.name)}
	for _, sub := range d.subscriptions {
		s.Subscriptions = append(s.Subscriptions, store.SubscriptionState{Info: sub.info, Pending: int64(sub.pending.n)})
	}
	return s
}

// destinationStates lists what the index holds, by name.
func (x *index) destinationStates() []store.DestinationState {
	states := make([]store.DestinationState, 0, len(x.destinations))
	for _, d := range x.destinations {
		states = append(states, x.stateOf(d))
	}
	slices.SortFunc(states, func(a, b store.DestinationState) int { return compareDestinations(a.Destination, b.Destination) })
	return states
}

func compareDestinations(a, b message.Destination) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// describe says what a replay found. It reads the newest messages for their
// broker sequence, and the ones of prepared transactions.
func (j *Journal) describe(r *replayer) *store.State {
	x := j.index
	state := &store.State{Destinations: x.destinationStates()}
	for id, t := range x.prepared {
		j.describePrepared(t)
		state.Prepared = append(state.Prepared, store.Prepared{Transaction: id, Ops: t.content})
	}
	slices.SortFunc(state.Prepared, func(a, b store.Prepared) int {
		return cmp.Compare(a.Transaction.String(), b.Transaction.String())
	})
	codec := openwire.NewStore(openwire.StoreVersion)
	state.LastBrokerSequence = r.brokerSequence
	for i := range min(r.recentNext, recentAdds) {
		if m, err := j.read(codec, r.recent[i]); err == nil {
			state.LastBrokerSequence = max(state.LastBrokerSequence, m.ID.BrokerSequence)
		}
	}
	return state
}

// describePrepared makes a recovered transaction's content.
func (j *Journal) describePrepared(t *transaction) {
	codec := openwire.NewStore(openwire.StoreVersion)
	ops := t.ops
	t.ops, t.content = t.ops[:0], nil
	for _, held := range ops {
		op := store.Op{Action: held.action, Destination: held.destination, Unmatched: held.unmatched, Subscription: held.subscription,
			ID: message.MessageID{Producer: held.id.producer, ProducerSequence: held.id.sequence}}
		if held.action == store.Add {
			m, err := j.read(codec, held.at)
			if err != nil {
				j.o.Log.Error("message of a prepared transaction cannot be read back; it is left out",
					"file", fileName(held.at.file), "offset", held.at.offset, "error", err)
				j.index.file(held.at.file).pins--
				continue
			}
			op.Message, op.ID = m, m.ID
		} else if d := j.index.destinations[held.destination]; d != nil {
			if h := j.index.find(d, held.id); h != 0 {
				op.Seq = store.Seq(j.index.slab.get(h).seq)
			}
		}
		t.ops = append(t.ops, held)
		t.content = append(t.content, op)
	}
}

func (j *Journal) read(codec *openwire.Store, at location) (*message.Message, error) {
	b := make([]byte, at.size)
	if err := j.segments.readAt(at.file, b, int64(at.offset)); err != nil {
		return nil, err
	}
	return decodeStored(codec, b)
}
