package broker

import (
	"errors"

	"github.com/conclavemq/conclave/message"
)

// AddDestination creates a destination; a temporary one becomes the
// connection's own and is deleted with it.
func (c *Connection) AddDestination(info *message.DestinationInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	dest := c.b.named(info.Destination)
	if dest.Kind.IsTemporary() {
		if c.echoes(dest) {
			return nil
		}
		_, err := c.addTemporary(dest, info.BrokerPath)
		return err
	}
	parts := dest.Parts()
	if len(parts) == 0 || len(parts) > maxParts {
		return failure(ErrInvalidDestination, "Composite destination of %d parts", len(parts))
	}
	for _, part := range parts {
		if _, err := c.b.ensure(part); err != nil {
			return err
		}
	}
	return nil
}

// addTemporary creates a temporary destination whose name says that it is
// this connection's, or is of a client of another broker, which came by path.
func (c *Connection) addTemporary(dest message.Destination, path []message.BrokerID) (target, error) {
	if owner := ownerOf(dest); owner != c.info.ID && !c.bridges {
		return nil, failure(errors.Join(ErrInvalidDestination, ErrSecurity), "Cannot create the temporary destination %s of another connection", dest)
	}
	if c.echoes(dest) {
		return nil, &MissingDestination{dest}
	}
	if len(c.temporary) >= maxPerConnection {
		return nil, failure(ErrLimit, "Too many temporary destinations on connection %s", c.info.ID)
	}
	t, err := c.b.declare(dest, path)
	if err == nil {
		c.temporary[dest] = true
	}
	return t, err
}

// echoes reports whether this is a bridge, and a temporary destination that of a
// client of this broker, which others tell of. It must not end with the bridge.
func (c *Connection) echoes(dest message.Destination) bool {
	return c.bridges && c.b.serves(ownerOf(dest))
}

// serves reports whether a connection is that of a client of this broker.
func (b *Broker) serves(id message.ConnectionID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.connections[id]
	return c != nil && !c.bridges
}

// dropTemporary deletes a temporary destination of a connection that ends.
// c.mu is held.
func (c *Connection) dropTemporary(dest message.Destination) {
	delete(c.temporary, dest)
	c.temporary = shrunk(c.temporary, &c.temporaries)
	if c.info.FailoverReconnect || c.b.bridges.some() {
		c.b.awaited.gone.add(digestOf(dest.String()))
	}
	if t := c.b.registry.find(dest); t != nil {
		c.b.retire(t, nothing, nil)
	}
}

// RemoveDestination deletes a destination with what is in it, unless it has
// consumers. What is stored is gone when it returns. (ActiveMQ:
// AbstractRegion.removeDestination)
func (c *Connection) RemoveDestination(info *message.DestinationInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	dest := c.b.named(info.Destination)
	t := c.b.registry.find(dest)
	if t == nil {
		return nil
	}
	if dest.Kind.IsTemporary() {
		if t.base().owner != c.info.ID && !c.temporary[dest] {
			return failure(errors.Join(ErrInvalidDestination, ErrSecurity), "Cannot remove the temporary destination %s of another connection", dest)
		}
		c.dropTemporary(dest)
		return nil
	}
	return c.b.RemoveDestination(dest)
}

// RemoveDestination deletes a destination that has no consumers, with what is
// in it.
func (b *Broker) RemoveDestination(dest message.Destination) error {
	t := b.registry.find(dest)
	if t == nil {
		return nil
	}
	done := make(chan error, 1)
	if b.retire(t, consumers, func(err error) { done <- err }) {
		return <-done
	}
	if b.registry.find(dest) != t {
		return nil // somebody else has removed it
	}
	return failure(ErrDestinationInUse, "Destination: %s still has an active subscription", dest)
}
