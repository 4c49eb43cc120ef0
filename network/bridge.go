package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
)

// bridge passes messages on from this broker to another, for which there is
// demand there. It is a consumer here and a producer there. One is used once:
// after a fault another is made. (ActiveMQ: DemandForwardingBridgeSupport,
// ConduitBridge, DurableConduitBridge)
type bridge struct {
	net     *Network
	config  Configuration // never changes after start
	log     *slog.Logger
	remote  *openwire.BrokerInfo
	wire    Wire
	reverse bool // the rear end of a duplex bridge that the other broker has made

	local    *broker.Connection
	session  message.SessionID
	clientID string // of local
	serial   int64  // of the consumer made last; changing

	producer message.ProducerID // there
	listener message.ConsumerID // there, of advisories
	heard    int                // advisories not acknowledged yet; the wire's reader's
	peer     broker.PeerBroker
	told     bool // the broker knows of the bridge

	ctx    context.Context // ends with the bridge
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	counters
	trouble atomic.Pointer[trouble] // the last that did not end it
	inbox   inbox                   // deliveries
	chore   chore                   // removals that wait

	// changing is held while demand changes; before mu.
	changing sync.Mutex

	mu      sync.Mutex
	demands demands // mu
}

// counters are what status shows.
type counters struct {
	enqueues, dequeues, received, failed atomic.Int64
}

// handshakeTime bounds each step of a bridge's beginning. (ActiveMQ:
// connectionTimeout)
const handshakeTime = 30 * time.Second

func (n *Network) newBridge(ctx context.Context, config Configuration, wire Wire, remote *openwire.BrokerInfo, reverse bool) *bridge {
	b := &bridge{net: n, config: config, wire: wire, remote: remote, reverse: reverse, demands: newDemands()}
	b.config.BrokerName = n.broker.Name()
	b.log = n.log.With("bridge", config.Name, "remote broker", remote.Name)
	b.ctx, b.cancel = context.WithCancelCause(ctx)
	b.inbox.init()
	b.chore.init()
	return b
}

// check refuses a peer that no bridge can be made with.
func (n *Network) check(remote *openwire.BrokerInfo) error {
	switch {
	case remote.ID == "" || remote.Name == "":
		return fmt.Errorf("%w: its BrokerInfo names no broker", ErrProtocol)
	case remote.ID == n.broker.ID():
		return ErrSelf
	case remote.Name == n.broker.Name():
		return fmt.Errorf("%w: %q is %s and %s", ErrSameName, remote.Name, n.broker.ID(), remote.ID)
	}
	return nil
}

// begin starts both ends. (ActiveMQ: doStartLocalAndRemoteBridges)
func (b *bridge) begin() error {
	b.net.broker.KnowPeer(b.remote.ID, b.remote.Name)
	if err := b.beginLocal(); err != nil {
		return fmt.Errorf("local end: %w", err)
	}
	b.work.Go(b.forward)
	b.work.Go(b.chores)
	if err := b.beginRemote(); err != nil {
		return err
	}
	b.peer = broker.PeerBroker{ID: b.remote.ID, Name: b.remote.Name, URL: b.remote.URL, Info: b.remote}
	b.net.broker.BridgeStarted(b.peer, b.reverse, b.net.address(b.wire))
	b.told = true
	b.addStatic()
	return nil
}

// beginLocal is a connection on this broker. (ActiveMQ: startLocalBridge)
func (b *bridge) beginLocal() error {
	t := b.config.ClientIDToken
	b.clientID = b.config.Name + t + b.remote.Name + t + "inbound" + t + b.config.BrokerName
	id := b.net.connectionID(b.remote.Name)
	c, err := b.net.broker.ConnectBridge(&message.ConnectionInfo{
		ID: id, ClientID: b.clientID, UserName: b.config.UserName, Password: b.config.Password, ClientIP: b.net.address(b.wire),
	}, (*localPeer)(b))
	if err != nil {
		return err
	}
	b.local, b.session = c, message.SessionID{Connection: id, Value: 1}
	return c.AddSession(&message.SessionInfo{ID: b.session})
}

