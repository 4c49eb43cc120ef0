package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const scheduling = pair + `
  schedulerSupport: true
  maxSchedulerRepeatAllowed: 5
  systemUsage:
    jobSchedulerUsage:
      limit: 1 gb
  plugins:
    redeliveryPlugin:
      fallbackToDeadLetter: false
      redeliveryPolicyMap:
        redeliveryPolicyEntries:
          - redeliveryPolicy:
              queue: A.>
              maximumRedeliveries: -1
              useExponentialBackOff: true
              backOffMultiplier: 1.5
        defaultEntry:
          redeliveryPolicy:
            initialRedeliveryDelay: 2000
            useCollisionAvoidance: true
`

func TestScheduling(t *testing.T) {
	c, err := load(t, scheduling)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	b := &c.Broker
	require.True(t, b.SchedulerSupport)
	require.Equal(t, 5, b.MaxSchedulerRepeatAllowed)
	require.Equal(t, int64(1<<30), b.SystemUsage.JobSchedulerUsage.Limit)
	p := b.Plugins.Redelivery
	require.True(t, p.SendToDlqIfMaxRetriesExceeded)
	require.False(t, p.FallbackToDeadLetter)

	want := RedeliveryPolicy{}
	want.setDefaults()
	want.Queue, want.MaximumRedeliveries, want.UseExponentialBackOff, want.BackOffMultiplier = "A.>", -1, true, 1.5
	require.Empty(t, cmp.Diff(&want, p.PolicyMap.Find("queue", "A.B")))
	want = RedeliveryPolicy{}
	want.setDefaults()
	want.InitialRedeliveryDelay, want.UseCollisionAvoidance = 2*time.Second, true
	require.Empty(t, cmp.Diff(&want, p.PolicyMap.Find("topic", "A.B")))
}

func TestSchedulingRefusals(t *testing.T) {
	for name, text := range map[string]string{
		"plugins.redeliveryPlugin: requires schedulerSupport": `
  plugins:
    redeliveryPlugin: {}
`,
		"redeliveryPolicyEntries[0].redeliveryDelay: must be at least 1000 ms": `
  schedulerSupport: true
  plugins:
    redeliveryPlugin:
      redeliveryPolicyMap:
        redeliveryPolicyEntries:
          - redeliveryPolicy: {queue: a, redeliveryDelay: 999}
`,
		"needs exactly one of queue": `
  schedulerSupport: true
  plugins:
    redeliveryPlugin:
      redeliveryPolicyMap:
        redeliveryPolicyEntries:
          - redeliveryPolicy: {queue: a, topic: b}
`,
		"defaultEntry.initialRedeliveryDelay": `
  schedulerSupport: true
  plugins:
    redeliveryPlugin:
      redeliveryPolicyMap:
        defaultEntry: {initialRedeliveryDelay: 10}
`,
	} {
		_, err := load(t, pair+text)
		require.ErrorContains(t, err, name)
	}
}

func TestSchedulerDirectoryIsAWarning(t *testing.T) {
	c, err := load(t, pair+"  schedulerSupport: true\n  schedulerDirectory: /shared/jobs\n")
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)
	require.Contains(t, c.Warnings[0], "schedulerDirectory has no effect on where scheduled messages are kept")
	require.Equal(t, "/shared/jobs", c.Broker.SchedulerDirectory)
}
