// Package client is a Go client of OpenWire brokers: Conclave and ActiveMQ
// Classic. It speaks to one broker ("tcp://host:port") or to a group of which
// one serves ("failover:(tcp://a:61616,tcp://b:61616)"); with the latter a
// lost connection is made again, everything opened on it is announced again
// and whatever the broker had not answered is sent again.
//
// # Use
//
//	conn, err := client.Dial(ctx, "tcp://127.0.0.1:61616", client.Options{})
//	session, err := conn.Session(ctx, client.AutoAcknowledge)
//	producer, err := session.Producer(ctx, message.NewQueue("ORDERS"), client.ProducerOptions{})
//	err = producer.Send(ctx, client.NewText("hello"))
//
// A Conn is safe for concurrent use. A Session and what was made from it are
// for one goroutine at a time, as in JMS.
//
// # Goroutines and locks
//
// Each network connection (a link) has one reader, which decodes frames and
// hands them on, and one writer, which sends whatever has been encoded since
// its last write in one call and keeps the connection alive. Encoding happens
// on the caller's goroutine under the outbox's lock, so that a message may be
// reused as soon as a send returns. A Conn has one further goroutine, which
// waits for the link to end and with failover makes the next. Close joins all
// of them.
//
// Lock order: Conn.mu, then Consumer.mu, then outbox.mu.
//
// What a session does after failover follows JMS: sends that were not answered
// are repeated under their message ids, which the broker recognises; deliveries
// that were not acknowledged come again; a transaction that had consumed
// anything, or whose commit was not answered, is rolled back, which its Commit
// reports as ErrRolledBack.
package client
