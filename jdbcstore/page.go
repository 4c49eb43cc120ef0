package jdbcstore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/store"
)

const (
	// usualSize is what a message is taken to have before one has been seen.
	usualSize = 1024
	// leastRows is how many rows a query asks for at least, if wanted: a page
	// that ends by its bytes reads the rest of them for nothing.
	leastRows = 8
)

// The pages. The comparison of rows has the index of containers and IDs as
// its only possible order: with an equality, PostgreSQL could choose to walk
// the primary key, through the messages of all other destinations.
const (
	// Of a destination: $1 container, $2 after, $3 rows, $4 priority or -1.
	pageQuery = `SELECT m.ID, m.MSG FROM {msgs} m WHERE (m.CONTAINER, m.ID) > ($1::text, $2::bigint) AND m.CONTAINER <= $1 AND ` + visible + `
		ORDER BY m.CONTAINER, m.ID LIMIT $3`
	// Of one priority of a destination.
	pagePriorityQuery = `SELECT m.ID, m.MSG FROM {msgs} m WHERE m.PRIORITY <> 0 AND m.CONTAINER = $1::text AND m.PRIORITY = $4::bigint AND m.ID > $2::bigint AND ` + visible + `
		ORDER BY m.CONTAINER, m.PRIORITY, m.ID LIMIT $3`
	// Of those without a priority in its column.
	pageZeroQuery = `SELECT m.ID, m.MSG FROM {msgs} m WHERE (m.CONTAINER, m.ID) > ($1::text, $2::bigint) AND m.CONTAINER <= $1 AND COALESCE(m.PRIORITY, 0) = 0 AND ` + visible + `
		ORDER BY m.CONTAINER, m.ID LIMIT $3`
)

// read is what a page is to be of.
type read struct {
	dest     message.Destination
	sub      *subscription // whose messages; nil is all
	priority int           // -1 is all
}

// Page reads a destination; see store.Store.
func (s *Store) Page(dst []store.Entry, dest message.Destination, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	return s.page(dst, &read{dest: dest, priority: -1}, after, limit, maxBytes)
}

// PageSubscription reads what a durable subscription has not acknowledged;
// see store.Store.
func (s *Store) PageSubscription(dst []store.Entry, dest message.Destination, subscription string, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	sub := s.subscription(dest, subscription)
	if sub == nil {
		return dst, nil
	}
	return s.page(dst, &read{dest: dest, sub: sub, priority: -1}, after, limit, maxBytes)
}

// PagePriority reads the messages of one priority; see store.Store.
func (s *Store) PagePriority(dst []store.Entry, dest message.Destination, subscription string, priority uint8, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	r := &read{dest: dest, priority: int(priority)}
	if priority >= store.Priorities {
		return dst, nil
	}
	if subscription != "" {
		if r.sub = s.subscription(dest, subscription); r.sub == nil {
			return dst, nil
		}
	}
	return s.page(dst, r, after, limit, maxBytes)
}

func (s *Store) subscription(dest message.Destination, key string) *subscription {
	s.stateMu.RLock()
	defer s.stateMu.RUnlock()
	return s.readTopics[dest][key]
}

// page reads rows until the page is full or there are no more.
func (s *Store) page(dst []store.Entry, r *read, after store.Seq, limit int, maxBytes int64) ([]store.Entry, error) {
	if limit <= 0 {
		return dst, nil
	}
	p := &pageReader{s: s, read: r, first: len(dst), dst: dst, limit: limit, left: maxBytes}
	sources := s.sources(r)
	if len(sources) == 1 {
		err := p.follow(sources[0], after)
		return p.dst, err
	}
	err := p.merge(sources, after)
	return p.dst, err
}

// source is a query for rows, and whether a row has to be looked at to know
// its priority.
type source struct {
	text string
	sift bool
}

// sources says where the messages of r are. A priority's are those with it in
// their column and, where not all have it there, some of the others.
func (s *Store) sources(r *read) []source {
	if r.priority < 0 {
		return []source{{text: pageQuery}}
	}
	s.stateMu.RLock()
	mixed := s.mixed[r.dest]
	s.stateMu.RUnlock()
	switch {
	case r.priority == 0:
		return []source{{pageZeroQuery, mixed}}
	case !mixed:
		return []source{{text: pagePriorityQuery}}
	}
	return []source{{text: pagePriorityQuery}, {pageZeroQuery, true}}
}

// pageReader fills one page.
type pageReader struct {
	*read
	s     *Store
	first int
	dst   []store.Entry
	limit int
	left  int64 // bytes
	full  bool
}

