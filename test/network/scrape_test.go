//go:build network

package network

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// TestScrapeUnderLoad scrapes a broker with 10,000 queues that producers keep
// busy. The promise is 100 ms; the bound is ten times that, for machines with
// other work.
func TestScrapeUnderLoad(t *testing.T) {
	const queues = 10_000
	m := newMember(t, harness.Conclave, "a")
	console := m.withConsole(t)
	m.start(t)
	var names []string
	for i := range queues {
		names = append(names, fmt.Sprintf("orders.of.region.%05d", i))
	}
	s := dial(t, m.url())
	for part := range slices.Chunk(names, 100) {
		p, err := s.Producer(t.Context(), message.NewQueue(strings.Join(part, ",")), client.ProducerOptions{NonPersistent: true})
		require.NoError(t, err)
		require.NoError(t, p.Send(t.Context(), client.NewText("x")))
	}
	idle := scrape(t, console, queues)
	done := make(chan int)
	stop := make(chan struct{})
	p, err := s.Producer(t.Context(), message.NewQueue("busy"), client.ProducerOptions{NonPersistent: true})
	require.NoError(t, err)
	go func() {
		sent := 0
		for {
			select {
			case <-stop:
				done <- sent
				return
			default:
			}
			if p.Send(t.Context(), client.NewText("x")) == nil {
				sent++
			}
		}
	}()
	took := scrape(t, console, queues)
	close(stop)
	t.Logf("10,000 queues: median %v, worst of %d %v; idle %v, %v; %d messages sent meanwhile",
		took[scrapes/2], scrapes, took[scrapes-1], idle[scrapes/2], idle[scrapes-1], <-done)
	require.Less(t, took[scrapes/2], time.Second)
}

const scrapes = 10

// scrape returns how long scrapes took, in order.
func scrape(t *testing.T, console string, queues int) (took []time.Duration) {
	t.Helper()
	for range scrapes {
		began := time.Now()
		response, err := http.Get(console + "/metrics")
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		took = append(took, time.Since(began))
		require.Equal(t, queues, strings.Count(string(text), `conclave_destination_messages{kind="queue",destination="orders`))
	}
	slices.Sort(took)
	return took
}
