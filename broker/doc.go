// Package broker moves messages from producers to consumers: destinations,
// subscriptions, dispatch, transactions, redelivery, flow control and
// advisories, on top of a store.Store. It knows no wire format.
package broker
