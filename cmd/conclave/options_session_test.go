package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/broker"
	"github.com/conclavemq/conclave/config"
)

func TestSessionOptions(t *testing.T) {
	c, err := config.Load(config.Source{})
	require.NoError(t, err)
	require.Equal(t, broker.SessionOptions{}, sessionOptions(&c.Broker))

	s := &c.Broker.BrokerSessions
	s.KeepDurableSubsActive, s.RollbackOnlyOnAsyncException = false, false
	s.MaxUncommittedCount, s.RejectDurableConsumers = 7, true
	s.EnableMessageExpirationOnActiveDurableSubs = true
	s.OfflineDurableSubscriberTimeout = 0
	require.Equal(t, broker.SessionOptions{
		ForgetTransient: true, CommitAfterAsyncError: true, MaxUncommitted: 7, RejectDurableConsumers: true,
		ExpireActiveDurables: true, OfflineTimeout: time.Millisecond, OfflineSchedule: 5 * time.Minute,
	}, sessionOptions(&c.Broker))
	s.OfflineDurableSubscriberTaskSchedule = -time.Millisecond
	require.Zero(t, sessionOptions(&c.Broker).OfflineTimeout)
}