// beginRemote introduces this broker and listens to the other's demand. On a
// duplex connection ActiveMQ does not answer; what it refuses ends the
// connection. (ActiveMQ: startRemoteBridge)
func (b *bridge) beginRemote() error {
	c := &b.config
	if !b.reverse {
		if err := b.wire.Post(b.ctx, b.introduction()); err != nil {
			return err
		}
		if c.SyncDurableSubs && b.wire.Version() >= durableSyncVersion {
			if err := b.wire.Post(b.ctx, b.net.subscriptions(c)); err != nil {
				return err
			}
		}
	}
	user, password := c.RemoteUserName, c.RemotePassword
	if user == "" {
		user, password = c.UserName, c.Password
	}
	id := b.net.connectionID(b.remote.Name)
	session := message.SessionID{Connection: id, Value: 1}
	b.producer = message.ProducerID{Connection: id, Session: 1, Value: 1}
	commands := []any{
		&message.ConnectionInfo{ID: id, ClientID: c.Name + c.ClientIDToken + c.BrokerName + c.ClientIDToken + "outbound", UserName: user, Password: password},
		&message.SessionInfo{ID: session},
		&message.ProducerInfo{ID: b.producer},
	}
	if !c.StaticBridge {
		b.listener = message.ConsumerID{Connection: id, Session: 1, Value: 1}
		info := &message.ConsumerInfo{ID: b.listener, DispatchAsync: true, Destination: c.advisories()}
		info.PrefetchSize = b.prefetch(info.Destination)
		commands = append(commands, info)
	}
	if b.reverse || c.Duplex {
		return b.postAll(commands)
	}
	return b.requestAll(commands)
}

func (b *bridge) postAll(commands []any) error {
	for _, command := range commands {
		if err := b.wire.Post(b.ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// requestAll sends commands at once and waits until all are answered.
func (b *bridge) requestAll(commands []any) error {
	ctx, cancel := context.WithTimeoutCause(b.ctx, handshakeTime, ErrHandshake)
	defer cancel()
	answers := make(chan error, len(commands))
	for _, command := range commands {
		if err := b.wire.Request(ctx, command, func(_ any, err error) { answers <- err }); err != nil {
			return err
		}
	}
	for range commands {
		select {
		case err := <-answers:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// introduction tells the other broker what this is. (ActiveMQ: BrokerInfo,
// networkProperties)
func (b *bridge) introduction() *openwire.BrokerInfo {
	return &openwire.BrokerInfo{
		ID: b.net.broker.ID(), Name: b.config.BrokerName, URL: b.config.BrokerURL,
		NetworkConnection: true, DuplexConnection: b.config.Duplex, NetworkProperties: b.config.encodeProperties(),
	}
}

func (b *bridge) prefetch(d message.Destination) int32 {
	if b.config.AdvisoryPrefetchSize > 0 && d.Parts()[0].IsAdvisory() {
		return int32(b.config.AdvisoryPrefetchSize)
	}
	return int32(b.config.PrefetchSize)
}

// fail ends the bridge; the first reason counts. It does not wait. That the
// connection is lost is known better where it is.
func (b *bridge) fail(err error) {
	if !errors.Is(err, client.ErrConnectionLost) {
		b.cancel(err)
	}
}

// wait returns why the bridge has ended.
func (b *bridge) wait() error {
	select {
	case <-b.wire.Done():
		b.cancel(b.wire.Err())
	case <-b.ctx.Done():
	}
	return context.Cause(b.ctx)
}

// end takes the local end down. What was sent and not answered stays here; it
// is sent again, and recognised there. The wire must have ended, or nothing
// must come from it any more.
func (b *bridge) end() {
	b.fail(errStopped)
	b.inbox.close()
	b.chore.close()
	b.work.Wait()
	b.net.shared.abandon(b)
	b.mu.Lock()
	list := b.demands.byLocal
	b.demands = newDemands()
	b.mu.Unlock()
	for id, d := range list {
		b.net.shared.remove(d)
		// What was sent may have been seen by an application there.
		if err := b.local.RemoveConsumer(id, d.last); err != nil && !errors.Is(err, broker.ErrClosed) {
			b.log.Debug("cannot remove a consumer of the bridge", "consumer", id.String(), "error", err)
		}
	}
	if b.local != nil {
		b.local.Close()
	}
	if b.told {
		b.told = false
		b.net.broker.BridgeStopped(b.peer)
	}
}
