package openwire

import (
	"context"
	"errors"

	"github.com/conclavemq/conclave/broker"
	codec "github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

// done gives the function that answers a command, once, whenever the broker is
// done with it. A command that wants no response shares one such function.
func (s *session) done(h codec.Header) func(error) {
	if !h.ResponseRequired {
		return s.failed
	}
	id := h.CommandID
	return func(err error) { s.respond(id, err) }
}

// reply answers a command that is done.
func (s *session) reply(h codec.Header, err error) {
	if h.ResponseRequired {
		s.respond(h.CommandID, err)
	} else {
		s.failed(err)
	}
}

// answer is reply with more than a plain response.
func (s *session) answer(h codec.Header, response any, err error) {
	if err != nil || !h.ResponseRequired {
		s.reply(h, err)
		return
	}
	s.push(&entry{kind: aCommand, command: response, answers: true})
}

func (s *session) respond(id int32, err error) {
	switch {
	case err == nil:
		e := entry{kind: aResponse, correlation: id, answers: true}
		if !s.writer.writeNow(s.out, &e) {
			s.push(&e)
		}
	case silent(err):
		s.out.forgive()
		s.end(err)
	default:
		s.push(&entry{kind: aCommand, answers: true,
			command: &codec.ExceptionResponse{CorrelationID: id, Exception: throwable(err)}})
	}
}

// serviceFailure tells the client of a failure that answers nothing it waits
// for; nil is none. (ActiveMQ: TransportConnection.serviceException)
func (s *session) serviceFailure(err error) {
	switch {
	case err == nil, errors.Is(err, broker.ErrAborted):
	case silent(err):
		s.end(err)
	default:
		s.log.Warn("async error occurred", "error", err)
		s.send(&codec.ConnectionError{Exception: throwable(err)})
	}
}

// silent reports errors after which a client gets no answer but loses its
// connection: the outcome is for another master to tell. A client that fails
// over then sends again. (ActiveMQ: SuppressReplyException)
func silent(err error) bool {
	return errors.Is(err, broker.ErrClosed) || errors.Is(err, store.ErrClosed) ||
		errors.Is(err, store.ErrFailed) || errors.Is(err, store.ErrLeaseLost) ||
		errors.Is(err, context.Canceled)
}
