package jdbcstore

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// mostDirect is how many statements direct sends at most: the answers to
	// as many fit into the server's buffer of 8 KiB, so that the server never
	// stands still before it has read everything.
	mostDirect = 64
	// maxKept is the largest buffer that is kept for the next transaction.
	maxKept = 1 << 20
)

// direct is send for a whole transaction of few statements, past pgconn's
// pipeline. That one sets a timer at each write, in case that the server does
// not read, which wakes a thread of the runtime, and it asks for descriptions
// of results that nobody reads: of 160 us of processor time that a synchronous
// message takes here, 40.
func (c *session) direct(calls []call, rows []int64) (uncertain bool, err error) {
	if err := c.compose(calls); err != nil {
		return false, err
	}
	ready := false
	if _, err = c.conn.Conn().Write(c.out); err == nil {
		ready, err = c.answers(len(c.fence), calls, rows)
	}
	if cap(c.out) > maxKept {
		c.out = nil
	}
	if err != nil && !ready {
		c.abandon()
	}
	return err != nil && !ready, err
}

// compose makes what a transaction of calls sends: for each statement Bind and
// Execute, at the end Sync.
func (c *session) compose(calls []call) (err error) {
	c.out = c.out[:0]
	for i := range c.fence {
		if err := c.execute(fenceName(i), nil); err != nil {
			return err
		}
	}
	for i := range calls {
		if err := c.execute(string(calls[i].name), calls[i].parameters); err != nil {
			return err
		}
	}
	c.out, err = (&pgproto3.Sync{}).Encode(c.out)
	return err
}

func (c *session) execute(name string, parameters [][]byte) error {
	bind := pgproto3.Bind{PreparedStatement: name, ParameterFormatCodes: binaryFormats, Parameters: parameters, ResultFormatCodes: binaryResult}
	b, err := bind.Encode(c.out)
	if err != nil {
		return err
	}
	c.out, err = (&pgproto3.Execute{}).Encode(b)
	return err
}

// answers reads the answers to a transaction. ready says that they have come to
// their end, so that its outcome is known. rows gets how many rows each
// of calls changed, which come behind the first ones, before.
func (c *session) answers(before int, calls []call, rows []int64) (ready bool, err error) {
	for n := -before; ; {
		answer, e := c.conn.ReceiveMessage(context.Background())
		if e != nil {
			return false, e
		}
		switch answer := answer.(type) {
		case *pgproto3.DataRow:
			if n >= 0 && n < len(calls) && len(answer.Values) > 0 {
				calls[n].returned = bytes.Clone(answer.Values[0])
			}
		case *pgproto3.CommandComplete:
			if n >= 0 && n < len(rows) {
				rows[n] = pgconn.NewCommandTag(string(answer.CommandTag)).RowsAffected()
			}
			n++
		case *pgproto3.ErrorResponse:
			if err == nil {
				err = pgconn.ErrorResponseToPgError(answer)
			}
		case *pgproto3.ReadyForQuery:
			if err == nil && n != len(rows) {
				return false, fmt.Errorf("%d answers to %d statements", n+before, len(rows)+before)
			}
			return true, err
		}
	}
}

// abandon ends the connection without waiting for the server.
func (c *session) abandon() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.conn.Close(over)
}
