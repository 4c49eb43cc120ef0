//go:build jms

package jms

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

func TestScheduler(t *testing.T) {
	t.Parallel()
	want := 23
	if lab.Kind == harness.Conclave {
		want = 26
	}
	runCases(t, harness.Options{Broker: "schedulerSupport: true\n", XMLAttributes: `schedulerSupport="true"`}, want, "SchedulerCases", "SchedulerInputCases")
}

func TestRedelivery(t *testing.T) {
	t.Parallel()
	runCases(t, harness.Options{
		Broker: `
schedulerSupport: true
plugins:
  redeliveryPlugin:
    redeliveryPolicyMap:
      defaultEntry:
        redeliveryPolicy: {maximumRedeliveries: 2}
`,
		XMLAttributes: `schedulerSupport="true"`,
		XML: `<plugins><redeliveryPlugin><redeliveryPolicyMap><redeliveryPolicyMap><defaultEntry>
<redeliveryPolicy maximumRedeliveries="2"/></defaultEntry></redeliveryPolicyMap></redeliveryPolicyMap></redeliveryPlugin></plugins>`,
	}, 2, "RedeliveryCases")
}

const detecting = "duplicateDetectionWindow: 600000\n"

func TestDuplicates(t *testing.T) {
	t.Parallel()
	if lab.Kind != harness.Conclave {
		t.Log("ActiveMQ has no duplicate detection by id")
		return
	}
	runCases(t, harness.Options{Broker: detecting}, 3, "DuplicateCases")
}

// The next master knows the ids, of messages that are consumed, too.
func TestDuplicatesSurviveKill(t *testing.T) {
	t.Parallel()
	if lab.Kind != harness.Conclave {
		t.Log("ActiveMQ has no duplicate detection by id")
		return
	}
	dir := t.TempDir() + "/kahadb"
	for i, class := range []string{"DuplicateBefore", "DuplicateAfter"} {
		b := lab.NewBroker(t, harness.Options{Name: class, Directory: dir, Broker: detecting})
		require.NoError(t, b.StartServing(startLimit))
		seen, err := lab.RunCases(t.Context(), t, b.URL(), "", true, class)
		require.NoError(t, err)
		require.Equal(t, 1, seen)
		if i == 0 {
			require.NoError(t, b.Kill())
		}
	}
}

// The master of a pair dies while jobs are pending, some of them due at that
// moment: each comes about once, and those that repeat as often as they should.
func TestSchedulerSurvivesKill(t *testing.T) {
	t.Parallel()
	if lab.Kind != harness.Conclave {
		t.Log("ActiveMQ's jobs are not in the shared directory")
		return
	}
	dir := t.TempDir()
	var nodes [2]*harness.Broker
	for i, name := range []string{"a", "b"} {
		nodes[i] = lab.NewBroker(t, harness.Options{Name: name, Directory: dir + "/kahadb", Broker: "schedulerSupport: true\n",
			Env: []string{"CONCLAVE_RUNTIME_DIR=" + dir + "/run"}})
		require.NoError(t, nodes[i].Start())
		if i == 0 {
			require.NoError(t, nodes[0].WaitServing(startLimit))
		}
	}
	require.NoError(t, nodes[1].WaitSlave(startLimit))
	url := fmt.Sprintf("failover:(%s,%s)?initialReconnectDelay=10&maxReconnectDelay=100", nodes[0].URL(), nodes[1].URL())
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	p, err := lab.Java.Start(ctx, "SchedulerKill", url, "2000", "20")
	require.NoError(t, err)
	verdict, kills := "", 0
	for line := range p.Lines {
		switch {
		case line == "GOT 400" || line == "GOT 1200":
			require.NoError(t, nodes[kills].Kill())
			require.NoError(t, nodes[1-kills].WaitServing(startLimit))
			if kills == 0 {
				require.NoError(t, nodes[0].Start())
				require.NoError(t, nodes[0].WaitSlave(startLimit))
			}
			kills++
		case strings.HasPrefix(line, "DONE"), strings.HasPrefix(line, "BAD"):
			verdict = line
		}
	}
	require.NoError(t, p.Wait(), p.Stderr())
	require.Equal(t, "DONE", verdict)
	require.Equal(t, 2, kills)
}

// ActiveMQ keeps the jobs of a directory that it takes over, for the broker
// that comes after it.
func TestSchedulerThroughActiveMQ(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/kahadb"
	for _, step := range []struct {
		kind  harness.Kind
		class string
	}{{harness.Conclave, "JobsBefore"}, {harness.ActiveMQ, ""}, {harness.Conclave, "JobsAfter"}} {
		b := lab.NewBroker(t, harness.Options{Kind: step.kind, Name: string(step.kind) + step.class, Directory: dir, Broker: "schedulerSupport: true\n"})
		require.NoError(t, b.StartServing(startLimit))
		if step.class != "" {
			seen, err := lab.RunCases(t.Context(), t, b.URL(), "", true, step.class)
			require.NoError(t, err)
			require.Equal(t, 1, seen)
		}
		require.NoError(t, b.Kill())
	}
}
