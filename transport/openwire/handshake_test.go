package openwire

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	codec "github.com/conclavemq/conclave/openwire"
)

func TestHandshakeInEveryVersionAndEncoding(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	for version := range int32(codec.MaxVersion) {
		for _, tight := range []bool{false, true} {
			for _, cache := range []bool{false, true} {
				t.Run(fmt.Sprintf("v%d tight=%t cache=%t", version+1, tight, cache), func(t *testing.T) {
					p := s.dial()
					p.t = t
					offer := codec.DefaultWireFormatInfo()
					offer.Version, offer.TightEncodingEnabled, offer.CacheEnabled = version+1, tight, cache
					info := p.handshake(offer)
					require.Equal(t, &codec.BrokerInfo{ID: "ID:test", Name: "test", URL: "tcp://test:1"}, info)
					require.Equal(t, codec.Format{Version: int(version + 1), Tight: tight, Cache: cache, CacheSize: 1024,
						StackTrace: true, TCPNoDelay: true, MaxFrameSize: math.MaxInt64, MaxInactivityMS: 30000,
						MaxInactivityInitialDelayMS: 10000}, p.format)
					p.ok(&message.ConnectionInfo{ID: "c"})
					p.ok(&message.SessionInfo{ID: message.SessionID{Connection: "c", Value: 1}})
					p.ok(text("hello"))
				})
			}
		}
	}
}

func text(s string) *message.Message {
	return &message.Message{Body: message.Text, Persistent: true, Priority: 4,
		ID:       message.MessageID{Producer: producer, ProducerSequence: 1},
		Producer: producer, Destination: message.NewQueue("Q"), Content: []byte(s)}
}

var (
	sessionID = message.SessionID{Connection: "c", Value: 1}
	producer  = message.ProducerID{Connection: "c", Session: 1, Value: 1}
	consumer  = message.ConsumerID{Connection: "c", Session: 1, Value: 1}
)

func TestBrokerOffersWhatItsURISays(t *testing.T) {
	s := serve(t, &fakeBroker{}, "wireFormat.maxFrameSize=104857600&wireFormat.tightEncodingEnabled=false&wireFormat.cacheSize=8"+
		"&wireFormat.maxInactivityDuration=5000&wireFormat.maxInactivityDurationInitalDelay=50&wireFormat.host=h&wireFormat.version=11",
		func(o *Options) { o.ProviderVersion = "1.2" })
	offer := expect[*codec.WireFormatInfo](s.dial())
	require.Equal(t, &codec.WireFormatInfo{Version: 11, CacheEnabled: true, CacheSize: 8, StackTraceEnabled: true,
		TCPNoDelayEnabled: true, MaxFrameSize: 104857600, MaxFrameSizeEnabled: true, MaxInactivityMS: 5000,
		MaxInactivityInitialDelayMS: 50, Host: "h", ProviderName: "ActiveMQ", ProviderVersion: "1.2",
		PlatformDetails: "Conclave"}, offer)
}

func TestPeerThatSendsItsWireFormatFirst(t *testing.T) {
	s := serve(t, &fakeBroker{}, "")
	p := s.dial()
	p.write(codec.Header{}, codec.DefaultWireFormatInfo())
	remote := expect[*codec.WireFormatInfo](p)
	format, err := codec.Negotiate(codec.DefaultWireFormatInfo(), remote)
	require.NoError(t, err)
	p.enc, p.dec = codec.NewEncoder(format), codec.NewDecoder(format)
	expect[*codec.BrokerInfo](p)
	p.ok(&message.ConnectionInfo{ID: "c"})
}

func TestWireFormatCanBeAgreedAgain(t *testing.T) {
	p := serve(t, &fakeBroker{}, "").connected()
	offer := codec.DefaultWireFormatInfo()
	p.write(codec.Header{}, offer)
	p.enc = codec.NewEncoder(p.format)
	p.dec = codec.NewDecoder(p.format)
	p.ok(&message.SessionInfo{ID: sessionID})
}

func TestHandshakeThatFailsEndsTheConnection(t *testing.T) {
	for name, test := range map[string]struct {
		query string
		send  func(p *peer)
		says  string
	}{
		"version 0":     {"", func(p *peer) { p.write(codec.Header{}, &codec.WireFormatInfo{Version: -1}) }, "lower than the minimum version required (1)"},
		"older":         {"minmumWireFormatVersion=10", func(p *peer) { p.write(codec.Header{}, &codec.WireFormatInfo{Version: 9}) }, "lower than the minimum version required (10)"},
		"command first": {"", func(p *peer) { p.oneway(&message.ConnectionInfo{ID: "c"}) }, "came before the wire format"},
		"silence":       {"connectionTimeout=20", func(*peer) {}, "no wire format was received in time"},
		"half a frame":  {"connectionTimeout=20", func(p *peer) { p.socket.Write([]byte{0, 0}) }, "no wire format was received in time"},
		"silent attempt": {"transport.connectAttemptTimeout=20", func(*peer) {},
			"no wire format was received in time"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &fakeBroker{}, test.query)
			p := s.dial()
			test.send(p)
			p.end()
			require.Eventually(t, func() bool { return s.listener.Connections() == 0 }, 5*time.Second, time.Millisecond)
			require.Contains(t, s.log.String(), test.says)
			require.Contains(t, s.log.String(), "peer=tcp://127.0.0.1:")
		})
	}
}

func TestClientOfVersionTwoIsAMasterOfItself(t *testing.T) {
	b := &fakeBroker{}
	p := serve(t, b, "").dial()
	offer := codec.DefaultWireFormatInfo()
	offer.Version = 2
	p.handshake(offer)
	p.ok(&message.ConnectionInfo{ID: "c"})
	require.True(t, b.infos[0].ClientMaster)
	require.Equal(t, "tcp://"+p.socket.LocalAddr().String(), b.infos[0].ClientIP)
}

func TestRefusedConnectionMayReadWhyAndIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &fakeBroker{connectErr: errInvalidClientID}
		p, written, ended := run(t, b, "")
		p.handshake(codec.DefaultWireFormatInfo())
		refusal := p.refused(&message.ConnectionInfo{ID: "c", ClientID: "taken"})
		require.Equal(t, &message.Throwable{Class: "javax.jms.InvalidClientIDException", Message: errInvalidClientID.Error()}, refusal)
		start := time.Now()
		require.Empty(t, p.end())
		<-ended
		require.Equal(t, lastWords, time.Since(start))
		require.Contains(t, written.String(), "failed to add connection")
		require.NotContains(t, b.called(), "close")
	})
}
