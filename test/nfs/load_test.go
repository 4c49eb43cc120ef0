//go:build nfs

package nfs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

var (
	orders = message.NewQueue("ORDERS") // fills until it is drained in the end
	live   = message.NewQueue("LIVE")   // is consumed all the time
)

// queues are those of the pair's clients, by the producer's name.
var queues = map[string]message.Destination{"orders": orders, "live": live}

// bodySize makes a scenario's journal some files long.
const bodySize = 4096

// pace is the time between two sends of one client: the hosts are slow, and
// what is measured here is not how much they can do.
const pace = 25 * time.Millisecond

// paced says when the next send is due; false is the end of ctx.
func paced(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-tick.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// within gives a context that ends with the test at the latest.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func connect(t *testing.T, url string, mode client.AckMode) (*client.Conn, *client.Session) {
	t.Helper()
	conn, err := client.Dial(within(t, patience), url, client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	session, err := conn.Session(within(t, patience), mode)
	require.NoError(t, err)
	return conn, session
}

// failover is a client's URL over both nodes. A client of a host that has no
// power hears nothing; two seconds of that are enough.
func failover(nodes ...*node) string {
	urls := ""
	for i, n := range nodes {
		if i > 0 {
			urls += ","
		}
		urls += n.url() + "?wireFormat.maxInactivityDuration=2000"
	}
	return "failover:(" + urls + ")?initialReconnectDelay=10&maxReconnectDelay=50&useExponentialBackOff=false&randomize=false"
}

// send sends entries of the ledger until ctx ends; with failover none may fail.
func send(ctx context.Context, t *testing.T, producer *client.Producer, ledger *harness.Ledger, name string) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for paced(ctx, tick) {
		number, body := ledger.Next(name, bodySize)
		err := producer.Send(ctx, client.NewText(body))
		if err == nil {
			ledger.Acknowledged(name, number)
			continue
		}
		if ctx.Err() == nil && !noSpace(err) {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// noSpace says whether a send was refused because the disk is full.
func noSpace(err error) bool {
	var refusal *client.RemoteError
	return errors.As(err, &refusal) && refusal.Class == "javax.jms.ResourceAllocationException"
}

// consume receives into the ledger until ctx ends.
func consume(ctx context.Context, t *testing.T, consumer *client.Consumer, ledger *harness.Ledger, name string) {
	for {
		d, err := consumer.Receive(ctx)
		if err == nil {
			err = enter(ledger, name, d)
		}
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
	}
}

func enter(ledger *harness.Ledger, name string, d message.Delivery) error {
	body, err := client.Text(d.Message)
	if err == nil {
		ledger.Delivered(name, body, d.RedeliveryCounter > 0)
	}
	return err
}

// drain receives everything from a queue until nothing more comes, having
// waited for what the ledger misses.
func drain(t *testing.T, url string, queue message.Destination, ledger *harness.Ledger) {
	t.Helper()
	conn, session := connect(t, url, client.ClientAcknowledge)
	consumer, err := session.Consumer(within(t, patience), queue, client.ConsumerOptions{})
	require.NoError(t, err)
	const quiet = 500 * time.Millisecond // for what may come too much
	for last, n := time.Now(), 1; ; n++ {
		ctx, cancel := context.WithTimeout(context.Background(), quiet)
		d, err := consumer.Receive(ctx)
		cancel()
		if err == nil {
			require.NoError(t, enter(ledger, string(conn.ID()), d))
			last = time.Now()
			if n%200 == 0 {
				require.NoError(t, session.Acknowledge(within(t, patience)))
			}
			continue
		}
		require.Error(t, ctx.Err(), "while draining: %v", err)
		if time.Since(last) > 5*time.Second || len(ledger.Missing()) == 0 {
			break
		}
	}
	require.NoError(t, session.Acknowledge(within(t, patience)))
	require.NoError(t, conn.Close(within(t, patience)))
}
