package broker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Connection is one client's connection. It is driven by one reader: its
// methods are called one at a time, except Close. The done functions are
// called exactly once, before the method returns or later on the store's
// goroutine; they never block.
type Connection struct {
	b    *Broker
	info message.ConnectionInfo
	peer Peer
	// steals: its connector allows link stealing.
	steals bool
	// bridges: it is the local end of a bridge; see Broker.ConnectBridge.
	bridges bool
	source  atomic.Pointer[string] // name of the broker at the far end, of a network connection; see FromBroker

	interrupt context.CancelFunc // ends what blocks in Send
	life      context.Context    // ended by interrupt; merged caches it joined to the caller's
	closing   sync.Once
	gone      chan struct{} // closed when Close is complete
	spill     spill         // sends that wait for the store
	batches   atomic.Bool   // it acknowledges several messages at once; see Trickle
	open      atomic.Int32  // local transactions
	retired   atomic.Bool   // see Retire
	branched  atomic.Bool   // it has begun an XA branch
	sentAway  atomic.Bool   // it is to connect again; see outOfStep
	left      atomic.Bool   // its client has ended it; see Leave

	// mu is held throughout each method.
	mu           sync.Mutex
	closed       bool
	native       bool // what its client has ever had open began here, or is known here; fixed
	sessions     map[message.SessionID]*session
	producers    map[message.ProducerID]*producer
	consumers    map[message.ConsumerID]subscription
	transactions map[message.TransactionID]*transaction
	resumed      bool // the client has failed over and has done nothing yet but restore what it had
	sends        bool // it has sent outside of transactions: producers that come now have not been elsewhere
	temporary    map[message.Destination]bool
	temporaries  peak                        // of temporary
	aborted      map[message.ConsumerID]bool // consumers that were ended for being slow, and that the client has not removed; nil none
	parent       context.Context             // of joined
	joined       context.Context
}

// session groups producers and consumers.
type session struct {
	producers map[message.ProducerID]bool
	consumers map[message.ConsumerID]bool
}

// Bounds of one connection.
const (
	maxPerConnection = 100_000 // sessions, producers, consumers, temporary destinations
	maxTransactions  = 10_000
)

// Connect begins a connection. A connection with the same id, which the
// client has left without this broker having noticed, is ended first.
// (ActiveMQ: TransportConnection.processAddConnection,
// RegionBroker.addConnection)
func (b *Broker) Connect(info *message.ConnectionInfo, peer Peer) (*Connection, error) {
	return b.connect(info, peer, false, false)
}

// Steal is Connect for a connector that lets a new connection with a client id
// end the old one, and a new durable subscriber the old one, instead of being
// refused. (ActiveMQ: allowLinkStealing)
func (b *Broker) Steal(info *message.ConnectionInfo, peer Peer) (*Connection, error) {
	return b.connect(info, peer, true, false)
}

func (b *Broker) connect(info *message.ConnectionInfo, peer Peer, steals, bridges bool) (*Connection, error) {
	if info.ClientID == "" {
		return nil, failure(ErrInvalidClientID, "No clientID specified for connection request")
	}
	if info.ID == "" {
		return nil, failure(ErrUnknownConnection, "No connection id specified for connection request")
	}
	c := &Connection{
		b: b, info: *info, peer: peer, steals: steals, bridges: bridges,
		gone:         make(chan struct{}),
		sessions:     map[message.SessionID]*session{},
		producers:    map[message.ProducerID]*producer{},
		consumers:    map[message.ConsumerID]subscription{},
		transactions: map[message.TransactionID]*transaction{},
		temporary:    map[message.Destination]bool{},
	}
	c.info.Password = ""
	c.resumed = info.FailoverReconnect
	c.life, c.interrupt = context.WithCancel(context.Background())
	c.spill.b, c.spill.left = b, &c.left
	// Clients use session -1 for the connection's own consumers without
	// having announced it.
	c.sessions[message.SessionID{Connection: info.ID, Value: -1}] = newSession()
	for waited := false; ; {
		old, err := b.register(c)
		if old != nil && err != nil && !waited {
			waited = true
			old.departs(departureTime)
			continue
		}
		if err != nil {
			c.interrupt()
			return nil, err
		}
		if old == nil {
			break
		}
		old.peer.Fail(failure(ErrClosed, "Connection %s taken over by its client", old.info.ID))
		old.Close()
		<-old.gone
	}
	c.mu.Lock()
	c.native = !info.FailoverReconnect || b.natives.has(digestOf(string(info.ID)))
	c.mu.Unlock()
	b.advise.connection(&c.info)
	return c, nil
}

func newSession() *session {
	return &session{map[message.ProducerID]bool{}, map[message.ConsumerID]bool{}}
}

// departureTime is how long a connection waits for another one with its client id
// to end before it is refused. A client whose process has died, or that
// restarts, may come back before the end of its old socket has been seen; in
// ActiveMQ it is refused then.
const departureTime = 250 * time.Millisecond

// departs waits until c has ended, at most for limit.
func (c *Connection) departs(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-c.b.quiet:
	case <-timer.C:
	}
}

// register enters c, or returns the connection that has to be ended first; with
// an error, the one that is in the way.
func (b *Broker) register(c *Connection) (old *Connection, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if old := b.connections[c.info.ID]; old != nil {
		return old, nil
	}
	if old := b.clients[c.info.ClientID]; old != nil {
		if c.steals {
			b.log.Warn("stealing link for client id", "client id", c.info.ClientID, "from", old.info.ClientIP)
			return old, nil
		}
		return old, failure(ErrInvalidClientID, "Broker: %s - Client: %s already connected from %s", b.name, c.info.ClientID, old.info.ClientIP)
	}
	b.connections[c.info.ID] = c
	b.clients[c.info.ClientID] = c
	return nil, nil
}

