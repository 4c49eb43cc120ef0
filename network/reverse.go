package network

import (
	"errors"
	"fmt"
	"time"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// Reverse is the rear end of a duplex bridge: the direction from this broker to
// the one that has made the connection, and configured it. (ActiveMQ:
// TransportConnection.processBrokerInfo, duplexBridge)
type Reverse struct {
	bridge *bridge
	wire   Wire
	began  time.Time
	done   chan struct{} // closed when the bridge has ended
}

// Check refuses a broker that no bridge can be had with: this one, or another
// of the same name.
func (n *Network) Check(info *openwire.BrokerInfo) error {
	err := n.check(info)
	if errors.Is(err, ErrSameName) {
		n.log.Error("another broker's network connection is refused", "error", err)
	}
	if err == nil {
		n.broker.KnowPeer(info.ID, info.Name)
	}
	return err
}

// Accept begins the direction back to a broker that asks for it. One that the
// same connector of the same broker has had before is ended: its connection is
// dead, though that was not seen here yet.
func (n *Network) Accept(info *openwire.BrokerInfo, w Wire) (*Reverse, error) {
	config, err := decodeProperties(info.NetworkProperties)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	config.Duplex, config.UserName, config.Password = false, "", ""
	r := &Reverse{wire: w, began: time.Now(), done: make(chan struct{})}
	r.bridge = n.newBridge(n.ctx, config, w, info, true)
	var old []*Reverse
	n.mu.Lock()
	if n.stopped {
		n.mu.Unlock()
		return nil, errStopped
	}
	for o := range n.reverse {
		if o.bridge.config.Name == config.Name && o.bridge.remote.Name == info.Name {
			old = append(old, o)
		}
	}
	n.reverse[r] = true
	n.mu.Unlock()
	n.work.Go(func() {
		for _, o := range old {
			n.log.Warn("an earlier duplex connection of the same connector is ended", "connector", config.Name, "remote broker", info.Name)
			o.bridge.fail(errors.New("the connector has connected again"))
			if e, ok := o.wire.(interface{ End(error) }); ok {
				e.End(errStopped)
			}
			<-o.done
		}
		r.run()
		n.mu.Lock()
		delete(n.reverse, r)
		n.mu.Unlock()
		close(r.done)
	})
	return r, nil
}

func (r *Reverse) run() {
	b := r.bridge
	err := b.begin()
	if err == nil {
		b.log.Info("rear end of a duplex network connection is started", "at", b.net.address(r.wire))
		err = b.wait()
	}
	b.fail(err)
	if !errors.Is(err, errStopped) {
		b.log.Info("rear end of a duplex network connection has ended", "reason", err)
		if e, ok := r.wire.(interface{ End(error) }); ok {
			e.End(err) // the other broker makes another
		}
	}
	b.end()
}

// Take is given a command of the other broker's by the connection's reader; it
// reports false where that is an ordinary client's.
func (r *Reverse) Take(command any) (bool, error) {
	switch c := command.(type) {
	case *message.Message:
		if !interpreted(c) {
			return false, nil
		}
		return true, r.bridge.command(c)
	case *message.Delivery, *openwire.BrokerSubscriptionInfo:
		return true, r.bridge.command(c)
	}
	return false, nil
}

// Close ends the direction; the connection may go on. It waits.
func (r *Reverse) Close() {
	r.bridge.fail(errStopped)
	<-r.done
}

func (r *Reverse) status() Status {
	b := r.bridge
	s := Status{
		Connector: b.config.Name, State: Bridged, Since: r.began, Duplex: true, CreatedByDuplex: true,
		RemoteAddress: b.net.address(r.wire), Tries: 1, Bridges: 1,
	}
	b.describe(&s)
	var t totals
	t.add(&b.counters)
	s.count(&t)
	return s
}

// Subscriptions is what a broker is told that asks for durable subscriptions to
// be synchronized; nil if it does not.
func (n *Network) Subscriptions(info *openwire.BrokerInfo) *openwire.BrokerSubscriptionInfo {
	config, err := decodeProperties(info.NetworkProperties)
	if err != nil || !config.SyncDurableSubs {
		return nil
	}
	return n.subscriptions(&config)
}
