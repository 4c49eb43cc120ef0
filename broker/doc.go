// Package broker moves messages from producers to consumers: destinations,
// subscriptions, dispatch, transactions, redelivery, expiry, dead letters,
// flow control and advisories, on top of a store.Store. It knows no wire
// format and no kind of peer: a transport calls the methods of a [Connection]
// and is called back through a [Peer] and through done functions.
//
// # The way of a message
//
// [Connection.Send] finds the route: one destination, or several that a
// composite destination names or that virtual destinations add (see route),
// all of which get their copies in one unit. It lets the producer wait for
// memory, if need be. A message that is to be kept becomes a store.Unit; its
// Done makes it visible to its queue and answers the producer. The queue
// offers it to the consumer whose turn it is, which takes it if it has credit
// and gives it to its Peer. An acknowledgement returns the credit at once and
// becomes a unit that removes the message; its done is called when that is
// safe, if anybody waits for it.
//
// A queue and a durable subscription's feed hold a bounded window of their
// backlog; see window for how the rest is paged in from the store, by priority
// where prioritizedMessages is set, and why nothing is passed twice. With
// selective consumers each has a position of its own in the backlog; see
// seeker. Before a message is delivered for the first time
// the part of the log that it lies in is recorded as exposed, so that another
// master flags it as redelivered after a crash.
//
// Before a planned end dispatch pauses, so that consumers come to acknowledge
// all that they were given; see [Broker.Pause] and [Broker.Trickle].
//
// A message that is to be delivered later takes the same way to another
// target; see schedule.
//
// # Memory
//
// A message counts, once, from its arrival until nobody needs the copy in
// memory: of a queue or durable subscription while it is in a window or
// unacknowledged; of another subscriber of a topic while it waits here, since
// what has been given to the Peer is not kept; and while a topic keeps it for
// retroactive consumers (see retention), which together may keep a quarter.
//
// A Peer may say that too much waits to be written; its consumers then get
// nothing until it resumes them, whatever their credit, and what they would
// have had stays where it counts. So a connection that does not read costs the
// Peer's bound beside the memory limit.
//
// Above the high-water mark of memory, or of a destination's fair share of it,
// no more is held there than has to be: what is stored is paged, and what is
// not stored goes to the spool, behind which all of its kind goes until it is
// empty, so that the order stays; see overflow. Each queue, feed and subscriber
// has a list of its own there. What comes back from a spool and what is paged
// are merged by their place in the log.
//
// So producers wait for memory only where all is to be in memory (vm cursors,
// no store), where a topic has a limit of its own, and where the spool is full
// too: one destination may then fill no more than fairShare allows, and the
// others go on with the rest. With many unread destinations what is left
// becomes small: 1 in 2n+1 parts with n of them. Producers of stored messages
// wait for the store, at the limit of what it may take (quota) and for its
// disk, in their connection's spill.
//
// # Transactions
//
// A transaction collects sends and acknowledgements and carries them out in
// one unit, at its commit; what it has acknowledged stays in flight until then.
// A branch is stored when it is prepared, and its messages are then no longer
// kept in memory; the next master takes it up with what it has acknowledged
// locked. What open transactions send is bounded, each and together. See
// meaning for what a failover does to a transaction.
//
// What a durable subscriber is to have is in the store, or, if it is not
// persistent, in memory, where subscribers that are away fill no more than
// half; see durable.
//
// # Advisories, hooks
//
// An advisory is made only if somebody listens to its topic, and published
// like any message, so that it must not be under a lock of 4 to 6 or the
// registry's: deliveries are told of by a goroutine, the rest where it happens,
// after the locks. Listeners that do not keep up lose the oldest.
//
// Hooks see a message before it is accepted, while nobody else does, and may
// change it; from then on it is immutable. Interceptors of a destination see
// the copy that goes there. The locks of Statistics and burials are leaves.
//
// # Goroutines
//
// Dispatch happens on whatever goroutine changed something: the connection's
// reader, the store's committer (in Done), a pager. Of the broker's own, all
// joined by [Broker.Close]:
//
//   - flow.loop resumes producers that wait for memory;
//   - advisories.loop tells of deliveries, which happen under locks under which
//     nothing can be published;
//   - purgeInactive removes destinations that nobody uses, if that is configured;
//   - housekeep sweeps expired messages, and starts dispatch again that could
//     not be done for a while;
//   - one of a connection's spill while sends or commits wait there for the store;
//   - a pager for a queue or feed while its window runs low;
//   - a subscriber's refill from the spool;
//   - a browser's own while it shows a queue;
//   - one of each slow consumer strategy that differs (see patrol);
//   - of the schedule, if there is one: loop fires jobs, manageAll carries
//     requests out, load reads once what an earlier master left.
//
// # Locks
//
// In the order in which they may be taken, each after the ones before it:
//
//  0. bridges.order, while somebody is told of a broker of the network
//  1. Connection.mu, throughout each method; nothing that Done calls takes it;
//     spill.entering, or schedule.turn of its own goroutines, in its place
//  2. branches.mu, durables.mu, awaited.mu; transaction.mu
//  3. registry.mu, under which only a destination is locked that nobody else
//     knows yet, or that is being removed; see retire
//     topic.order, retention.mu
//  4. queue.mu, durable.mu (which guards its feeds)
//  5. topic.mu
//  6. consumer.mu, subscriber.mu, browser.mu
//  7. leaves: schedule.mu, departed.mu, natives.mu, bridges.mu, duplicates.mu, selectors.mu, standing.mu, Broker.mu, routing.mu, patrols.mu, returned.mu, lot.mu and then flow.mu, audits.mu, audit.mu,
//     spill.mu, advisories.mu; the Peer's, the store's and the
//     spool's own
//
// patrol.mu is taken before 6. Notices of slow consumers and of discarded
// messages are given under no lock, since they may publish.
//
// store.Append and Peer's methods are called under locks 4 to 6, and neither
// calls back. Done functions of clients are called under no lock that the
// broker's Done needs.
package broker