// usable refuses work on a connection or broker that is over. c.mu is held.
func (c *Connection) usable() error {
	if c.closed || c.b.stopping.Load() {
		return ErrClosed
	}
	return nil
}

// merged joins ctx to the life of the connection. The caller passes the same
// ctx each time, so that this is made once.
func (c *Connection) merged(ctx context.Context) context.Context {
	if c.parent != ctx {
		joined, cancel := context.WithCancel(ctx)
		context.AfterFunc(c.life, cancel)
		c.parent, c.joined = ctx, joined
	}
	return c.joined
}

// settle waits until no method is at work, and lets none block.
func (c *Connection) settle() {
	c.interrupt()
	c.spill.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
}

// AddSession announces a session; a repeated announcement does nothing.
func (c *Connection) AddSession(info *message.SessionInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if c.sessions[info.ID] != nil {
		return nil
	}
	c.b.events.session("Adding", info.ID)
	if len(c.sessions) >= maxPerConnection {
		return failure(ErrLimit, "Can't add session on connection %s: at maximum limit: %d", c.info.ID, maxPerConnection)
	}
	c.sessions[info.ID] = newSession()
	return nil
}

// RemoveSession ends a session with its producers and consumers.
func (c *Connection) RemoveSession(id message.SessionID, lastDelivered int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	s := c.sessions[id]
	if s == nil {
		return failure(ErrUnknownSession, "Cannot remove session that had not been registered: %s", id)
	}
	c.b.events.session("Removing", id)
	c.dropSession(id, s, lastDelivered, false)
	return nil
}

// dropSession forgets a session. c.mu is held.
func (c *Connection) dropSession(id message.SessionID, s *session, lastDelivered int64, lost bool) {
	for consumer := range s.consumers {
		c.dropConsumer(consumer, lastDelivered)
	}
	for producer := range s.producers {
		c.dropProducer(producer, lost)
	}
	delete(c.sessions, id)
}

// Acknowledge takes an acknowledgement. done is called when it is safe, if a
// response is required, or else when it has been accepted. One that nobody
// waits for, of a consumer that has gone meanwhile, acknowledges nothing and
// is no error. (ActiveMQ: TransportConnection.processMessageAck)
func (c *Connection) Acknowledge(a *message.Ack, responseRequired bool, done func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		done(err)
		return
	}
	c.b.events.acknowledged(a)
	if a.Count > 1 && a.Type == message.StandardAck && !c.batches.Load() {
		c.batches.Store(true)
	}
	if a.Type != message.DeliveredAck {
		c.resumed = false
	}
	s := c.consumers[a.Consumer]
	var t *transaction
	err := error(nil)
	if s == nil {
		err = failure(ErrUnknownConsumer, "The subscription does not exist: %s", a.Consumer)
	}
	if !a.Transaction.IsZero() {
		inTransaction, unknown := c.transaction(a.Transaction)
		if t = inTransaction; unknown != nil {
			err = unknown
		}
	}
	if t != nil && !responseRequired {
		waiting := done
		done = func(err error) {
			if err != nil {
				t.fail(err)
			}
			waiting(err)
		}
	}
	if err != nil {
		if t == nil && s == nil && (c.aborted[a.Consumer] || !responseRequired) {
			err = nil // its messages have gone back
		}
		done(err)
		return
	}
	s.acknowledge(t, a, responseRequired, done)
}

// Leave is Close as the client asks for it. What still waits for memory or the
// store ends with ErrAborted: the client, which waits for the end of its
// connection, is not to lose it meanwhile. (ActiveMQ has it wait behind what
// waits, until its closeTimeout)
func (c *Connection) Leave() {
	c.left.Store(true)
	c.Close()
}

// ousted is the outcome of what waited when the connection ended.
func (b *Broker) ousted(left *atomic.Bool) error {
	if left.Load() && !b.stopping.Load() {
		return failure(ErrAborted, "Connection closed, send aborted.")
	}
	return ErrClosed
}

// Close ends the connection like that of a vanished client: what it had in
// flight goes back to its destinations, its transactions are rolled back
// unless prepared, its temporary destinations are deleted. It returns when
// that has happened.
func (c *Connection) Close() {
	c.closing.Do(func() {
		c.interrupt()
		c.mu.Lock()
		c.closed = true
		c.b.flow.forget(c)
		c.cleanUp()
		if c.native && c.info.FaultTolerant && !c.left.Load() {
			c.b.natives.add(digestOf(string(c.info.ID))) // it may be back
		}
		c.mu.Unlock()
		c.b.unregister(c)
		close(c.gone)
	})
	<-c.gone
}

// cleanUp gives back what the connection had. c.mu is held.
func (c *Connection) cleanUp() {
	for id, s := range c.sessions {
		c.dropSession(id, s, message.LastDeliveredUnknown, true)
	}
	for id, t := range c.transactions {
		delete(c.transactions, id)
		t.rollback(nil)
	}
	for _, t := range c.b.branches.abandoned(c) {
		t.rollback(nil)
	}
	for dest := range c.temporary {
		c.dropTemporary(dest)
	}
}

func (b *Broker) unregister(c *Connection) {
	b.mu.Lock()
	if b.connections[c.info.ID] == c {
		delete(b.connections, c.info.ID)
	}
	if b.clients[c.info.ClientID] == c {
		delete(b.clients, c.info.ClientID)
	}
	b.mu.Unlock()
	b.advise.connectionGone(&c.info)
}
