package openwire

import (
	"context"
	"fmt"
	"sync"

	codec "github.com/conclavemq/conclave/openwire"
)

// Bridges is asked about brokers that connect to this one.
type Bridges interface {
	// Check refuses a broker, such as one of this one's name.
	Check(*codec.BrokerInfo) error
	// Subscriptions is what the broker is told of durable subscriptions; nil is
	// nothing.
	Subscriptions(*codec.BrokerInfo) *codec.BrokerSubscriptionInfo
	// Duplex begins the direction from here to a broker that asks for it.
	Duplex(*codec.BrokerInfo, *Far) (Reverse, error)
}

// Reverse is the direction of a duplex bridge from here to the broker that has
// made the connection.
type Reverse interface {
	// Take is given commands by the connection's reader; false says that it is
	// an ordinary client's.
	Take(command any) (bool, error)
	// Close ends it, and waits.
	Close()
}

// onBrokerInfo remembers that the peer is a broker. (ActiveMQ:
// TransportConnection.processBrokerInfo)
func (s *session) onBrokerInfo(h codec.Header, info *codec.BrokerInfo) error {
	if s.bridge != nil {
		return fmt.Errorf("unexpected extra broker info command received from: %s", info.ID)
	}
	if info.Slave {
		return fmt.Errorf("slave brokers of that kind are not supported; slave trying to attach is: %s", info.Name)
	}
	s.bridge = info
	s.updates.Store(false) // a bridge is to stay with this broker
	for _, m := range s.roster.members {
		m.FromBroker(info.Name)
	}
	all := s.protocol.options.Bridges
	if all == nil && info.DuplexConnection {
		s.log.Warn("the bridge's duplex direction is not served; it works one way", "broker", info.Name)
	}
	if all != nil && info.NetworkConnection {
		if err := s.beginBridge(all, info); err != nil {
			s.serviceFailure(err)
			s.lastWords()
			return nil
		}
	}
	s.reply(h, nil)
	return nil
}

func (s *session) beginBridge(all Bridges, info *codec.BrokerInfo) error {
	if err := all.Check(info); err != nil {
		return err
	}
	if x := all.Subscriptions(info); x != nil && s.format.Version >= durableSyncSince {
		s.send(x)
	}
	if !info.DuplexConnection {
		return nil
	}
	s.far = &Far{session: s, pending: map[int32]func(any, error){}}
	reverse, err := all.Duplex(info, s.far)
	s.reverse = reverse
	s.decoder.ReuseAcks(false)
	return err
}

// durableSyncSince is the version that has BrokerSubscriptionInfo.
const durableSyncSince = 12

// forBridge gives a command to the direction back, if it is for that.
func (s *session) forBridge(command any) (bool, error) {
	if s.reverse == nil {
		return false, nil
	}
	switch c := command.(type) {
	case *codec.Response:
		s.far.answer(c.CorrelationID, nil, nil)
		return true, nil
	case *codec.ExceptionResponse:
		s.far.answer(c.CorrelationID, nil, exceptionError(c.Exception))
		return true, nil
	}
	return s.reverse.Take(command)
}

// endBridge ends the direction back when the session has.
func (s *session) endBridge() {
	if s.far != nil {
		s.far.fail()
	}
	if s.reverse != nil {
		s.reverse.Close()
	}
}

// Far is the broker at the other end of a connection that it has made, for
// commands to it.
type Far struct {
	session *session

	mu      sync.Mutex
	last    int32                      // mu; command id
	pending map[int32]func(any, error) // mu; nil after the end
}

// Request sends a command; done is called once with the answer, or when the
// session has ended.
func (f *Far) Request(_ context.Context, command any, done func(any, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending == nil {
		return errFinished
	}
	f.last++
	f.pending[f.last] = done
	f.session.push(&entry{kind: aNumbered, correlation: f.last, command: command})
	return nil
}

// Post sends a command that has no answer.
func (f *Far) Post(_ context.Context, command any) error { return f.Push(command) }

// Push is Post.
func (f *Far) Push(command any) error {
	select {
	case <-f.session.ended:
		return errFinished
	default:
	}
	f.session.send(command)
	return nil
}

// Version is that of OpenWire.
func (f *Far) Version() int32 { return int32(f.session.format.Version) }

// Done is closed when the session has ended, Err then says why.
func (f *Far) Done() <-chan struct{} { return f.session.ended }

// Err is why the session has ended.
func (f *Far) Err() error {
	<-f.session.ended
	return f.session.cause
}

// Endpoint is the peer's address.
func (f *Far) Endpoint() string { return f.session.peer }

// End ends the session.
func (f *Far) End(err error) { f.session.end(err) }

func (f *Far) answer(id int32, result any, err error) {
	f.mu.Lock()
	done := f.pending[id]
	delete(f.pending, id)
	f.mu.Unlock()
	if done != nil {
		done(result, err)
	}
}

func (f *Far) fail() {
	f.mu.Lock()
	pending := f.pending
	f.pending = nil
	f.mu.Unlock()
	for _, done := range pending {
		done(nil, errFinished)
	}
}