// rows is how many rows the next query is to bring.
func (p *pageReader) rows() int {
	p.s.stateMu.RLock()
	size := p.s.sizes[p.dest]
	p.s.stateMu.RUnlock()
	if size == 0 {
		size = usualSize
	}
	want := p.limit - (len(p.dst) - p.first)
	return min(want, max(int(min(p.left/size+1, 1<<20)), leastRows))
}

// follow reads one source to the end of the page.
func (p *pageReader) follow(src source, after store.Seq) error {
	for !p.full {
		rows := p.rows()
		if src.sift {
			rows = max(rows, 256)
		}
		list, err := p.s.query(p.read, src, after, rows, p.left)
		if err != nil {
			return err
		}
		for _, e := range list.entries {
			if !p.take(e) {
				return nil
			}
		}
		if list.rows < rows && !list.cut {
			return nil
		}
		after = list.last
	}
	return nil
}

// merge reads two sources in one order.
func (p *pageReader) merge(sources []source, after store.Seq) error {
	var lists [2]pageReader
	for i, src := range sources {
		lists[i] = pageReader{read: p.read, s: p.s, limit: p.limit, left: p.left}
		if err := lists[i].follow(src, after); err != nil {
			return err
		}
	}
	a, b := lists[0].dst, lists[1].dst
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].Seq < a[0].Seq {
			from = &b
		}
		if !p.take((*from)[0]) || p.full {
			return nil
		}
		*from = (*from)[1:]
	}
	return nil
}

// take adds an entry, if there is room.
func (p *pageReader) take(e store.Entry) bool {
	if p.left -= e.Message.Size(); p.left < 0 && len(p.dst) > p.first {
		p.full = true
		return false
	}
	p.dst = append(p.dst, e)
	p.full = len(p.dst)-p.first >= p.limit
	return true
}

// found is what a query brought.
type found struct {
	entries []store.Entry
	rows    int
	last    store.Seq
	cut     bool // it was left before its end
}

// query reads rows, and goes on doing so when the database has been away. Rows
// that the database itself cannot read are looked for by halves, and left out.
func (s *Store) query(r *read, src source, after store.Seq, rows int, bytes int64) (found, error) {
	pause, want, doubted := firstPause, rows, false
	for {
		f, err := s.queryOnce(r, src, after, rows, bytes)
		f.cut = f.cut || rows < want && f.rows == rows // fewer are the end
		switch {
		case err == nil:
			return f, nil
		case unreadable(err) && rows > 1:
			rows /= 2
			continue
		case unreadable(err) && doubted:
			if f, known := s.passOver(r, src, after, err); known {
				return f, nil
			}
		case judge(err) != away && judge(err) != repeatable:
			return f, err
		}
		doubted = unreadable(err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.closing:
			timer.Stop()
			return f, store.ErrClosed
		case <-s.context.Done():
			timer.Stop()
			return f, s.failureOf()
		}
		pause = min(2*pause, lastPause)
	}
}

// query is the text and the parameters for rows of a source.
func (r *read) query(src source, after store.Seq, rows int) (text string, parameters []any) {
	text, parameters = src.text, []any{r.dest.String(), int64(after), rows}
	if r.priority > 0 && !src.sift {
		parameters = append(parameters, int64(r.priority))
	}
	if r.sub != nil {
		text, parameters = ofSubscription(text, r.sub, parameters)
	}
	return text, parameters
}

func (s *Store) queryOnce(r *read, src source, after store.Seq, rows int, bytes int64) (f found, err error) {
	text, parameters := r.query(src, after, rows)
	result, err := s.pool.Query(s.context, s.names.Replace(text), parameters...)
	if err != nil {
		return f, err
	}
	defer result.Close()
	codec := codecs.Get().(*openwire.Store)
	defer codecs.Put(codec)
	var id, total int64
	for result.Next() {
		var data []byte
		if err := result.Scan(&id, &data); err != nil {
			return f, err
		}
		f.rows, f.last = f.rows+1, store.Seq(id)
		total += int64(len(data))
		m, err := codec.Message(data)
		if err != nil {
			s.report(r.dest, id, err)
			continue
		}
		if src.sift && int(store.Priority(m)) != r.priority {
			continue
		}
		f.entries = append(f.entries, store.Entry{Message: m, Seq: f.last, Segment: segmentOf(f.last), Redelivered: segmentOf(f.last) <= s.inherited[r.dest] && s.inherited[r.dest] > 0})
		if bytes -= m.Size(); bytes < 0 {
			f.cut = true
			break
		}
	}
	result.Close()
	if err := result.Err(); err != nil && !f.cut {
		return f, err
	}
	if f.rows > 0 {
		s.learnSize(r.dest, total/int64(f.rows))
	}
	if err := s.counters(&f); !unreadable(err) {
		return f, err
	}
	s.countersLost.Do(func() {
		s.o.Log.Error("the counters of redelivered messages cannot be read; messages come without them", "table", s.names.Replace("{counters}"))
	})
	return f, nil
}

