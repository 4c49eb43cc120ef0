package broker

import (
	"context"

	"github.com/conclavemq/conclave/message"
)

// Connection is one client's connection. It is driven by one reader: its
// methods are called one at a time, except Close. The done functions are
// called exactly once, before the method returns or later on the store's
// goroutine; they never block.
type Connection struct{}

func (c *Connection) AddSession(info *message.SessionInfo) error                      { return nil }
func (c *Connection) RemoveSession(id message.SessionID, lastDelivered int64) error   { return nil }
func (c *Connection) AddProducer(info *message.ProducerInfo) error                    { return nil }
func (c *Connection) RemoveProducer(id message.ProducerID) error                      { return nil }
func (c *Connection) AddConsumer(info *message.ConsumerInfo) error                    { return nil }
func (c *Connection) RemoveConsumer(id message.ConsumerID, lastDelivered int64) error { return nil }
func (c *Connection) AddDestination(info *message.DestinationInfo) error              { return nil }
func (c *Connection) RemoveDestination(info *message.DestinationInfo) error           { return nil }
func (c *Connection) RemoveSubscription(info *message.RemoveSubscriptionInfo) error   { return nil }
func (c *Connection) Send(ctx context.Context, m *message.Message, responseRequired bool, done func(error)) {
	done(nil)
}
func (c *Connection) Acknowledge(a *message.Ack, responseRequired bool, done func(error)) { done(nil) }
func (c *Connection) Pull(p *message.Pull) error                                          { return nil }
func (c *Connection) SetPrefetch(id message.ConsumerID, n int32) error                    { return nil }
func (c *Connection) Begin(tx message.TransactionID) error                                { return nil }
func (c *Connection) End(tx message.TransactionID) error                                  { return nil }
func (c *Connection) Prepare(tx message.TransactionID, done func(vote int32, err error)) {
	done(0, nil)
}
func (c *Connection) Commit(tx message.TransactionID, onePhase bool, done func(error)) { done(nil) }
func (c *Connection) Rollback(tx message.TransactionID, done func(error))              { done(nil) }
func (c *Connection) Forget(tx message.TransactionID) error                            { return nil }
func (c *Connection) Recover() []message.TransactionID                                 { return nil }

// Close ends the connection like a vanished client.
func (c *Connection) Close() {}
