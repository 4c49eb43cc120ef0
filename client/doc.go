// Package client is a Go client of OpenWire brokers: Conclave and ActiveMQ
// Classic. It speaks to one broker ("tcp://host:port") or to a group of which
// one serves ("failover:(tcp://a:61616,tcp://b:61616)"); with the latter a
// lost connection is made again, everything opened on it is announced again
// and whatever the broker had not answered is sent again.
//
// # Use
//
//	conn, err := client.Dial(ctx, "failover:(tcp://a:61616,tcp://b:61616)", client.Options{})
//	session, err := conn.Session(ctx, client.AutoAcknowledge)
//	producer, err := session.Producer(ctx, message.NewQueue("ORDERS"), client.ProducerOptions{})
//	err = producer.Send(ctx, client.NewText("hello"))
//	consumer, err := session.Consumer(ctx, message.NewQueue("ORDERS"), client.ConsumerOptions{})
//	for d, err := range consumer.Messages(ctx) { … }
//
// A Conn and a Requestor are safe for concurrent use. A Session and what was
// made from it are for one goroutine at a time, as in JMS. Messages are
// message.Message; NewText, NewBytes, NewMap, NewStream and NewObject make
// them, Text, Bytes, Map, Stream and Object read them, Property and SetProperty
// are for their properties.
//
// # URLs
//
//	tcp://host:port?options              one broker; nio: and auto: are the same, ssl: and nio+ssl: are TLS
//	failover:(uri,uri)?options           brokers of which one serves; without parentheses options are the last uri's
//	masterslave:(uri,uri)?options        failover in the order given (randomize=false)
//	static:(uri,uri)?options             failover with the delays of ActiveMQ's static discovery
//	discovery:(agent)?options            failover to what the agent finds: static:, masterslave:, or one of Options.Discover
//	multicast://group                    failover to what Options.Discover's source finds
//
// Options are ActiveMQ's: wireFormat.* and those of sockets for one broker,
// nested.* (discovered.* with discovery:) for all in a list, jms.* as on
// ActiveMQ's connection factory, and all of failover:. A name that is not
// known, or that this client does not have, is refused with the reason and the
// nearest name. Destinations take options, too: "ORDERS?consumer.prefetchSize=1".
//
// # Goroutines and locks
//
// Each network connection (a link) has one reader, which decodes frames and
// hands them on, and one writer, which sends whatever has been encoded since
// its last write in one call and keeps the connection alive. Encoding happens
// on the caller's goroutine under the outbox's lock, so that a message may be
// reused as soon as a send returns. A Conn has one further goroutine, which
// waits for the link to end, or for a reason to leave it, and with failover
// makes the next; with backup or priorityBackup one that keeps links ready;
// with a source of addresses one for that. A Requestor has one that receives.
// Close joins all of them.
//
// Lock order: Conn.mu, then Consumer.mu, then outbox.mu. The locks of
// addresses, of standby and of a Requestor are taken alone.
//
// # Failover
//
// What a session does after failover follows JMS: sends that were not answered
// are repeated under their message ids, which the broker recognises; deliveries
// that were not acknowledged come again; a transaction that had consumed
// anything, or whose commit was not answered, is rolled back, which its Commit
// reports as ErrRolledBack. A prepared branch of a distributed transaction
// stays with the brokers, and its outcome is sent until it is answered.
//
// Where ActiveMQ's client is known to hurt, this one differs. It leaves a
// broker that serves (for one of priority, or when brokers are rebalanced) only
// once the other one has answered, and after the old one has answered what it
// owes. A broker's reconnectTo does not make it forget the brokers of its URL.
// It never waits for a name server to compare addresses. Connections that end
// as soon as they are made, as with a name that is refused, are retried ever
// more slowly.
package client
