// Package transport listens for clients: it reads a connector's URI as
// ActiveMQ writes it, binds the port, enforces the limits on connections and
// hands each accepted socket to a Protocol, which lives in a sub-package.
//
// Goroutines of a Listener: one accepts; one runs each session and is, for
// most protocols, that connection's reader. All are joined by Close.
//
// Locks: Listener.mu guards the set of sessions and is never held while a
// session is called.
package transport
