package network

import (
	"context"
	"errors"
)

// Wire is the far end of a bridge: a client's connection, or the second
// direction of one that a peer has made. *client.Wire is one.
type Wire interface {
	// Request sends a command; done is called once with the answer, or when the
	// wire has ended, and must not block. After an error it is not called.
	Request(ctx context.Context, command any, done func(result any, err error)) error
	// Post sends a command that has no answer.
	Post(ctx context.Context, command any) error
	// Push is Post for callers that must not wait.
	Push(command any) error
	// Version is that of OpenWire.
	Version() int32
	// Done is closed when the wire has ended, Err then says why.
	Done() <-chan struct{}
	Err() error
}

// Why a bridge does not come about, or ends.
var (
	// ErrSelf: the address is this broker's own.
	ErrSelf = errors.New("the connector leads to this broker itself")
	// ErrSameName: the other broker has this one's name. Names must differ in a
	// network.
	ErrSameName = errors.New("two brokers of one network have the same brokerName")
	// ErrHandshake: the peer did not say or answer what a broker does in time.
	ErrHandshake = errors.New("the other broker did not answer in time")
	// ErrProtocol: the peer sends what no broker sends.
	ErrProtocol = errors.New("the other broker broke the rules of the protocol")
	errStopped  = errors.New("stopped")
	errLeft     = errors.New("the other broker has taken its leave")
)
