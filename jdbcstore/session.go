package jdbcstore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is the committer's connection, with its statements prepared. One
// goroutine uses it.
type session struct {
	conn  *pgconn.PgConn
	name  string // its application_name, which no other session has
	fence []string
	own   *statementCache
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
		if c.own.ready[name] {
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

// run sends calls as one transaction, in one go: the statements up to a Sync
// are one. It reports whether the transaction may have been carried out
// although there is an error.
func (c *session) run(ctx context.Context, calls []call, rows []int64) (uncertain bool, err error) {
	if err := c.prepare(ctx, calls); err != nil {
		return false, err
	}
	p := c.conn.StartPipeline(ctx)
	for i := range c.fence {
		p.SendQueryPrepared(fenceName(i), nil, nil, binaryResult)
	}
	for i := range calls {
		p.SendQueryPrepared(string(calls[i].name), calls[i].parameters, binaryFormats, binaryResult)
	}
	if err = p.Sync(); err == nil {
		err = c.results(p, rows)
	}
	if closed := p.Close(); err == nil {
		err = closed
	}
	return err != nil && c.conn.IsClosed(), err
}

// results reads the answers to a transaction; rows gets how many each call
// changed.
func (c *session) results(p *pgconn.Pipeline, rows []int64) error {
	for i := range len(c.fence) + len(rows) {
		answer, err := p.GetResults()
		if err != nil {
			return err
		}
		reader, ok := answer.(*pgconn.ResultReader)
		if !ok {
			return fmt.Errorf("answer %T to statement %d", answer, i)
		}
		tag, err := reader.Close()
		if err != nil {
			return err
		}
		if i >= len(c.fence) {
			rows[i-len(c.fence)] = tag.RowsAffected()
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
	for i := range c.fence {
		p.SendQueryPrepared(fenceName(i), nil, nil, binaryResult)
	}
	p.SendQueryParams(text, parameters, nil, binaryFormats, binaryResult)
	rows := []int64{0}
	if err = p.Sync(); err == nil {
		err = c.results(p, rows)
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
