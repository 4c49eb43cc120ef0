package client

import (
	"errors"

	"github.com/conclavemq/conclave/message"
)

// What a caller may test for with errors.Is.
var (
	// ErrClosed: the connection, session, producer or consumer was closed here.
	ErrClosed = errors.New("closed")
	// ErrConnectionLost: the connection ended and is not made again.
	ErrConnectionLost = errors.New("connection lost")
	// ErrRolledBack: the transaction could not be completed across a failover.
	// None of it took effect, unless the lost broker got as far as committing
	// and its answer alone is missing. (JMS: TransactionRolledBackException)
	ErrRolledBack = errors.New("transaction rolled back")
	// ErrNotTransacted: Commit or Rollback on a session without transactions.
	ErrNotTransacted = errors.New("session is not transacted")
	// ErrUnsupportedOption: a URL names an option or scheme that this client
	// does not have.
	ErrUnsupportedOption = errors.New("not supported")
	// ErrProtocol: the peer does not speak OpenWire or breaks its rules.
	ErrProtocol = errors.New("protocol error")
)

// RemoteError is an exception that the broker answered with.
type RemoteError struct {
	Class   string // Java class, such as "javax.jms.InvalidDestinationException"
	Message string
}

// Error gives "class: message".
func (e *RemoteError) Error() string {
	if e.Message == "" {
		return e.Class
	}
	return e.Class + ": " + e.Message
}

func remoteError(t *message.Throwable) error {
	if t == nil {
		return &RemoteError{Class: "java.lang.Exception"}
	}
	return &RemoteError{Class: t.Class, Message: t.Message}
}
