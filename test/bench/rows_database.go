package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

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
		if err == nil && o.Messages == 0 {
			err = errNothing
		}
		if err != nil {
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
