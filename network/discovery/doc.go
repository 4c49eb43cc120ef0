// Package discovery finds the brokers that a network connector is to reach,
// and makes this one known to others.
//
// A discovery URI names how. [Parse] reads it; [New] makes the [Agent] that
// reports services to a [Listener] and hears of those that failed:
//
//	static:(u1,u2,…)       each as it is; simple: is another name of it
//	masterslave:(a,b,…)    one service, failover:(a,b,…)?randomize=false&maxReconnectAttempts=0
//	multicast://default    whatever announces itself to a multicast group
//
// A service that failed is reported again after a delay, which grows as
// ActiveMQ's does. The options and their defaults are those of ActiveMQ's
// SimpleDiscoveryAgent and MulticastDiscoveryAgent; one that does not exist is
// an error. Options that begin with "discovered." are given to each URI.
// Blanks in a discovery URI count for nothing, since people write them.
//
// [Advertise] announces a connector (transportConnector discoveryUri).
//
// # Packets
//
// A multicast packet is text, here with the group "default":
//
//	default.ActiveMQ-4.alive.%<broker name>%<uri>
//	default.ActiveMQ-4.dead.%<broker name>%<uri>
//
// A broker sends alive every keepAliveInterval and dead when it stops; it is
// taken for dead after ten intervals without. Anybody on the network can send
// such packets: what is read is bounded, the services known are bounded, and a
// URI that is no plain address of a known scheme is dropped, so that no packet
// can have this broker load or do anything but try to connect.
//
// # Goroutines
//
// An agent has one that keeps time and calls the listener, one call after the
// other, and a multicast agent one more that reads its socket. An Advertiser
// has one. Close joins them all. Agent.mu and the like are held for moments
// and under no call of a listener.
package discovery
