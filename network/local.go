package network

import (
	"sync"

	"github.com/conclavemq/conclave/message"
)

// inbox holds what the local broker delivers until it is sent. It is bounded by
// the prefetch of the bridge's consumers.
type inbox struct {
	mu     sync.Mutex
	queue  []message.Delivery // mu
	closed bool               // mu
	ready  chan struct{}      // capacity 1
}

func (i *inbox) init() { i.ready = make(chan struct{}, 1) }

func (i *inbox) put(d message.Delivery) {
	i.mu.Lock()
	if !i.closed {
		i.queue = append(i.queue, d)
	}
	first := len(i.queue) == 1
	i.mu.Unlock()
	if first {
		signal(i.ready)
	}
}

// take gives all that waits; used is memory for what comes next.
func (i *inbox) take(used []message.Delivery) []message.Delivery {
	clear(used)
	i.mu.Lock()
	defer i.mu.Unlock()
	taken := i.queue
	i.queue = used[:0]
	return taken
}

func (i *inbox) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed, i.queue = true, nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// localPeer is the bridge as the local broker sees it: a client.
type localPeer bridge

// Deliver hands over a message to be passed on.
func (p *localPeer) Deliver(d message.Delivery) {
	if d.Message != nil {
		p.inbox.put(d)
	}
}

// ProducerAck has no meaning: the bridge sends nothing here.
func (p *localPeer) ProducerAck(message.ProducerID, int32) {}

// Prefetch is for clients that pull.
func (p *localPeer) Prefetch(message.ConsumerID, message.Destination, int32) {}

// CloseConsumer ends the bridge: the broker finds it too slow.
func (p *localPeer) CloseConsumer(id message.ConsumerID) {
	(*bridge)(p).fail(errConsumerClosed)
}

// Fail ends the bridge.
func (p *localPeer) Fail(err error) { (*bridge)(p).fail(err) }

// chore is work that must not be done by who finds it, one after the other.
type chore struct {
	mu     sync.Mutex
	list   []func() // mu
	closed bool     // mu
	ready  chan struct{}
	done   chan struct{}
}

func (c *chore) init() { c.ready, c.done = make(chan struct{}, 1), make(chan struct{}) }

func (c *chore) add(f func()) {
	c.mu.Lock()
	if !c.closed {
		c.list = append(c.list, f)
	}
	c.mu.Unlock()
	signal(c.ready)
}

func (c *chore) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed, c.list = true, nil
		close(c.done)
	}
}

func (c *chore) take() []func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

// chores does what was added.
func (b *bridge) chores() {
	for {
		select {
		case <-b.chore.ready:
		case <-b.chore.done:
			return
		}
		for _, f := range b.chore.take() {
			f()
		}
	}
}
