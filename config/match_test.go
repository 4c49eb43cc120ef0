package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindPolicy(t *testing.T) {
	m := PolicyMap{Entries: []PolicyEntry{
		{Queue: ">"}, {Queue: "A.>"}, {Queue: "A.B"}, {Queue: "A.*.C"}, {Topic: "A.>"},
	}}
	for _, test := range []struct{ attribute, name, want string }{
		{"queue", "A.B", "A.B"},
		{"queue", "A.B.C", "A.*.C"},
		{"queue", "A", "A.>"},
		{"queue", "A.B.D", "A.>"},
		{"queue", "B", ">"},
		{"topic", "A.B", "A.>"},
	} {
		_, got := m.Find(test.attribute, test.name).Pattern()
		require.Equal(t, test.want, got, "%s %s", test.attribute, test.name)
	}
	require.Nil(t, m.Find("topic", "B"))
	require.Nil(t, m.Find("tempQueue", "A.B"))
	m.Default = &PolicyEntry{MaxPageSize: 3}
	require.Same(t, m.Default, m.Find("topic", "B"))
}

func TestStrategies(t *testing.T) {
	c, err := load(t, pair+`
  destinationPolicy:
    policyMap:
      policyEntries:
        - queue: "a.>"
          deadLetterStrategy:
            individualDeadLetterStrategy: {queuePrefix: "DLQ.", processExpired: false}
        - queue: b
          deadLetterStrategy:
            sharedDeadLetterStrategy:
              deadLetterQueue: {queue: {physicalName: dead}}
        - topic: ">"
          deadLetterStrategy: {discarding: }
          pendingMessageLimitStrategy: {constantPendingMessageLimitStrategy: {limit: 1000}}
      defaultEntry: {memoryLimit: 2mb}
`)
	require.NoError(t, err)
	m := &c.Broker.DestinationPolicy.PolicyMap
	individual := m.Find("queue", "a.x").DeadLetterStrategy.Individual
	require.Equal(t, "DLQ.a.x", individual.Name(true, "a.x"))
	require.Equal(t, "ActiveMQ.DLQ.Topic.t", individual.Name(false, "t"))
	require.False(t, individual.ProcessExpired)
	shared := m.Find("queue", "b").DeadLetterStrategy.Shared
	require.Equal(t, "dead", shared.DeadLetterQueue.Queue.PhysicalName)
	require.True(t, shared.ProcessExpired)
	topics := m.Find("topic", "t")
	require.NotNil(t, topics.DeadLetterStrategy.Discarding)
	require.Equal(t, 1000, topics.PendingMessageLimitStrategy.Constant.Limit)
	require.EqualValues(t, 2<<20, m.Find("queue", "other").MemoryLimit)

	_, err = load(t, pair+`
  destinationPolicy:
    policyEntries: []
`)
	require.ErrorIs(t, err, ErrUnknown, "policyMap is missing")
}
