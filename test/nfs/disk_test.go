//go:build nfs

package nfs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/nfs/guest"
)

// A server's disk that is full stops senders and nobody else. When there is
// space they go on, without a restart.
func TestFullDisk(t *testing.T) {
	s := begin(t, "")
	filler := filepath.Join(guest.Disk, "filler")
	defer func() { _ = hosts.Server.Call("Remove", filler, &guest.None{}) }()
	require.NoError(t, hosts.Server.Call("Fill", guest.FillArgs{File: filler, Leave: 1 << 20}, &guest.None{}))
	s.stalls(4 * time.Second)
	t.Logf("senders stand still after %d acknowledgements", s.ledger.Acks())
	s.take(20)
	require.NoError(t, hosts.Server.Call("Remove", filler, &guest.None{}))
	space := time.Now()
	s.waitAcks(60)
	t.Logf("60 acknowledgements %.2f s after there is space; %d masterships so far",
		time.Since(space).Seconds(), s.a.count(masterWords)+s.b.count(masterWords))
	master, slave := s.a, s.b
	if s.b.epoch() > s.a.epoch() {
		master, slave = s.b, s.a
	}
	s.finish(master, slave)
}

// stalls waits until nothing has been acknowledged for a while.
func (s *scene) stalls(quiet time.Duration) {
	s.t.Helper()
	last, since := s.ledger.Acks(), time.Now()
	require.True(s.t, harness.Eventually(2*patience, func() bool {
		if n := s.ledger.Acks(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > quiet
	}), "senders never stand still")
}

// take consumes some of what waits, and has that confirmed.
func (s *scene) take(n int32) {
	s.t.Helper()
	conn, session := connect(s.t, failover(s.a, s.b), client.ClientAcknowledge)
	consumer, err := session.Consumer(within(s.t, patience), orders, client.ConsumerOptions{Prefetch: n})
	require.NoError(s.t, err)
	for range n {
		d, err := consumer.Receive(within(s.t, patience))
		require.NoError(s.t, err)
		require.NoError(s.t, enter(s.ledger, string(conn.ID()), d))
	}
	require.NoError(s.t, session.Acknowledge(within(s.t, patience)))
	require.NoError(s.t, conn.Close(within(s.t, patience)))
}
