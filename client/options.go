package client

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/conclavemq/conclave/message"
)

// Options of a connection. The zero value suits. What the URL says goes before
// what is said here; the name of the URL's option stands beside each.
type Options struct {
	UserName string // jms.userName
	Password string // jms.password
	ClientID string // jms.clientID; "" lets the client make one
	// ClientIDPrefix and ConnectionIDPrefix begin the identifiers that the
	// client makes; "" is "ID:host". (jms.clientIDPrefix,
	// jms.connectionIDPrefix)
	ClientIDPrefix, ConnectionIDPrefix string

	// Of all producers.

	// AsyncSend makes Send of a persistent message return without the broker's
	// answer. (jms.useAsyncSend)
	AsyncSend bool
	// SyncSend makes Send of every message wait for the broker's answer.
	// (jms.alwaysSyncSend)
	SyncSend bool
	// SendTimeout bounds the wait for a broker's answer to a message; 0: no
	// bound but the context's. (jms.sendTimeout)
	SendTimeout time.Duration
	// Compression deflates bodies. (jms.useCompression)
	Compression bool
	// ProducerWindow is the window of producers that name none. Bytes.
	// (jms.producerWindowSize)
	ProducerWindow int32
	// NoTimestamps leaves out the time of sending.
	// (jms.disableTimeStampsByDefault)
	NoTimestamps bool
	// ShareContent lets the client keep a message's body for a repetition
	// without copying it; the caller does not write to it again.
	// (jms.copyMessageOnSend=false)
	ShareContent bool

	// Of all consumers.

	Prefetch   Prefetch         // jms.prefetchPolicy.*
	Redelivery RedeliveryPolicy // jms.redeliveryPolicy.*
	// RedeliveryFor gives the policy for a destination, nil for Redelivery's.
	// May be nil. (ActiveMQ: RedeliveryPolicyMap)
	RedeliveryFor func(message.Destination) *RedeliveryPolicy
	// NonBlockingRedelivery lets other messages pass those that wait to be
	// repeated. (jms.nonBlockingRedelivery)
	NonBlockingRedelivery bool
	// PendingMessageLimit is how many messages a broker keeps for a slow topic
	// consumer; 0: the broker's. (jms.prefetchPolicy.maximumPendingMessageLimit)
	PendingMessageLimit int32

	Exclusive    bool // every consumer is exclusive (jms.exclusiveConsumer)
	Retroactive  bool // every consumer is retroactive (jms.useRetroactiveConsumer)
	SyncDispatch bool // the broker delivers on the sender's thread (jms.dispatchAsync=false)

	// OptimizeAcknowledge makes AutoAcknowledge acknowledge in batches: at 65 %
	// of the prefetch, or with the message after OptimizeAcknowledgeTimeout has
	// passed (0: 300 ms, negative: never). (jms.optimizeAcknowledge,
	// jms.optimizeAcknowledgeTimeOut)
	OptimizeAcknowledge        bool
	OptimizeAcknowledgeTimeout time.Duration
	// SyncAcks waits for the broker's answer to acknowledgements.
	// (jms.sendAcksAsync=false)
	SyncAcks bool
	// TransactedIndividualAck acknowledges each message of a transaction as it
	// is given out, not all at its end. (jms.transactedIndividualAck)
	TransactedIndividualAck bool
	// PriorityOrder gives out what was prefetched by priority.
	// (jms.messagePrioritySupported)
	PriorityOrder bool
	// KeepExpired gives out messages that have expired since the broker sent
	// them. (jms.consumerExpiryCheckEnabled=false)
	KeepExpired bool
	// NoDuplicateCheck gives out again what was acknowledged just before a
	// connection was lost. (jms.checkForDuplicates=false)
	NoDuplicateCheck bool
	// AuditDepth is how many acknowledged messages are remembered for that; 0:
	// 2048. (jms.auditDepth)
	AuditDepth int

	// ConnectResponseTimeout bounds the broker's answer to the client's
	// introduction; 0: no bound but the context's.
	// (jms.connectResponseTimeout)
	ConnectResponseTimeout time.Duration
	// CloseTimeout bounds what Conn.Close waits for the broker's answer; 0: 15
	// s. (jms.closeTimeout)
	CloseTimeout time.Duration

	// TLS is used for ssl: URLs; nil trusts the host's authorities, checks the
	// broker's name and shows no certificate. It is not changed. The URL adds
	// jms.trustStore, jms.keyStore (files in PEM, the latter with certificate
	// and key), socket.enabledProtocols, socket.enabledCipherSuites and
	// socket.verifyHostName.
	TLS *tls.Config

	// OnError is told what a broker reports about commands that wait for no
	// answer, such as asynchronous sends. It is called by the connection's
	// reader and must not block. May be nil. (JMS: ExceptionListener)
	OnError func(error)
	// Transport is told of interruptions, resumptions, the connection's end and
	// every command.
	Transport TransportListener

	// Discover makes the source of addresses for a "discovery:(uri)" URL whose
	// agent is none of static, simple and masterslave, such as
	// "multicast://default"; nil: such URLs are refused.
	Discover func(uri string) (AddressSource, error)

	Log *slog.Logger
	// DialContext opens a network connection; nil is net.Dialer's.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	trustStore, keyStore string // files, by the URL alone
}

// Prefetch is how many messages a broker may send to a consumer before they
// are acknowledged; 0 is the default of each, -1 none. (ActiveMQ:
// ActiveMQPrefetchPolicy)
type Prefetch struct {
	Queue        int32 // jms.prefetchPolicy.queuePrefetch, default 1000
	QueueBrowser int32 // jms.prefetchPolicy.queueBrowserPrefetch, default 500
	Topic        int32 // jms.prefetchPolicy.topicPrefetch, default 32767
	DurableTopic int32 // jms.prefetchPolicy.durableTopicPrefetch, default 100
}

func (p Prefetch) withDefaults() Prefetch {
	return Prefetch{
		Queue:        prefetchOr(p.Queue, 1000),
		QueueBrowser: prefetchOr(p.QueueBrowser, 500),
		Topic:        prefetchOr(p.Topic, 32767),
		DurableTopic: prefetchOr(p.DurableTopic, 100),
	}
}

// prefetchOr maps an option's value to that of the wire.
func prefetchOr(value, byDefault int32) int32 {
	switch {
	case value == 0:
		return byDefault
	case value < 0:
		return 0
	}
	return value
}
