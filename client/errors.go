package client

import (
	"errors"
	"strconv"
	"strings"

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
	// ErrSendTimeout: no broker has served for the time that the failover option
	// timeout allows a send. Whether one that was under way took effect is not
	// known. (ActiveMQ: "Failover timeout of … reached")
	ErrSendTimeout = errors.New("no broker has served for the failover timeout")
	// ErrNotTransacted: Commit or Rollback on a session without transactions.
	ErrNotTransacted = errors.New("session is not transacted")
	// ErrNoBranch: a session of distributed transactions sends, receives, or
	// ends a branch without having started one.
	ErrNoBranch = errors.New("no branch of a distributed transaction")
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

// XACode is the error code of an XAException, such as -4 for a branch that the
// broker does not know (XAER_NOTA); 0 if there is none.
func (e *RemoteError) XACode() int {
	_, code, ok := strings.Cut(e.Message, "xaErrorCode:")
	if !ok {
		return 0
	}
	end := 0
	for end < len(code) && (code[end] == '-' && end == 0 || code[end] >= '0' && code[end] <= '9') {
		end++
	}
	n, err := strconv.Atoi(code[:end])
	if err != nil {
		return 0
	}
	return n
}

func remoteError(t *message.Throwable) error {
	if t == nil {
		return &RemoteError{Class: "java.lang.Exception"}
	}
	return &RemoteError{Class: t.Class, Message: t.Message}
}
