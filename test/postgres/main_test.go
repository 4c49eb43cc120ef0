//go:build postgres

package postgres

import (
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "seed of everything random; 0 takes one from the clock")
	brokerFlag = flag.String("broker", "conclave", "the broker under test: conclave, or activemq to compare")
)

// lab and shared are what all tests use; TestMain sets them before any runs.
var (
	lab       harness.Lab
	shared    *postgres.Server // for tests that do nothing to their server
	databases atomic.Int32     // that newDatabase has made
)

func TestMain(m *testing.M) {
	flag.Parse()
	lab.Kind, lab.Seed = harness.Kind(*brokerFlag), *seedFlag
	code := 1
	server, err := postgres.New(postgres.Options{Settings: map[string]string{"max_connections": "300"}})
	if err == nil {
		shared = server
		if err = server.Start(); err == nil {
			code = lab.Main(m, "postgres", "test/interop/java", "test/mixed/java")
		}
		err = errors.Join(err, server.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		code = 1
	}
	os.Exit(code)
}

// patience is far above what anything here takes on a loaded machine.
const patience = 90 * time.Second

// random gives a test its own numbers, which depend on the seed and its name
// alone, not on what runs beside it.
func random(t *testing.T) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(lab.Seed, h.Sum64()))
}

// newServer starts a server of the test's own.
func newServer(t *testing.T, o postgres.Options) *postgres.Server {
	t.Helper()
	s, err := postgres.New(o)
	require.NoError(t, err)
	own(t, s)
	require.NoError(t, s.Start())
	return s
}

// own ends a server with the test, and shows its log when that fails.
func own(t *testing.T, s *postgres.Server) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("end of PostgreSQL's log:\n%s", s.Log())
		}
		require.NoError(t, s.Close())
	})
}

// newDatabase makes an empty database; how is what CREATE DATABASE is told
// further.
func newDatabase(t *testing.T, s *postgres.Server, how string) string {
	t.Helper()
	name := fmt.Sprintf("db%d", databases.Add(1))
	require.NoError(t, s.Exec("", "CREATE DATABASE "+name+" "+how))
	return name
}

// newNode configures a broker; o.JDBC says where its messages are. Its
// log is looked through when the test ends: for what no log may have.
func newNode(t *testing.T, o harness.Options) *harness.Broker {
	t.Helper()
	if o.WorkDir == "" {
		o.WorkDir = t.TempDir()
	}
	o.Env = append(o.Env, "CONCLAVE_RUNTIME_DIR="+filepath.Join(o.WorkDir, "run"))
	n := lab.NewBroker(t, o)
	t.Cleanup(func() {
		log := n.Log()
		for _, bad := range []string{"DATA RACE", "panic:", "fatal error:", "fault while serving", postgres.Password} {
			if strings.Contains(log, bad) {
				t.Errorf("%q in the log of %s", bad, n.Name())
			}
		}
	})
	return n
}

// newPair is a master and a slave on a database.
func newPair(t *testing.T, url string) (a, b *harness.Broker) {
	t.Helper()
	a = newNode(t, harness.Options{Name: "a", JDBC: &harness.JDBC{URL: url}})
	b = newNode(t, harness.Options{Name: "b", JDBC: &harness.JDBC{URL: url}})
	require.NoError(t, a.StartServing(patience))
	require.NoError(t, b.Start())
	require.NoError(t, b.WaitSlave(patience))
	return a, b
}
