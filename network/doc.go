// Package network passes messages on between brokers: bridges, as ActiveMQ's
// networkConnectors make them, to Conclaves and to ActiveMQs, in either role.
//
// A [Network] is one broker's. [Network.Connect] has a [Connector] keep a
// bridge to whatever its discovery agent finds; [Network.Accept] begins the way
// back on a connection that another broker has made and wants to be duplex.
// [Network.Status] tells of all.
//
// # A bridge
//
// A bridge is a client of the other broker, which listens to advisories there
// and produces, and an ordinary session here, which consumes what consumers
// there want: its demand. Steps of its beginning: wire format; the other's
// BrokerInfo; a connection here, <name>_<remote>_inbound_<here>; our BrokerInfo,
// with the configuration; a connection there, <name>_<here>_outbound, with a
// session, a producer and the consumer of advisories. Whatever fails ends the
// bridge, and another is made: at once, if it had worked, or when the agent
// reports the address again.
//
// A message is passed on with its id and the brokers it was at, and acknowledged
// here when the other broker has answered. One that was not acknowledged is sent
// again by the next bridge, or the next master; the other broker recognises it
// (see bridged in package broker). A subscription that nobody needs any more
// gets nothing more, and ends when what is under way has been answered.
//
// Duplex: the broker that made the connection serves the other one on it (see
// server); at the rear the connection's session does, and a [Reverse] is the
// bridge. Both kinds of ActiveMQ's duplex ends understand that.
//
// # Better than ActiveMQ
//
//   - Messages whose consumers have moved go back to where these are, without a
//     policy; see forward in package broker.
//   - A durable subscriber is not served by a subscription that is not durable,
//     though such a one is there.
//   - Where the shortest of several ways breaks, the one that was suppressed
//     takes its place.
//   - A durable subscription that a shorter way displaces passes on what it
//     holds before it ends.
//
// # Goroutines and locks
//
// A link has one, from its service's discovery to its end; a bridge has two:
// forward sends what the local broker delivers, chores does what has to wait for
// answers. The wire's reader calls command and the answers' functions. A duplex
// connection has one more, which serves. All are joined by [Network.Stop].
//
// bridge.changing is held while demand changes, also while the local broker
// stores a subscription; bridge.mu, shared.mu, Connector.mu, inbox.mu, chore.mu
// are leaves, but Connector.mu is held while bridge.mu is taken for a status.
package network
