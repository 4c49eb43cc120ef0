package broker

import "github.com/conclavemq/conclave/store"

// recount keeps the redelivery counters of messages that were given back in
// the store, for queues with persistJMSRedelivered, so that the next master
// goes on counting. Nobody waits for it: a message that is delivered again
// before that is certain is at least flagged, by what was exposed.
//
// ActiveMQ keeps a flag alone, which is set when a message is dispatched and
// costs an update of it; here that flag costs nothing. The update would be
// the wrong record in any case: ActiveMQ's collector may delete the file of a
// message's first record and then brings it back from its update.
func (b *Broker) recount(refs []*ref) {
	var ops []store.Op
	for _, r := range refs {
		if q, ok := r.home.(*queue); ok && q.policy.PersistJMSRedelivered && r.stored {
			ops = append(ops, store.Op{Action: store.Recount, Destination: q.dest, ID: r.m.ID, Seq: r.key.seq, Redeliveries: r.redeliveries})
		}
	}
	if len(ops) > 0 {
		b.store.Append(&store.Unit{Ops: ops, Sync: true})
	}
}
