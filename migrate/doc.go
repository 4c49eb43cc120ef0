// Package migrate copies what one store holds into another of any kind, and
// proves that it did: queues in their order, durable subscriptions with what
// each has not acknowledged, redelivery counters, what may have been delivered,
// prepared XA branches. Scheduled messages are messages of a hidden queue and
// need nothing of their own.
//
// Nobody else may use the stores meanwhile: whoever opens them holds their
// locks. The source is only read. While a copy is not complete, the target has
// a queue, [Marker], with one message that names the source; a copy that was
// cut short, wherever that was, is taken up by making the target equal to the
// source: what is there already is compared, message by message, and kept if
// the source still begins with it. Memory is bounded by a page of messages, and
// by the prepared branches, which stores keep in memory themselves.
//
// What a store remembers of producers whose messages are consumed is copied too,
// so that a client in the middle of a failover may repeat its last send against
// the new store.
package migrate