// ofSubscription changes a query to what a subscription has not acknowledged.
func ofSubscription(text string, sub *subscription, parameters []any) (string, []any) {
	n := len(parameters)
	named := func(t string) string { return renumber(t, n+1, n+2) }
	text = strings.Replace(text, "$2::bigint", "GREATEST($2::bigint, "+named(floor)+")", 1)
	text = strings.Replace(text, "ORDER BY", "AND m.ID > "+named(mark)+" AND NOT "+named(sparse)+" ORDER BY", 1)
	return text, append(parameters, sub.client, sub.name)
}

// renumber has $2 and $3 of a text be other parameters.
func renumber(text string, second, third int) string {
	return strings.NewReplacer("$2", "$"+strconv.Itoa(second), "$3", "$"+strconv.Itoa(third)).Replace(text)
}

// counters adds the redelivery counters.
func (s *Store) counters(f *found) error {
	if !s.recounted.Load() || len(f.entries) == 0 {
		return nil
	}
	at := make(map[int64]int, len(f.entries))
	ids := make([]int64, len(f.entries))
	for i, e := range f.entries {
		ids[i] = int64(e.Seq)
		at[ids[i]] = i
	}
	rows, err := s.pool.Query(s.context, s.names.Replace(`SELECT ID, REDELIVERIES FROM {counters} WHERE ID = ANY($1)`), ids)
	if err != nil {
		return err
	}
	var id int64
	var n int32
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		f.entries[at[id]].Redeliveries = n
		return nil
	})
	return err
}

// maxSizes bounds the memory of usual sizes.
const maxSizes = 10_000

func (s *Store) learnSize(dest message.Destination, size int64) {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	if old, ok := s.sizes[dest]; ok {
		size = (3*old + size) / 4
	} else if len(s.sizes) >= maxSizes {
		clear(s.sizes)
	}
	s.sizes[dest] = max(size, 1)
}

// LastSequence is the highest that a producer has stored; see store.Store.
func (s *Store) LastSequence(id message.ProducerID) int64 {
	if last, known := s.producers.last(id); known {
		return last
	}
	last := int64(-1)
	s.lookUp(func() error {
		return s.pool.QueryRow(s.context, s.texts[stmtLast], []string{producerName(id)}).Scan(nil, &nullable{&last})
	})
	return last
}

// Find looks a message up by its id; see store.Store. Of a producer whose
// messages are known to end before, as those of a bridge are that brings one
// after the other, the database has not to be asked.
func (s *Store) Find(dest message.Destination, id message.MessageID) (store.Seq, bool) {
	if last, known := s.producers.last(id.Producer); known && id.ProducerSequence > last {
		return 0, false
	}
	row := int64(-1)
	s.lookUp(func() error {
		return s.pool.QueryRow(s.context, s.texts[stmtFind], producerName(id.Producer), id.ProducerSequence, dest.String()).Scan(&row)
	})
	return store.Seq(max(row, 0)), row >= 0
}

// lookUp repeats a query while the database is away. One that gets no answer
// for good ends the store, as a batch would: what is stored already would be
// taken for new. After that, and after Close, nothing is stored, so that it
// does not matter what the caller believes. Only what the database says that
// it cannot hold is not there.
func (s *Store) lookUp(query func() error) {
	pause := firstPause
	for {
		err := query()
		if err == nil || errors.Is(err, pgx.ErrNoRows) {
			return
		}
		if verdict := judge(err); verdict != away && verdict != repeatable {
			if !refusal(err) {
				s.fail(fmt.Errorf("%w: looking up what is stored: %w", store.ErrFailed, err))
			}
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.closing:
			timer.Stop()
			return
		case <-s.context.Done():
			timer.Stop()
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// nullable is a sql.Scanner that leaves the number as it is for NULL.
type nullable struct{ v *int64 }

// Scan takes a number or NULL.
func (n *nullable) Scan(v any) error {
	if i, ok := v.(int64); ok {
		*n.v = i
	}
	return nil
}
