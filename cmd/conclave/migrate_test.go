package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/journal"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/migrate"
	"github.com/conclavemq/conclave/store"
)

var quietLog = slog.New(slog.DiscardHandler)

// fillQueue adds messages to a journal, as a broker would.
func fillQueue(t *testing.T, dir, queue string, from, n int) {
	t.Helper()
	lease := hold(t, dir)
	j, err := journal.Open(journal.Options{Directory: dir, Lease: lease, Log: quietLog})
	require.NoError(t, err)
	j.Recovered()
	producer := message.ProducerID{Connection: "ID:test-1-1:1", Session: 1, Value: 1}
	dest := message.NewQueue(queue)
	for i := range n {
		m := &message.Message{Body: message.Text, Persistent: true, Destination: dest, Producer: producer,
			ID: message.MessageID{Producer: producer, ProducerSequence: int64(from + i)}, Content: []byte{0, 0, 0, 1, 'x'}}
		j.Append(store.Single(store.Op{Action: store.Add, Destination: dest, Message: m}, true, nil))
	}
	require.NoError(t, j.Close())
	require.NoError(t, lease.Release())
}

// hold takes the lock of a directory.
func hold(t *testing.T, dir string) *lock.Lease {
	t.Helper()
	locker, err := lock.NewFile(lock.FileOptions{Directory: dir, Floor: func() uint64 { return journal.LastEpoch(dir) }})
	require.NoError(t, err)
	lease, err := locker.Acquire(t.Context())
	require.NoError(t, err)
	return lease
}

func TestMigrateBetweenDirectories(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
	fillQueue(t, from, "A", 1, 50)
	args := []string{"migrate", "--from", "kahadb:" + from, "--to", "kahadb:" + to}
	for _, text := range []string{"it is copied", "it is there already"} {
		out, code := run(t, args...)
		require.Zero(t, code, out)
		require.Contains(t, out, "50 messages in 1 queues and subscriptions, 0 prepared branches", text)
	}
	out, code := run(t, append(args, "--json")...)
	require.Zero(t, code, out)
	require.Contains(t, out, `"Messages":50`)

	fillQueue(t, to, "B", 1, 1)
	out, code = run(t, args...)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, migrate.ErrNotEmpty.Error())

	lease := hold(t, to)
	out, code = run(t, args...)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "is in use")
	require.NoError(t, lease.Release())
}

func TestMigrateBadArguments(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][2]string{
		"no source":      {"", "kahadb:" + dir},
		"no target":      {"kahadb:" + dir, ""},
		"no kind":        {dir, "kahadb:" + dir},
		"another kind":   {"mysql://h/db", "kahadb:" + dir},
		"no directory":   {"kahadb:", "kahadb:" + dir},
		"missing source": {"kahadb:" + dir + "/none", "kahadb:" + dir},
		"bad address":    {"kahadb:" + dir, "postgres://h:port/db"},
		"the same":       {"kahadb:" + dir, "kahadb:" + dir + "/."},
	} {
		out, code := run(t, "migrate", "--from", args[0], "--to", args[1])
		require.Equal(t, exitUsage, code, "%s: %s", name, out)
	}
}

func TestSchemaNames(t *testing.T) {
	out, code := run(t, "schema", "--tablePrefix", "mq.X_", "--messageTableName", "LETTERS", "--grant", `a"b`)
	require.Zero(t, code, out)
	for _, want := range []string{"CREATE TABLE IF NOT EXISTS mq.X_LETTERS(", "mq.X_ACTIVEMQ_ACKS(", "mq.X_ACTIVEMQ_LOCK(", "mq.X_CONCLAVE_EPOCH(",
		`TO "a""b";`, "GRANT USAGE ON SCHEMA mq", "BEGIN;\n", "COMMIT;\n"} {
		require.Contains(t, out, want)
	}
	for _, bad := range []string{"a b", "x;", `"x"`, "a.b.c"} {
		out, code := run(t, "schema", "--tablePrefix", bad)
		require.Equal(t, exitUsage, code, fmt.Sprint(bad, out))
	}
}
