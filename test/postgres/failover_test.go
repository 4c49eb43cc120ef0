//go:build postgres

package postgres

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/crowd"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// backlogVariable says how many messages TestFailoverWithBacklog has lying
// there: 1,000,000 by default.
const backlogVariable = "BACKLOG"

func backlogSize(t *testing.T) int {
	t.Helper()
	text := os.Getenv(backlogVariable)
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// The target from a kill to the next acknowledged send.
const (
	targetMedian = 500 * time.Millisecond
	targetWorst  = 1500 * time.Millisecond
)

func TestFailover(t *testing.T) {
	server := newServer(t, postgres.Options{})
	database := newDatabase(t, server, "")
	a, b := newPair(t, server.URL(database))
	killAgainAndAgain(t, 10, server, database, a, b)
}

// TestFailoverWithBacklog: what lies in the queues costs nothing at take-over.
func TestFailoverWithBacklog(t *testing.T) {
	server := newServer(t, postgres.Options{Settings: map[string]string{"max_wal_size": "4GB", "maintenance_work_mem": "256MB"}})
	database := newDatabase(t, server, "")
	a := newNode(t, harness.Options{Name: "maker", JDBC: &harness.JDBC{URL: server.URL(database)}})
	require.NoError(t, a.StartServing(patience))
	require.NoError(t, a.Stop(patience))
	size := backlogSize(t)
	fillBacklog(t, server, database, size)
	a, b := newPair(t, server.URL(database))
	killAgainAndAgain(t, 10, server, database, a, b)
	require.Equal(t, fmt.Sprint(size), backlogLeft(t, server, database))
	takeBacklog(t, 1000, a, b)
}

// killAgainAndAgain kills whoever is master under load, measures how long it
// takes to the next acknowledged send, and settles the accounts.
func killAgainAndAgain(t *testing.T, kills int, server *postgres.Server, database string, a, b *harness.Broker) {
	t.Helper()
	x := &trial{T: t, server: server, database: database, a: a, b: b, clients: harness.Failover(a, b), history: harness.NewHistory(), random: random(t)}
	x.work = crowd.Start(t, x.clients, x.history, x.random)
	x.work.GoesOn(50)
	var took []time.Duration
	lag := harness.WatchLag()
	m, s := a, b
	for range kills {
		require.NoError(t, s.WaitSlave(patience))
		x.work.GoesOn(20 + x.random.IntN(60))
		x.now()
		require.NoError(t, m.Kill())
		took = append(took, x.served())
		t.Logf("%s killed %s, %s served after %v", x.since.Format("05.000"), m.Name(), s.Name(), took[len(took)-1])
		require.NoError(t, m.Start())
		m, s = s, m
	}
	late := lag.Stop()
	x.work.GoesOn(50) // what the last kill has cut off is settled
	for _, v := range x.end() {
		t.Error(v)
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	fmt.Printf("FAILOVER postgres %s: kill to next acknowledged send median %v worst %v; target %v and %v; the machine stood still for %v; %v\n",
		t.Name(), median.Round(time.Millisecond), worst.Round(time.Millisecond), targetMedian, targetWorst, late.Round(time.Millisecond), x.history.Account())
	require.LessOrEqual(t, median, targetMedian+late)
	require.LessOrEqual(t, worst, targetWorst+late)
}
