package broker

import (
	"errors"
	"fmt"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// What a client did wrong or cannot have. A transport maps them to the
// exceptions named here; the error that wraps one of them has ActiveMQ's
// wording where clients are known to look at it.
var (
	// ErrInvalidClientID: javax.jms.InvalidClientIDException.
	ErrInvalidClientID = errors.New("invalid client id")
	// ErrInvalidSelector: javax.jms.InvalidSelectorException.
	ErrInvalidSelector = errors.New("invalid selector")
	// ErrMessageFormat: javax.jms.MessageFormatException.
	ErrMessageFormat = errors.New("message property is invalid")
	// ErrInvalidDestination: javax.jms.InvalidDestinationException.
	ErrInvalidDestination = errors.New("invalid destination")
	// ErrUnknownDestination: a temporary destination that is gone; see
	// MissingDestination.
	ErrUnknownDestination = errors.New("destination does not exist")
	// ErrDestinationInUse: javax.jms.JMSException.
	ErrDestinationInUse = errors.New("destination is in use")
	// ErrSubscriptionInUse: javax.jms.JMSException.
	ErrSubscriptionInUse = errors.New("durable subscription is in use")
	// ErrNotAllowed: the configuration refuses it; javax.jms.JMSException.
	ErrNotAllowed = errors.New("not allowed")
	// ErrResourceAllocation: javax.jms.ResourceAllocationException.
	ErrResourceAllocation = errors.New("no space for the message")
	// ErrUnknownConnection, ErrUnknownSession, ErrUnknownProducer and
	// ErrUnknownConsumer: java.lang.IllegalStateException.
	ErrUnknownConnection = errors.New("unknown connection")
	ErrUnknownSession    = errors.New("unknown session")
	ErrUnknownProducer   = errors.New("unknown producer")
	ErrUnknownConsumer   = errors.New("unknown consumer")
	// ErrUnknownSubscription: javax.jms.InvalidDestinationException.
	ErrUnknownSubscription = errors.New("unknown durable subscription")
	// ErrTransaction: javax.jms.JMSException, or XAException where the *Error
	// has a Code.
	ErrTransaction = errors.New("transaction error")
	// ErrRolledBack is wrapped together with ErrTransaction: the commit of a
	// local transaction has become a rollback;
	// javax.jms.TransactionRolledBackException, whose cause is the XAException.
	ErrRolledBack = errors.New("transaction was rolled back")
	// ErrUnknownTransaction is wrapped together with ErrTransaction.
	ErrUnknownTransaction = errors.New("unknown transaction")
	// ErrAcknowledge: an acknowledgement matches nothing that was delivered;
	// javax.jms.JMSException.
	ErrAcknowledge = errors.New("acknowledgement matches no delivered message")
	// ErrOutOfStep: a client that has failed over acknowledges in a way that
	// nobody can know the meaning of; its connection is closed without a word,
	// and it connects again.
	ErrOutOfStep = errors.New("client is out of step")
	// ErrTooSlow: a consumer of the connection was slow for too long; it is
	// closed without a word.
	ErrTooSlow = errors.New("consumer is too slow")
	// ErrSecurity: java.lang.SecurityException.
	ErrSecurity = errors.New("not authorized")
	// ErrLimit: a bound of the broker's is reached; javax.jms.JMSException.
	ErrLimit = errors.New("limit reached")
	// ErrTooManyDestinations: javax.jms.IllegalStateException; wrapped together
	// with ErrLimit.
	ErrTooManyDestinations = errors.New("too many destinations")
	// ErrAborted: the client has ended its connection while this waited for
	// memory or the store; javax.jms.JMSException for whoever waits for the
	// answer, and nothing else.
	ErrAborted = errors.New("connection is closed")
	// ErrClosed: the broker is stopping or the connection is closed; the
	// client gets no answer, its connection is closed.
	ErrClosed = errors.New("broker is stopped")
)

// XA error codes that clients get in a TransactionError. (javax.transaction.xa
// XAException)
const (
	XAErrDuplicate int32 = -8  // XAER_DUPID
	XAErrUnknown   int32 = -4  // XAER_NOTA
	XAErrProtocol  int32 = -6  // XAER_PROTO
	XAErrFailed    int32 = -7  // XAER_RMFAIL
	XAErrBroker    int32 = -3  // XAER_RMERR
	XAErrInvalid   int32 = -5  // XAER_INVAL
	XARetry        int32 = 4   // XA_RETRY
	XARollback     int32 = 100 // XA_RBROLLBACK
	XACommitFailed int32 = 101 // XA_RBCOMMFAIL
	XAVoteOK       int32 = 0   // XA_OK
	XAVoteReadOnly int32 = 3   // XA_RDONLY
)

// Error is one of the sentinels with the text that the client gets.
type Error struct {
	Kind error
	Text string
	// Code is the XA error code, 0 for none: with it the client gets a
	// javax.transaction.xa.XAException.
	Code int32
}

// Error gives the text.
func (e *Error) Error() string { return e.Text }

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Kind }

// MissingDestination is that a destination does not exist, and is not created
// by being used. Clients get org.apache.activemq.DestinationDoesNotExistException
// with the qualified name alone as its message; a network bridge looks at that.
type MissingDestination struct{ Destination message.Destination }

// Error gives what the Java exception says.
func (e *MissingDestination) Error() string {
	return fmt.Sprintf("The destination %s does not exist.", e.Destination)
}

// Unwrap gives the sentinels.
func (e *MissingDestination) Unwrap() []error {
	return []error{ErrUnknownDestination, ErrInvalidDestination}
}

// failure returns an Error.
func failure(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// refusal is the error of a send whose unit failed with err.
func refusal(err error) error {
	if errors.Is(err, store.ErrNoSpace) {
		return fmt.Errorf("%w: %w", ErrResourceAllocation, err)
	}
	return err
}
