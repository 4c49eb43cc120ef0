package load_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/client/load"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/store/memory"
	"github.com/conclavemq/conclave/transport"
	"github.com/conclavemq/conclave/transport/openwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a broker without a disk in this process and returns its URL.
func serve(t testing.TB) string {
	t.Helper()
	id := message.BrokerID("ID:test-1-1-0:1")
	store := memory.New()
	b, err := broker.New(broker.Options{Name: "test", ID: id, Store: store})
	require.NoError(t, err)
	uri, err := transport.ParseURI("tcp://127.0.0.1:0")
	require.NoError(t, err)
	protocol := openwire.New(openwire.Options{URI: uri, Broker: b, BrokerName: "test", BrokerID: id})
	l, err := transport.Listen(transport.Options{Name: "openwire", URI: uri, Protocol: protocol})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		l.Park(ctx)
		l.Dismiss()
		require.NoError(t, b.Close(ctx))
		require.NoError(t, store.Close())
	})
	return "tcp://" + l.Addr().String()
}

var queue = message.NewQueue("LOAD")

// texts makes messages that name their producer and number.
func texts(producer int, number int64) (*message.Message, error) {
	return client.NewText(fmt.Sprintf("%d-%d", producer, number)), nil
}

// book notes what consumers receive.
type book struct {
	mu   sync.Mutex
	seen map[string]int // guarded by mu
}

func (b *book) note(_ int, d message.Delivery) error {
	text, err := client.Text(d.Message)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[text]++
	return err
}

func TestEverythingSentIsReceivedOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		batch    int
		noAnswer bool
		mode     client.AckMode
	}{
		"automatic":      {mode: client.AutoAcknowledge},
		"without answer": {mode: client.DupsOKAcknowledge, noAnswer: true},
		"client":         {mode: client.ClientAcknowledge, batch: 7},
		"individual":     {mode: client.IndividualAcknowledge},
		"transacted":     {mode: client.Transacted, batch: 7},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t)
			const parallel, count = 3, 100
			p := load.Producers{
				Target:      load.Target{URL: url, Parallel: parallel, Separate: tt.noAnswer},
				Destination: queue, Count: count, Batch: tt.batch, NoAnswer: tt.noAnswer, Message: texts,
			}
			sent := load.NewMeter(parallel)
			sent.Record(true)
			require.NoError(t, p.Run(t.Context(), sent))
			require.Equal(t, int64(parallel*count), sent.Total())
			require.NotZero(t, sent.Latencies().Count())

			got := book{seen: make(map[string]int)}
			c := load.Consumers{
				Target:      load.Target{URL: url, Parallel: 2, Separate: true},
				Destination: queue, Mode: tt.mode, Batch: 7, Idle: 300 * time.Millisecond, Each: got.note,
			}
			received := load.NewMeter(2)
			require.NoError(t, c.Run(t.Context(), received))
			require.Equal(t, int64(parallel*count), received.Total())
			require.Len(t, got.seen, parallel*count)

			again := load.NewMeter(2)
			require.NoError(t, c.Run(t.Context(), again))
			require.Zero(t, again.Total(), "the last batches were settled too")
		})
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	url := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	c := load.Consumers{
		Target:      load.Target{URL: url, Parallel: 2},
		Destination: message.NewTopic("LOAD"), Mode: client.AutoAcknowledge, Stamped: true,
		Ready: func() { close(ready) },
	}
	received := load.NewMeter(2)
	received.Record(true)
	ended := make(chan error, 2)
	go func() { ended <- c.Run(ctx, received) }()
	<-ready
	sent := load.NewMeter(1)
	p := load.Producers{
		Target:      load.Target{URL: url, Parallel: 1},
		Destination: message.NewTopic("LOAD"), Options: client.ProducerOptions{NonPersistent: true},
		Message: load.Stamped(1, 100), Pace: load.Ahead(sent, received, 2, 100),
	}
	go func() { ended <- p.Run(ctx, sent) }()
	require.Eventually(t, func() bool { return received.Total() > 1000 }, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	require.LessOrEqual(t, sent.Total()-received.Total()/2, int64(100+32+1), "paced")
	require.NotZero(t, received.Latencies().Count())
	require.Less(t, received.Latencies().Max(), time.Minute)
}

func TestAFailureEndsTheRun(t *testing.T) {
	url := serve(t)
	broken := errors.New("no message")
	p := load.Producers{
		Target:      load.Target{URL: url, Parallel: 3},
		Destination: queue, Count: 10,
		Message: func(producer int, n int64) (*message.Message, error) {
			if producer == 1 && n == 3 {
				return nil, broken
			}
			return texts(producer, n)
		},
	}
	require.ErrorIs(t, p.Run(t.Context(), load.NewMeter(3)), broken)
	p.Target.URL = "tcp://127.0.0.1:1"
	require.Error(t, p.Run(t.Context(), load.NewMeter(3)))
	p.Batch = -1
	require.Error(t, p.Run(t.Context(), load.NewMeter(3)))
	c := load.Consumers{Target: load.Target{URL: url, Parallel: 1}, Destination: message.NewQueue("A?b=c")}
	require.ErrorIs(t, c.Run(t.Context(), load.NewMeter(1)), client.ErrUnsupportedOption)
}

func TestWhatIsSaidIsActiveMQsWording(t *testing.T) {
	url := serve(t)
	var mu sync.Mutex
	var said []string
	say := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}
	p := load.Producers{Target: load.Target{URL: url, Parallel: 1}, Destination: queue, Count: 5, Batch: 2, Message: texts, Say: say}
	require.NoError(t, p.Run(t.Context(), load.NewMeter(1)))
	c := load.Consumers{Target: load.Target{URL: url, Parallel: 1}, Destination: queue, Count: 5, Batch: 2,
		Mode: client.ClientAcknowledge, Say: say}
	require.NoError(t, c.Run(t.Context(), load.NewMeter(1)))
	all := strings.Join(said, "\n")
	for _, line := range []string{
		"producer-1 Started to calculate elapsed time ...",
		"producer-1 Committing transaction: 2",
		"producer-1 Produced: 5 messages",
		"consumer-1 wait until 5 messages are consumed",
		"consumer-1 Acknowledging last 2 messages; messages so far = 4",
		"consumer-1 Consumed: 5 messages",
		"consumer-1 Consumer thread finished",
	} {
		require.Contains(t, all, line)
	}
}
