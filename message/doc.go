// Package message holds the nouns that every layer of the broker shares:
// messages, destinations, identifiers, and the information records with which
// a client announces connections, sessions, producers, consumers and
// acknowledgements.
//
// The package does no I/O and starts no goroutine. Its types are plain values:
// identifiers and destinations are comparable and serve as map keys. A
// [Message] is immutable once a broker has accepted it; what changes with each
// delivery (redelivery counter, consumer) travels beside it.
//
// Field meaning and defaults follow ActiveMQ's org.apache.activemq.command
// classes, which each type names. Where Java distinguishes null from a zero
// value, the type says how null is held here.
package message
