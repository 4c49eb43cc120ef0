//go:build postgres

package postgres

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/jdbcstore"
	"github.com/conclavemq/conclave/message"
)

// purgeCount messages are to be purged in 2 s. It takes 0.5 to 0.9 s on two
// processors that have other work: for each message the broker reads it, and
// the database finds and deletes one row in three indexes. A test is not to
// fail for want of a processor, so what it refuses is ten times as long.
const (
	purgeCount = 100_000
	purgeLimit = 6 * time.Second
)

// TestPurge: ActiveMQ's JDBC store deletes what is purged message by message,
// which takes it most of a minute.
func TestPurge(t *testing.T) {
	database := newDatabase(t, shared, "")
	quiet := slog.New(slog.DiscardHandler)
	open := func() *jdbcstore.Store {
		s, err := jdbcstore.Open(t.Context(), jdbcstore.Options{DataSource: shared.URL(database), Log: quiet})
		require.NoError(t, err)
		return s
	}
	require.NoError(t, open().Close()) // makes the tables
	fillBacklog(t, shared, database, purgeCount)
	s := open()
	b, err := broker.New(broker.Options{Name: "purge", ID: "ID:purge-1-1:1", Store: s, Log: quiet})
	require.NoError(t, err)
	began := time.Now()
	n, err := b.Purge(t.Context(), message.NewQueue(backlogQueue))
	took := time.Since(began)
	require.NoError(t, err)
	require.Equal(t, purgeCount, n)
	left, err := shared.Query(database, "SELECT count(*) FROM activemq_msgs")
	require.NoError(t, err)
	require.Equal(t, "0", left)
	t.Logf("purged %d messages in %v", n, took.Round(time.Millisecond))
	require.Less(t, took, purgeLimit)
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, s.Close())
}
