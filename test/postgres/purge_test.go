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

// purgeCount messages are to be purged within purgeTarget. It takes 0.5 to 0.9 s
// on two processors that have little else to do: for each message the broker
// reads it, and the database finds and deletes one row in three indexes. Here
// other tests have the processors too, so that what fails is purgeSlack times
// the target: too much work for each message, not a busy machine. The log says
// whether the target was met.
const (
	purgeCount  = 100_000
	purgeTarget = 2 * time.Second
	purgeSlack  = 3
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
	t.Logf("purged %d messages in %v; target %v met: %v", n, took.Round(time.Millisecond), purgeTarget, took <= purgeTarget)
	require.Less(t, took, purgeSlack*purgeTarget)
	require.NoError(t, b.Close(t.Context()))
	require.NoError(t, s.Close())
}
