package network

import (
	"errors"
	"slices"
	"strings"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
)

var errConsumerClosed = errors.New("the local broker has closed a consumer of the bridge")

// forward is the goroutine that passes on what the local broker delivers, in
// its order. Many messages are under way at a time; each is acknowledged here
// when the other broker has confirmed it.
func (b *bridge) forward() {
	var batch []message.Delivery
	for {
		select {
		case <-b.inbox.ready:
		case <-b.ctx.Done():
			return
		}
		batch = b.inbox.take(batch)
		for i := range batch {
			if err := b.pass(&batch[i]); err != nil {
				b.fail(err)
				return
			}
		}
	}
}

// pass sends one message on. (ActiveMQ: serviceLocalCommand)
func (b *bridge) pass(delivery *message.Delivery) error {
	b.mu.Lock()
	d := b.demands.byLocal[delivery.Consumer]
	if d == nil || d.retiring {
		b.mu.Unlock()
		return nil // it goes back when the consumer is removed
	}
	d.outstanding++
	d.last = delivery.Message.ID.BrokerSequence
	b.mu.Unlock()
	b.enqueues.Add(1)
	m := delivery.Message
	if d.durable && !b.mayPass(m) {
		b.confirm(d, m.ID, delivery.Destination, message.IndividualAck, nil)
		return nil
	}
	x := b.outgoing(m, delivery.Destination)
	x.RedeliveryCounter = max(x.RedeliveryCounter, delivery.RedeliveryCounter) // ActiveMQ begins anew
	id, dest := m.ID, delivery.Destination
	if !m.Persistent && !b.config.AlwaysSyncSend {
		err := b.wire.Post(b.ctx, x)
		if err == nil {
			b.dequeues.Add(1)
			b.confirm(d, id, dest, message.IndividualAck, nil)
		}
		return err
	}
	return b.wire.Request(b.ctx, x, func(_ any, err error) { b.answered(d, m, dest, err) })
}

// outgoing is a message as the other broker gets it: its identity is kept, so
// that it is known there if it comes twice. (ActiveMQ: configureMessage)
func (b *bridge) outgoing(m *message.Message, dest message.Destination) *message.Message {
	x := m.Copy()
	x.BrokerPath = append(slices.Clone(m.BrokerPath), b.net.broker.ID())
	x.Producer = b.producer
	x.Destination = dest
	x.TargetConsumer = message.ConsumerID{}
	if x.OriginalTransaction.IsZero() {
		x.OriginalTransaction = x.Transaction
	}
	x.Transaction = message.TransactionID{}
	return x
}

// mayPass is for durable subscriptions, which get what has come from the other
// broker too, so that it is acknowledged and does not stay for ever. (ActiveMQ:
// suppressMessageDispatch)
func (b *bridge) mayPass(m *message.Message) bool {
	if b.config.MessageTTL > -1 && len(m.BrokerPath) >= b.config.MessageTTL {
		return false
	}
	return !slices.Contains(m.BrokerPath, b.remote.ID) && b.config.permits(m.Destination)
}

// answered is called with the other broker's answer, or the wire's end.
func (b *bridge) answered(d *demand, m *message.Message, dest message.Destination, err error) {
	switch {
	case err == nil:
		b.dequeues.Add(1)
		b.confirm(d, m.ID, dest, message.IndividualAck, nil)
	case goneTemporary(err):
		// Its consumer has gone since; nobody wants the message any more.
		b.failed.Add(1)
		b.log.Warn("a message to a temporary destination that is gone is given up", "message", m.ID.String(), "error", err)
		b.confirm(d, m.ID, dest, message.PoisonAck, &message.Throwable{Class: "org.apache.activemq.DestinationDoesNotExistException", Message: err.Error()})
		if b.config.AdvisoryForFailedForward {
			b.net.broker.ForwardFailed(m, err)
		}
	default:
		b.failed.Add(1)
		if b.config.AdvisoryForFailedForward && !errors.Is(err, client.ErrConnectionLost) {
			b.net.broker.ForwardFailed(m, err)
		}
		b.settled(d)
		b.fail(err)
	}
}

// goneTemporary recognises that a temporary destination does not exist.
// (ActiveMQ: DestinationDoesNotExistException.isTemporary)
func goneTemporary(err error) bool {
	class, text := "", ""
	var remote *client.RemoteError
	var other interface {
		error
		Exception() (class, text string)
	}
	switch {
	case errors.As(err, &remote):
		class, text = remote.Class, remote.Message
	case errors.As(err, &other):
		class, text = other.Exception()
	}
	return strings.HasSuffix(class, "DestinationDoesNotExistException") && strings.Contains(text, "temp-")
}

// confirm acknowledges a message here.
func (b *bridge) confirm(d *demand, id message.MessageID, dest message.Destination, kind message.AckType, cause *message.Throwable) {
	b.local.Acknowledge(&message.Ack{
		Type: kind, Count: 1, Destination: dest, Consumer: d.local.ID, First: id, Last: id, PoisonCause: cause,
	}, false, func(err error) {
		if err != nil {
			b.fail(err)
		}
	})
	b.settled(d)
}

// settled counts one message less as under way.
func (b *bridge) settled(d *demand) {
	b.mu.Lock()
	d.outstanding--
	idle := d.idle
	if d.outstanding > 0 || !d.retiring {
		idle = nil
	}
	if idle != nil {
		d.idle = nil
	}
	b.mu.Unlock()
	if idle != nil {
		idle()
	}
}
