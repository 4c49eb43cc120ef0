package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// mostOverBare is what a synchronous message of one producer may take, in times
// of what it consists of at least: a transaction of one connection with the
// store's guarantees (bareRate), and the way of a message that nobody stores
// from the client to the broker and back. The rest is what the broker adds.
const mostOverBare = 1.25

// singleRow measures one synchronous producer, and how near it comes to what
// the database and a connection allow. The references are measured before and
// after it, with the same message.
func singleRow() row {
	figures := []figure{
		{Key: "rate", Title: "PostgreSQL: synchronous, 1 producer", Unit: "msgs/s", Target: ratios(1, 1)},
		{Key: "over", Title: "  … its time, in bare transaction + empty round trip", Unit: "", Lower: true, Target: limit(mostOverBare)},
		{Key: "bare", Title: "  … its rate, of one connection's bare transactions", Unit: "%", Target: none},
		{Key: "share", Title: "  … its rate, of one connection's plain commits", Unit: "%", Target: none},
	}
	return row{Key: "pg-sync-1", Figures: figures, Loaded: true, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		broker, err := b.start(c)
		if err != nil {
			return nil, err
		}
		defer broker.Kill()
		s := b.complete(scenario{URL: broker.URL(), Producers: 1, Persistent: true})
		empty := s
		empty.URL, empty.Persistent = s.URL+"?jms.alwaysSyncSend=true", false
		empty.Destination, empty.Warmup, empty.Duration = "queue://EMPTY", s.Warmup/2, referenceTime
		var plain, bare, trips, rate mean
		var cpu time.Duration
		s.Measuring = func() func() {
			work := worked(broker)
			return func() { cpu = work() }
		}
		var sent outcome
		for range 2 {
			for _, part := range []struct {
				into *mean
				do   func() (float64, error)
			}{
				{&plain, func() (float64, error) { return commitRate(ctx, c.jdbc.URL) }},
				{&bare, func() (float64, error) { return bareRate(ctx, c.jdbc.URL) }},
				{&trips, func() (float64, error) { o, err := c.generator.run(ctx, empty); return o.Rate, err }},
			} {
				v, err := part.do()
				if err != nil {
					return nil, err
				}
				part.into.add(v)
			}
			if rate.n > 0 {
				continue
			}
			o, err := c.generator.run(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%w; log: %s", err, tail(broker.Log(), 1000))
			}
			o.CPU = cpu
			sent = o
			rate.add(o.Rate)
		}
		r := rate.value()
		if r == 0 || trips.value() == 0 || bare.value() == 0 {
			return nil, errNothing
		}
		return []float64{r, 1 / r / (1/bare.value() + 1/trips.value()), 100 * r / bare.value(), 100 * r / plain.value(), sent.work()}, nil
	}}
}

var errNothing = errors.New("nothing was confirmed within the time of the measurement")

// mean is that of rates, each of an equal time.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64)  { m.sum, m.n = m.sum+v, m.n+1 }
func (m *mean) value() float64 { return m.sum / float64(m.n) }

// referenceTime is how long each look at a reference takes.
const referenceTime = time.Second

// commitRate is how many rows of 1 KiB a second one connection can insert, each
// in a transaction and a round trip of its own.
func commitRate(ctx context.Context, dataSource string) (float64, error) {
	const table = "CREATE TABLE IF NOT EXISTS reference(id BIGSERIAL PRIMARY KEY, msg BYTEA)"
	return transactionRate(ctx, dataSource, table, func(b *pgx.Batch, _ int64) {
		b.Queue("INSERT INTO reference(msg) VALUES ($1)", make([]byte, kiB))
	})
}

// bareRate is commitRate for the rows and indexes of a message, behind a fence
// like the store's: the least that keeps a deposed master from committing.
func bareRate(ctx context.Context, dataSource string) (float64, error) {
	const tables = `CREATE TABLE IF NOT EXISTS bare_epoch(id SMALLINT PRIMARY KEY, epoch BIGINT, holder VARCHAR(64));
		INSERT INTO bare_epoch VALUES (1, 1, 'bench') ON CONFLICT DO NOTHING;
		CREATE TABLE IF NOT EXISTS bare(id BIGSERIAL PRIMARY KEY, container VARCHAR(250) NOT NULL, msgid_prod VARCHAR(250), msgid_seq BIGINT, expiration BIGINT, msg BYTEA, priority BIGINT, xid VARCHAR(250));
		CREATE INDEX IF NOT EXISTS bare_midx ON bare(msgid_prod, msgid_seq);
		CREATE INDEX IF NOT EXISTS bare_cidx ON bare(container, id)`
	producer := "ID:" + strings.Repeat("x", 40) + "-1:1:1:1"
	return transactionRate(ctx, dataSource, tables, func(b *pgx.Batch, n int64) {
		b.Queue("SELECT pg_advisory_xact_lock_shared(1)")
		b.Queue("SELECT 1/count(*) FROM bare_epoch WHERE id = 1 AND epoch = 1 AND holder = 'bench'")
		b.Queue("INSERT INTO bare(msgid_prod, msgid_seq, container, expiration, priority, msg) VALUES ($1, $2, 'queue://BENCH', 0, 0, $3)",
			producer, n, make([]byte, kiB))
	})
}

// transactionRate is how many transactions a second one connection gets, each
// sent in one go.
func transactionRate(ctx context.Context, dataSource, tables string, queue func(b *pgx.Batch, n int64)) (float64, error) {
	conn, err := pgx.Connect(ctx, dataSource)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, tables, pgx.QueryExecModeSimpleProtocol); err != nil {
		return 0, err
	}
	n, begun := int64(0), time.Now()
	for ; time.Since(begun) < referenceTime; n++ {
		b := &pgx.Batch{}
		queue(b, n)
		if err := conn.SendBatch(context.Background(), b).Close(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}
