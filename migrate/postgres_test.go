//go:build postgres

package migrate

import (
	"context"
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/jdbcstore"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// tables are a store in a database, told apart by their prefix. What is
// appended when it is closed is carried out: a unit is a transaction, so that
// a crash is between two of them as well.
type tables struct {
	url, prefix string
	s           *jdbcstore.Store
}

func (d *tables) open(t require.TestingT) Side {
	s, err := jdbcstore.Open(context.Background(), jdbcstore.Options{DataSource: d.url, Log: quiet, MaxConnections: 2,
		Tables: jdbcstore.Tables{Prefix: d.prefix}})
	require.NoError(t, err)
	d.s = s
	return Side{Store: s, State: s.Recovered()}
}

func (d *tables) close(t require.TestingT) { require.NoError(t, d.s.Close()) }
func (d *tables) leave() {
	if d.s != nil {
		_ = d.s.Close()
	}
}
func (d *tables) crash(t require.TestingT) { d.close(t) }

// TestDatabaseCopyIsExact is TestCopyIsExact with a database on either side.
func TestDatabaseCopyIsExact(t *testing.T) {
	server, err := postgres.New(postgres.Options{Settings: map[string]string{"fsync": "off"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	require.NoError(t, server.Start())
	few := flag.Lookup("rapid.checks")
	was := few.Value.String()
	require.NoError(t, few.Value.Set("12"))
	t.Cleanup(func() { require.NoError(t, few.Value.Set(was)) })
	n := 0
	next := func() medium {
		n++
		return &tables{url: server.URL(""), prefix: fmt.Sprintf("T%d_", n)}
	}
	t.Run("there", func(t *testing.T) { testExact(t, func() (source, target medium) { return newDisk(), next() }) })
	t.Run("back", func(t *testing.T) { testExact(t, func() (source, target medium) { return next(), newDisk() }) })
}
