//go:build fault

package fault

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/test/harness"
)

var prices = message.NewTopic("PRICES")

// A subscriber that never reads is sent 400 MB. It costs the broker's memory
// limit and no more, the others get everything, and it is ended and named when
// it has taken nothing for soWriteTimeout.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	const messages, size, limit = 400, 1 << 20, 32 << 20
	n := newNode(t, "", settings{uri: "transport.soWriteTimeout=4000", broker: "systemUsage: {memoryUsage: {limit: 32mb}}"}).serve()
	ledger := harness.NewLedger()
	l := startLoad(t, n.url(), ledger, 1, 512)

	_, session := connect(t, n.url())
	reader, err := session.Consumer(within(t, patience), prices, client.ConsumerOptions{Prefetch: 10})
	require.NoError(t, err)
	deaf := connected(t, n)
	require.NoError(t, deaf.socket.(*net.TCPConn).SetReadBuffer(4096))
	require.IsType(t, &openwire.Response{}, deaf.request(&message.ConsumerInfo{
		ID: message.ConsumerID{Connection: deaf.session().Connection, Session: 1, Value: 1}, Destination: prices, PrefetchSize: 32767}))

	before := n.rss()
	_, sending := connect(t, n.url())
	producer, err := sending.Producer(within(t, patience), prices, client.ProducerOptions{NonPersistent: true})
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		body := client.NewBytes(make([]byte, size))
		for range messages {
			if err := producer.Send(ctx, body); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range messages {
		d, err := reader.Receive(within(t, patience))
		require.NoError(t, err, "after %d of %d", i, messages)
		body, err := client.Bytes(d.Message)
		require.NoError(t, err)
		require.Len(t, body, size)
	}
	require.NoError(t, <-sent)
	n.waitLog("peer takes no data for 4s")
	require.Contains(t, n.line("transport connection failed"), deaf.socket.LocalAddr().String(), "it names the peer")
	grown := n.peakRSS() - before
	t.Logf("at most %d MiB more memory", grown>>20)
	require.Less(t, grown, int64(8*limit), "of 400 MB that it was sent")
	require.Equal(t, 1, n.count("messages that are not persistent go to the temporary store"), "the log says once where they are")
	l.waitAcks(20)
	l.finish()
	drain(t, n.url(), ledger)
}
