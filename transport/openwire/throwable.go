package openwire

import (
	"errors"
	"strconv"
	"strings"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store"
)

// javaError is an error whose Java class is known where it is made.
type javaError struct{ class, text string }

func (e *javaError) Error() string { return e.text }

// Exception gives the Java class and its text.
func (e *javaError) Exception() (class, text string) { return e.class, e.text }

// exceptionError is an exception that a peer has answered with.
func exceptionError(t *message.Throwable) error {
	if t == nil {
		return &javaError{class: "java.lang.Exception"}
	}
	return &javaError{class: t.Class, text: t.Message}
}

// errorCode marks an XA error code in an exception's text, which is how it
// crosses the wire. (ActiveMQ: TransactionContext.xaErrorCodeMarker)
const errorCode = "xaErrorCode:"

// throwable makes of an error the Java exception that an ActiveMQ broker sends
// for it. The stack trace is empty: there is none.
func throwable(err error) *message.Throwable {
	var missing *broker.MissingDestination
	if errors.As(err, &missing) {
		return &message.Throwable{Class: "org.apache.activemq.DestinationDoesNotExistException", Message: missing.Destination.String()}
	}
	t := &message.Throwable{Class: class(err), Message: err.Error()}
	var detail *broker.Error
	if errors.As(err, &detail) {
		t.Message = detail.Text
		if detail.Code != 0 {
			t.Class = "javax.transaction.xa.XAException"
			if !strings.Contains(t.Message, errorCode) {
				t.Message += " " + errorCode + strconv.Itoa(int(detail.Code))
			}
			if errors.Is(err, broker.ErrRolledBack) {
				// ActiveMQ sends the cause alone, which JMS does not foresee.
				t = &message.Throwable{Class: "javax.jms.TransactionRolledBackException", Message: detail.Text, Cause: t}
			}
		}
	}
	return t
}

// class gives the Java class that clients get for an error. The first one that
// err wraps counts.
func class(err error) string {
	var known *javaError
	if errors.As(err, &known) {
		return known.class
	}
	for _, mapped := range [...]struct {
		err   error
		class string
	}{
		{broker.ErrInvalidClientID, "javax.jms.InvalidClientIDException"},
		{broker.ErrInvalidSelector, "javax.jms.InvalidSelectorException"},
		{broker.ErrMessageFormat, "javax.jms.MessageFormatException"},
		{broker.ErrInvalidDestination, "javax.jms.InvalidDestinationException"},
		{broker.ErrUnknownSubscription, "javax.jms.InvalidDestinationException"},
		{broker.ErrResourceAllocation, "javax.jms.ResourceAllocationException"},
		{store.ErrNoSpace, "javax.jms.ResourceAllocationException"},
		{broker.ErrUnknownConnection, "java.lang.IllegalStateException"},
		{broker.ErrUnknownSession, "java.lang.IllegalStateException"},
		{broker.ErrUnknownProducer, "java.lang.IllegalStateException"},
		{broker.ErrUnknownConsumer, "java.lang.IllegalStateException"},
		{broker.ErrTooManyDestinations, "javax.jms.IllegalStateException"},
		{broker.ErrSecurity, "java.lang.SecurityException"},
	} {
		if errors.Is(err, mapped.err) {
			return mapped.class
		}
	}
	return "javax.jms.JMSException"
}
