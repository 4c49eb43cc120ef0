package broker

import (
	"errors"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// AddDestination creates a destination; a temporary one becomes the
// connection's own and is deleted with it.
func (c *Connection) AddDestination(info *message.DestinationInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if !info.Destination.Kind.IsTemporary() {
		_, err := c.b.ensure(info.Destination)
		return err
	}
	_, err := c.addTemporary(info.Destination)
	return err
}

// addTemporary creates a temporary destination whose name says that it is
// this connection's, or is anybody's.
func (c *Connection) addTemporary(dest message.Destination) (target, error) {
	if owner := ownerOf(dest); owner != c.info.ID {
		return nil, failure(errors.Join(ErrInvalidDestination, ErrSecurity), "Cannot create the temporary destination %s of another connection", dest)
	}
	if len(c.temporary) >= maxPerConnection {
		return nil, failure(ErrLimit, "Too many temporary destinations on connection %s", c.info.ID)
	}
	t, err := c.b.ensure(dest)
	if err == nil {
		c.temporary[dest] = true
	}
	return t, err
}

// dropTemporary deletes a temporary destination of a connection that ends.
// c.mu is held.
func (c *Connection) dropTemporary(dest message.Destination) {
	delete(c.temporary, dest)
	if t := c.b.registry.find(dest); t != nil && c.b.registry.remove(t) {
		t.dispose()
		c.b.advise.destination(dest, message.RemoveDestination, c.info.ID)
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
	dest := info.Destination
	t := c.b.registry.find(dest)
	if t == nil {
		return nil
	}
	if dest.Kind.IsTemporary() {
		if t.base().owner != c.info.ID {
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
	if t.inUse() {
		return failure(ErrDestinationInUse, "Destination: %s still has an active subscription", dest)
	}
	if !b.registry.remove(t) {
		return nil
	}
	t.dispose()
	done := make(chan error, 1)
	op := store.Op{Action: store.RemoveDestination, Destination: dest}
	b.store.Append(store.Single(op, true, func(err error) { done <- err }))
	err := <-done
	b.advise.destination(dest, message.RemoveDestination, "")
	return err
}
