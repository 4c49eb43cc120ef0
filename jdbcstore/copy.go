package jdbcstore

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// A batch that adds many messages brings them by COPY, see the package comment.
// The rows are encoded as they are sent. Such a transaction is begun and
// committed by name; only when COMMIT has been sent can its outcome be in doubt.

// copyable asks whether the table of messages takes COPY: its columns have the
// types that ActiveMQ gives them, where an INSERT casts, and nothing is between
// the statement and the table that only an INSERT goes through.
const copyable = `EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass('{msgs}') AND c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT row_security_active(c.oid)
	AND 7 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND (a.attname IN ('id', 'msgid_seq', 'expiration', 'priority') AND a.atttypid = 'bigint'::regtype
	OR a.attname IN ('msgid_prod', 'container') AND a.atttypid IN ('varchar'::regtype, 'text'::regtype) OR a.attname = 'msg' AND a.atttypid = 'bytea'::regtype)))`

// copied is a row that COPY brings. Its data is the unit's.
type copied struct {
	id, sequence, expiration, priority int64
	producer, container                string
	data                               []byte
}

// copy writes the additions that live by COPY.
func (c *compiler) copy(rows int) {
	g := &c.b.segment
	list := make([]copied, 0, rows)
	for i := range g.adds {
		if a := &g.adds[i]; !a.dead {
			m := a.op.Message
			list = append(list, copied{id: int64(a.op.Seq), producer: a.from.name, sequence: m.ID.ProducerSequence,
				container: g.touched[a.op.Destination].container, expiration: m.Expiration, priority: column(a.op), data: a.data})
		}
	}
	c.b.statements = append(c.b.statements, call{name: stmtCopy, copied: list})
}

// The frame of COPY's binary format: a signature, flags and the length of an
// extension; at the end a row of -1 columns.
const (
	copyHead   = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	copyTail   = "\xff\xff"
	copyFields = 7
)

// copyReader reads rows in COPY's binary format, without a copy of them all.
// pgconn may still read from it after it has given up, so it is closed before
// the rows' data is used again.
type copyReader struct {
	mu   sync.Mutex
	rows []copied // mu; not begun
	head []byte   // mu; of what has been begun: what comes before data
	data []byte   // mu
	over bool     // mu; the tail has been begun
}

func newCopyReader(rows []copied) *copyReader {
	return &copyReader{rows: rows, head: []byte(copyHead)}
}

// Read fills p as far as there are rows.
func (r *copyReader) Read(p []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(p) {
		if len(r.head) == 0 && len(r.data) == 0 && !r.next() {
			break
		}
		k := copy(p[n:], r.head)
		r.head, n = r.head[k:], n+k
		k = copy(p[n:], r.data)
		r.data, n = r.data[k:], n+k
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// next begins a row, or the tail.
func (r *copyReader) next() bool {
	if len(r.rows) == 0 {
		if r.over {
			return false
		}
		r.head, r.over = []byte(copyTail), true
		return true
	}
	row := &r.rows[0]
	r.rows = r.rows[1:]
	b := make([]byte, 0, 80+len(row.producer)+len(row.container))
	b = binary.BigEndian.AppendUint16(b, copyFields)
	b = appendCopied(b, row.id)
	b = appendCopiedText(b, row.producer)
	b = appendCopied(b, row.sequence)
	b = appendCopiedText(b, row.container)
	b = appendCopied(b, row.expiration)
	b = appendCopied(b, row.priority)
	r.head, r.data = binary.BigEndian.AppendUint32(b, uint32(len(row.data))), row.data
	return true
}

func appendCopied(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(v))
}

func appendCopiedText(b []byte, v string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// close has later reads fail, and waits for one under way.
func (r *copyReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows, r.head, r.data, r.over = nil, nil, nil, true
}

func copies(c call) bool { return c.copied != nil }

// runCopies is run for calls with a COPY among them: what precedes it, the
// COPY itself and what follows go one after the other.
func (c *session) runCopies(ctx context.Context, calls []call, rows []int64) (uncertain bool, err error) {
	t := transaction{begin: true}
	for err == nil {
		n := slices.IndexFunc(calls, copies)
		if n < 0 {
			break
		}
		if _, err = c.send(t, calls[:n], rows[:n]); err == nil {
			rows[n], err = c.copyFrom(ctx, calls[n].copied)
		}
		t, calls, rows = transaction{inside: true}, calls[n+1:], rows[n+1:]
	}
	if err == nil {
		t.commit = true
		uncertain, err = c.send(t, calls, rows)
	}
	if err != nil && !c.conn.IsClosed() {
		if _, failed := c.conn.Exec(ctx, "ROLLBACK").ReadAll(); failed != nil {
			c.close()
		}
	}
	return uncertain, err
}

func (c *session) copyFrom(ctx context.Context, list []copied) (rows int64, err error) {
	r := newCopyReader(list)
	defer r.close()
	var tag pgconn.CommandTag
	tag, err = c.conn.CopyFrom(ctx, r, c.own.texts[stmtCopy])
	return tag.RowsAffected(), err
}
