package client

import "context"

// What follows sends commands of package message or openwire as they are, ids
// and all, for bridges and tools. Such a command is not part of what a
// failover restores; Options.Transport.Command shows what comes back.

// Request sends a command and waits for the broker's answer: nil for a plain
// response, else a *openwire.DataResponse, *openwire.DataArrayResponse or
// *openwire.IntegerResponse. The command must not change until then. The error
// is a *RemoteError where the broker refuses.
func (c *Conn) Request(ctx context.Context, cmd any) (any, error) { return c.call(ctx, cmd) }

// RequestAsync sends a command and returns. done is called once with the
// outcome, by the connection's reader: it must not block. After an error done
// is not called.
func (c *Conn) RequestAsync(ctx context.Context, cmd any, done func(error)) error {
	return c.issue(ctx, &request{cmd: cmd, notify: done})
}

// Post sends a command that the broker does not answer. The command may change
// once Post has returned.
func (c *Conn) Post(ctx context.Context, cmd any) error { return c.post(ctx, cmd) }
