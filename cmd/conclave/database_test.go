package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/config"
	"github.com/conclavemq/conclave/lock"
	"github.com/conclavemq/conclave/lock/pglock"
)

// loaded reads a configuration with that in its persistenceAdapter.
func loaded(t *testing.T, adapter string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "conclave.yaml")
	text := "broker:\n  transportConnectors: [{name: o, uri: 'tcp://127.0.0.1:0'}]\n  persistenceAdapter: " + adapter + "\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return config.Load(config.Source{File: file})
}

func TestDatabaseIsConfigured(t *testing.T) {
	c, err := loaded(t, `{jdbcPersistenceAdapter: {dataSource: "postgres://u:hidden@h/d", statements: {tablePrefix: A_}}}`)
	require.NoError(t, err)
	require.Equal(t, "postgres://u@h:5432/d (tables A_*)", storeName(&c.Broker))
	require.Empty(t, c.Broker.StoreDirectory())
	l, err := newLocker(&c.Broker, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.IsType(t, &pglock.Advisory{}, l)

	c, err = loaded(t, `{jdbcPersistenceAdapter: {dataSource: "postgres://u@h/d", locker: {lease-database-locker: {leaseHolderId: x}}}}`)
	require.NoError(t, err)
	l, err = newLocker(&c.Broker, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.IsType(t, &pglock.LeaseRow{}, l)
}

func TestDatabaseIsRefused(t *testing.T) {
	for adapter, text := range map[string]string{
		`{jdbcPersistenceAdapter: {}}`:                                                                               "dataSource: is missing",
		`{jdbcPersistenceAdapter: {dataSorce: x}}`:                                                                   "did you mean dataSource?",
		`{jdbcPersistenceAdapter: {dataSource: x, useDatabaseLock: false}}`:                                          "a second broker",
		`{jdbcPersistenceAdapter: {dataSource: x, locker: {shared-file-locker: {}}}}`:                                "locks a directory",
		`{jdbcPersistenceAdapter: {dataSource: x, statements: {addMessageStatement: y}}}`:                            "the statements are this broker's own",
		`{jdbcPersistenceAdapter: {dataSource: x}, kahaDB: {directory: y}}`:                                          "has two stores",
		`{kahaDB: {locker: {database-locker: {}}}}`:                                                                  "the store is a directory",
		`{jdbcPersistenceAdapter: {dataSource: x, maxConnections: 1}}`:                                               "maxConnections: 1 is not within",
		`{jdbcPersistenceAdapter: {dataSource: x, locker: {lease-database-locker: {lockAcquireSleepInterval: 10}}}}`: "not within",
	} {
		_, err := loaded(t, adapter)
		require.ErrorContains(t, err, text, adapter)
	}
	for adapter, text := range map[string]string{
		`{jdbcPersistenceAdapter: {dataSource: "#postgres-ds"}}`:                                              "Java bean",
		`{jdbcPersistenceAdapter: {dataSource: "mysql://u:hidden@h/d"}}`:                                      "kind of database",
		`{jdbcPersistenceAdapter: {dataSource: "postgres://h/d", lockDataSource: "postgres://u:hidden@h:x"}}`: "lockDataSource",
		`{jdbcPersistenceAdapter: {dataSource: "postgres://h/d", statements: {tablePrefix: "a b"}}}`:          "tablePrefix",
	} {
		c, err := loaded(t, adapter)
		require.NoError(t, err)
		_, err = newLocker(&c.Broker, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, text, adapter)
		require.NotContains(t, err.Error(), "hidden")
	}
}

// TestDatabaseThatIsNotThere: status says why, soon.
func TestDatabaseThatIsNotThere(t *testing.T) {
	c, err := loaded(t, `{jdbcPersistenceAdapter: {dataSource: "postgres://u:hidden@127.0.0.1:1/d"}}`)
	require.NoError(t, err)
	r := place{database: c.Broker.Database()}.report()
	require.Contains(t, r.Problem, "refused")
	require.NotContains(t, r.Problem, "hidden")
	require.Equal(t, "postgres://u@127.0.0.1:1/d", r.Database)
	_, err = readDatabase(c.Broker.Database(), time.Nanosecond)
	require.ErrorIs(t, err, lock.ErrHung)
}
