package jdbcstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is the committer's connection, with its statements prepared. One
// goroutine uses it.
type session struct {
	conn  *pgconn.PgConn
	name  string // its application_name, which no other session has
	fence []string
	own   *statementCache
	out   []byte // what direct sends
	// unwatch has the end of the store's context leave the connection alone.
	unwatch func() bool
	// replace puts the tables' names into a text.
	replace func(string) string
}

// statementCache says which statements a session has prepared.
type statementCache struct {
	texts map[statement]string
	ready map[statement]bool
}

var binaryResult = []int16{1}

// formats are those of parameters: all binary. Text is the same either way.
var binaryFormats = []int16{1}

// prepare has the statements ready that calls need.
func (c *session) prepare(ctx context.Context, calls []call) error {
	for i := range calls {
		name := calls[i].name
		if c.own.ready[name] || copies(calls[i]) {
			continue
		}
		if _, err := c.conn.Prepare(ctx, string(name), c.own.texts[name], nil); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
		c.own.ready[name] = true
	}
	return nil
}

// fenceName is the name of a statement of the fence.
func fenceName(i int) string { return fmt.Sprint("fence", i) }

func (c *session) prepareFence(ctx context.Context) error {
	for i, text := range c.fence {
		if _, err := c.conn.Prepare(ctx, fenceName(i), text, nil); err != nil {
			return fmt.Errorf("prepare fence: %w", err)
		}
	}
	return nil
}

// run sends calls as one transaction, in one go unless there is a COPY among
// them: the statements up to a Sync are one. It reports whether the transaction may have been carried out
// although there is an error.
func (c *session) run(ctx context.Context, calls []call, rows []int64) (uncertain bool, err error) {
	if err := c.prepare(ctx, calls); err != nil {
		return false, err
	}
	if slices.ContainsFunc(calls, copies) {
		return c.runCopies(ctx, calls, rows)
	}
	if len(calls) <= mostDirect {
		return c.direct(calls, rows)
	}
	return c.send(transaction{}, calls, rows)
}

// transaction says what calls that are sent in one go are of one. As the zero
// value they are all of it.
type transaction struct {
	begin, inside, commit bool
}

// send sends calls in one go; see run. The end of the store's context ends the
// connection's waiting (connect), so that none has to be watched each time,
// which pgconn does with a goroutine: 8 us of 290.
func (c *session) send(t transaction, calls []call, rows []int64) (uncertain bool, err error) {
	p, before := c.conn.StartPipeline(context.Background()), 0
	if t.begin {
		before++
		p.SendQueryParams("BEGIN", nil, nil, nil, nil)
	}
	if !t.inside {
		before += c.enter(p)
	}
	for i := range calls {
		p.SendQueryPrepared(string(calls[i].name), calls[i].parameters, binaryFormats, binaryResult)
	}
	after := 0
	if t.commit {
		after++
		p.SendQueryParams("COMMIT", nil, nil, nil, nil)
	}
	if err = p.Sync(); err == nil {
		err = c.results(p, before, calls, rows, after)
	}
	if closed := p.Close(); err == nil {
		err = closed
	}
	return err != nil && c.conn.IsClosed(), err
}

// enter sends the statements of the fence and returns how many.
func (c *session) enter(p *pgconn.Pipeline) int {
	for i := range c.fence {
		p.SendQueryPrepared(fenceName(i), nil, nil, binaryResult)
	}
	return len(c.fence)
}

// results reads the answers to what was sent in one go; rows gets how many
// each call changed, those before and after are not calls.
func (c *session) results(p *pgconn.Pipeline, before int, calls []call, rows []int64, after int) error {
	for i := range before + len(rows) + after {
		answer, err := p.GetResults()
		if err != nil {
			return err
		}
		reader, ok := answer.(*pgconn.ResultReader)
		if !ok {
			return fmt.Errorf("answer %T to statement %d", answer, i)
		}
		if k := i - before; k >= 0 && k < len(calls) && reader.NextRow() && len(reader.Values()) > 0 {
			calls[k].returned = bytes.Clone(reader.Values()[0])
		}
		tag, err := reader.Close()
		if err != nil {
			return err
		}
		if i -= before; i >= 0 && i < len(rows) {
			rows[i] = tag.RowsAffected()
		}
	}
	answer, err := p.GetResults()
	if err != nil {
		return err
	}
	if _, ok := answer.(*pgconn.PipelineSync); !ok {
		return fmt.Errorf("answer %T at the end of a transaction", answer)
	}
	return nil
}

// exists sends a query as a transaction behind the fence, and reports whether
// it finds anything.
func (c *session) exists(ctx context.Context, text string, parameters ...[]byte) (found bool, err error) {
	p := c.conn.StartPipeline(ctx)
	before := c.enter(p)
	p.SendQueryParams(text, parameters, nil, binaryFormats, binaryResult)
	rows := []int64{0}
	if err = p.Sync(); err == nil {
		err = c.results(p, before, nil, rows, 0)
	}
	if closed := p.Close(); err == nil {
		err = closed
	}
	return rows[0] > 0, err
}

// last asks for the sequences of producers.
func (c *session) last(ctx context.Context, list []byte, names []string) (map[string]int64, error) {
	if err := c.prepare(ctx, []call{{name: stmtLast}}); err != nil {
		return nil, err
	}
	last := make(map[string]int64, len(names))
	for _, name := range names {
		last[name] = -1
	}
	reader := c.conn.ExecPrepared(ctx, string(stmtLast), [][]byte{list}, binaryFormats, binaryResult)
	for reader.NextRow() {
		if v := reader.Values(); v[1] != nil {
			last[string(v[0])] = int64(binary.BigEndian.Uint64(v[1]))
		}
	}
	_, err := reader.Close()
	return last, err
}
