package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// Rows in which both brokers keep their messages in one PostgreSQL server.

// databaseDrain and purgeCount bound the backlogs: ActiveMQ's JDBC store takes
// about half a millisecond for each message of them.
const (
	databaseDrain = 50_000
	purgeCount    = 100_000
)

func databaseRows() []row {
	list := []row{
		singleRow(),
		loadRow("pg-sync-8", rate("PostgreSQL: synchronous, 8 producers", ratios(3, 3)),
			scenario{Producers: 8, Persistent: true}),
		loadRow("pg-sync-32", rate("PostgreSQL: synchronous, 32 producers", ratios(3, 3)),
			scenario{Producers: 32, Persistent: true}),
		loadRow("pg-async", rate("PostgreSQL: asynchronous, 1 producer", ratios(10, 10)),
			scenario{Producers: 1, Persistent: true, NoAnswer: true}),
		loadRow("pg-transacted", rate("PostgreSQL: transactions of 100, 8 producers", ratios(1.5, 1.5)),
			scenario{Producers: 8, Persistent: true, Batch: 100}),
		drainRow("pg-drain-auto", "PostgreSQL: drain, 1 consumer, automatic acknowledgement", scenario{Consumers: 1}),
		drainRow("pg-drain-transacted", "PostgreSQL: drain, 4 consumers, transactions of 100",
			scenario{Consumers: 4, ConsumerBatch: 100}),
		deleteRow(),
		wireRow("pg-wire-32", "32 synchronous producers", scenario{Producers: 32, Persistent: true}),
		wireRow("pg-wire-async", "1 asynchronous producer", scenario{Producers: 1, Persistent: true, NoAnswer: true}),
	}
	for i := range list {
		list[i].Database = true
	}
	return list
}

// singleRow measures one synchronous producer, and how much of what the
// database can do for a single client that is.
func singleRow() row {
	figures := []figure{
		{Key: "rate", Title: "PostgreSQL: synchronous, 1 producer", Unit: "msgs/s", Target: ratios(1, 1)},
		{Key: "share", Title: "  … of the commits that one connection gets", Unit: "%", Target: none},
	}
	return row{Key: "pg-sync-1", Figures: figures, Loaded: true, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		before, err := commitRate(ctx, c.jdbc.URL)
		if err != nil {
			return nil, err
		}
		o, err := b.drive(ctx, c, scenario{Producers: 1, Persistent: true})
		if err != nil {
			return nil, err
		}
		after, err := commitRate(ctx, c.jdbc.URL)
		return []float64{o.Rate, 200 * o.Rate / (before + after)}, err
	}}
}

// commitTime is how long commitRate looks.
const commitTime = time.Second

// commitRate is how many rows of 1 KiB a second one connection can insert, each
// in a transaction and a round trip of its own.
func commitRate(ctx context.Context, dataSource string) (float64, error) {
	conn, err := pgx.Connect(ctx, dataSource)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS reference(id BIGSERIAL PRIMARY KEY, msg BYTEA)"); err != nil {
		return 0, err
	}
	n, begun := 0, time.Now()
	for ; time.Since(begun) < commitTime; n++ {
		if _, err := conn.Exec(ctx, "INSERT INTO reference(msg) VALUES ($1)", make([]byte, kiB)); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

// deleteRow measures the deletion of a queue with its backlog by a client.
func deleteRow() row {
	figures := []figure{{Key: "time", Title: "PostgreSQL: delete a queue of 100,000 messages", Unit: "ms", Lower: true, Target: limit(2000)}}
	return row{Key: "pg-delete", Figures: figures, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		broker, err := b.start(c)
		if err != nil {
			return nil, err
		}
		defer broker.Kill()
		const queue = "queue://GONE"
		if err := preload(ctx, broker.URL(), queue, purgeCount, kiB, c.batch()); err != nil {
			return nil, err
		}
		conn, err := client.Dial(ctx, broker.URL(), client.Options{})
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := conn.Destroy(ctx, message.ParseDestination(queue, message.Queue)); err != nil {
			return nil, err
		}
		took := time.Since(begun)
		left, err := b.server.Query(databaseName(c.jdbc), "SELECT count(*) FROM activemq_msgs")
		if err == nil && left != "0" {
			err = fmt.Errorf("%s messages are left", left)
		}
		return []float64{took.Seconds() * 1e3}, err
	}}
}

// wireRow measures what a message costs the database, with the broker's
// connections through a counting relay.
func wireRow(key, load string, s scenario) row {
	figures := []figure{
		{Key: "wal", Title: "PostgreSQL: WAL a message of 1 KiB, " + load, Unit: "B", Lower: true, Target: none},
		{Key: "trips", Title: "PostgreSQL: round trips a message, " + load, Unit: "", Lower: true, Target: none},
	}
	return row{Key: key, Figures: figures, measure: func(ctx context.Context, b *bench, c cell) ([]float64, error) {
		through, err := startRelay(b.server.Address())
		if err != nil {
			return nil, err
		}
		defer through.close()
		if c.jdbc, err = redirect(c.jdbc, through.address()); err != nil {
			return nil, err
		}
		broker, err := b.start(c)
		if err != nil {
			return nil, err
		}
		defer broker.Kill()
		var wal, trips float64
		var failure error
		s := b.complete(s)
		s.URL = broker.URL()
		s.Measuring = func() func() {
			from, err := b.walPosition()
			turns := through.turns.Load()
			return func() {
				to, errEnd := b.walPosition()
				wal, trips = to-from, float64(through.turns.Load()-turns)
				if failure = err; failure == nil {
					failure = errEnd
				}
			}
		}
		o, err := goGenerator{}.run(ctx, s)
		if err == nil {
			err = failure
		}
		if err != nil || o.Messages == 0 {
			return nil, err
		}
		return []float64{wal / float64(o.Messages), trips / float64(o.Messages)}, nil
	}}
}

// walPosition is how many bytes of log the server has written in its life.
func (b *bench) walPosition() (float64, error) {
	text, err := b.server.Query("", "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(text), 64)
}

// redirect is j with another address of the server.
func redirect(j *harness.JDBC, address string) (*harness.JDBC, error) {
	u, err := url.Parse(j.URL)
	if err != nil {
		return nil, err
	}
	u.Host = address
	other := *j
	other.URL = u.String()
	return &other, nil
}
