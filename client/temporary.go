package client

import (
	"context"
	"fmt"
	"strconv"

	"github.com/conclavemq/conclave/message"
)

// TempQueue makes a queue that lives as long as the connection and that this
// connection alone consumes from. (JMS: Session.createTemporaryQueue)
func (c *Conn) TempQueue(ctx context.Context) (message.Destination, error) {
	return c.temporary(ctx, message.TempQueue)
}

// TempTopic makes a topic that lives as long as the connection.
func (c *Conn) TempTopic(ctx context.Context) (message.Destination, error) {
	return c.temporary(ctx, message.TempTopic)
}

func (c *Conn) temporary(ctx context.Context, kind message.Kind) (message.Destination, error) {
	c.mu.Lock()
	c.next.temp++
	d := message.Destination{Kind: kind, Name: string(c.info.ID) + ":" + strconv.FormatInt(c.next.temp, 10)}
	c.mu.Unlock()
	create := &message.DestinationInfo{Connection: c.info.ID, Destination: d}
	if _, err := c.register(ctx, create, func() { c.temps[d] = struct{}{} }); err != nil {
		return message.Destination{}, fmt.Errorf("create %s: %w", d, err)
	}
	return d, nil
}

// Destroy removes a destination with the messages in it: a temporary one of
// this connection, or any other, which the broker may forbid or refuse while
// it is in use.
func (c *Conn) Destroy(ctx context.Context, d message.Destination) error {
	c.mu.Lock()
	delete(c.temps, d)
	c.mu.Unlock()
	_, err := c.call(ctx, &message.DestinationInfo{
		Connection: c.info.ID, Destination: d, Operation: message.RemoveDestination})
	if err != nil {
		return fmt.Errorf("remove %s: %w", d, err)
	}
	return nil
}

// Unsubscribe deletes a durable subscription of this client, which must have
// no consumer. (JMS: Session.unsubscribe)
func (c *Conn) Unsubscribe(ctx context.Context, name string) error {
	_, err := c.call(ctx, &message.RemoveSubscriptionInfo{
		Connection: c.info.ID, ClientID: c.info.ClientID, Name: name})
	if err != nil {
		return fmt.Errorf("unsubscribe %s: %w", name, err)
	}
	return nil
}
