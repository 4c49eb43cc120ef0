//go:build network

package network

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// book counts what was sent and received of a queue.
type book struct {
	mu       sync.Mutex
	sent     int            // guarded by mu; confirmed
	received map[string]int // guarded by mu; without those flagged as redelivered
	all      map[string]bool
}

// TestCombinedDeployment is the deployment of a cluster whose one member is a
// pair: A, and B with its slave C on one directory. A reaches the pair by
// masterslave:, each of the pair A by static:. The pair's master is killed
// again and again under load in both directions.
func TestCombinedDeployment(t *testing.T) {
	a := newMember(t, harness.Conclave, "a")
	pair := []*member{newMember(t, harness.Conclave, "b"), newMember(t, harness.Conclave, "b")}
	dir := filepath.Join(t.TempDir(), "shared")
	a.link(fmt.Sprintf("masterslave:(%s,%s)", pair[0].url(), pair[1].url()), `name="TO-B"`)
	var brokers []*harness.Broker
	for _, m := range pair {
		m.Directory = dir
		m.link("static:("+a.url()+")", `name="TO-A"`)
		brokers = append(brokers, m.start1(t, len(brokers) == 0))
	}
	A := a.start(t)
	awaitBridges(t, A, 1)
	awaitBridges(t, brokers[0], 1)

	pairURL := fmt.Sprintf("failover:(%s,%s)?maxReconnectDelay=100", pair[0].url(), pair[1].url())
	out, back := message.NewQueue("OUT"), message.NewQueue("BACK")
	ctx, stop := context.WithCancel(t.Context())
	var producing, consuming sync.WaitGroup
	toPair, toA := &book{received: map[string]int{}, all: map[string]bool{}}, &book{received: map[string]int{}, all: map[string]bool{}}
	done, end := context.WithCancel(t.Context())
	consuming.Go(func() { toPair.consume(done, t, pairURL, out) })
	consuming.Go(func() { toA.consume(done, t, a.url(), back) })
	var failed atomic.Int64
	producing.Go(func() { toPair.produce(ctx, t, a.url(), out, &failed) })
	producing.Go(func() { toA.produce(ctx, t, pairURL, back, &failed) })

	var gaps []time.Duration
	master := 0
	for range *killsFlag {
		before := toPair.count() + toA.count()
		require.Eventually(t, func() bool { return toPair.count()+toA.count() > before+100 }, 30*time.Second, 10*time.Millisecond)
		killed := time.Now()
		require.NoError(t, brokers[master].Kill())
		next := 1 - master
		for _, b := range []*harness.Broker{A, brokers[next]} {
			gaps = append(gaps, reformed(t, b, killed))
		}
		require.NoError(t, brokers[master].Start())
		require.NoError(t, brokers[master].WaitSlave(startLimit))
		master = next
	}
	stop()
	producing.Wait()
	for _, b := range []*book{toPair, toA} {
		require.Eventually(t, b.complete, 60*time.Second, 20*time.Millisecond, "%v", b)
	}
	<-time.After(300 * time.Millisecond) // whatever comes twice
	end()
	consuming.Wait()
	toPair.check(t)
	toA.check(t)
	slices.Sort(gaps)
	p99 := gaps[(len(gaps)*99+99)/100-1]
	t.Logf("%d kills, %d and %d messages, no send failed for good: %t; bridges re-formed: median %v, p99 %v",
		*killsFlag, toPair.sent, toA.sent, failed.Load() == 0, gaps[len(gaps)/2], p99)
	require.LessOrEqual(t, p99, 3*time.Second)
}

// start1 starts the first of a pair as its master, the second as its slave.
func (m *member) start1(t *testing.T, first bool) *harness.Broker {
	t.Helper()
	if first {
		return m.start(t)
	}
	m.configure()
	b := lab.NewBroker(t, m.Options)
	require.NoError(t, b.Start())
	require.NoError(t, b.WaitSlave(startLimit))
	return b
}

// reformed waits for a bridge that began after a moment and returns how long
// after.
func reformed(t *testing.T, b *harness.Broker, after time.Time) (gap time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, s := range statusOf(t, b).Network {
			if s.State == "bridged" && s.Since.After(after) {
				gap = s.Since.Sub(after)
				return true
			}
		}
		return false
	}, 30*time.Second, 50*time.Millisecond, "%s has no bridge again", b.Name())
	return gap
}

// produce sends as long as ctx lasts; a send that was not confirmed is repeated
// by the client.
func (b *book) produce(ctx context.Context, t *testing.T, url string, d message.Destination, failed *atomic.Int64) {
	c, err := client.Dial(context.Background(), url, client.Options{})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close(context.Background())
	s, err := c.Session(context.Background(), client.AutoAcknowledge)
	if err != nil {
		t.Error(err)
		return
	}
	p, err := s.Producer(context.Background(), d, client.ProducerOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		if err := p.Send(context.Background(), client.NewText(fmt.Sprint(i))); err != nil {
			failed.Add(1)
			t.Error(err)
			return
		}
		b.mu.Lock()
		b.sent = i + 1
		b.mu.Unlock()
		<-time.After(time.Millisecond)
	}
}

func (b *book) consume(ctx context.Context, t *testing.T, url string, d message.Destination) {
	c, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close(context.Background())
	s, err := c.Session(ctx, client.AutoAcknowledge)
	if err != nil {
		t.Error(err)
		return
	}
	consumer, err := s.Consumer(ctx, d, client.ConsumerOptions{Prefetch: 100})
	if err != nil {
		t.Error(err)
		return
	}
	for {
		m, err := consumer.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				t.Error(err)
			}
			return
		}
		text, _ := client.Text(m.Message)
		b.mu.Lock()
		b.all[text] = true
		if m.RedeliveryCounter == 0 {
			b.received[text]++
		}
		b.mu.Unlock()
	}
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

func (b *book) complete() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all) == b.sent
}

// check finds what is missing, and what came twice without being flagged.
func (b *book) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.sent {
		require.True(t, b.all[fmt.Sprint(i)], "message %d is missing", i)
	}
	for text, n := range b.received {
		require.Equal(t, 1, n, "message %s", text)
	}
}
