//go:build jms

package jms

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// ordered are destinations with small pages, in the order of arrival or, by
// their names, of priority.
var ordered = harness.Options{
	Broker: `  destinationPolicy:
    policyMap:
      policyEntries:
        - {queue: "IT.order.priority.>", prioritizedMessages: true, maxPageSize: 100}
        - {topic: "IT.order.priority.>", prioritizedMessages: true, maxPageSize: 100}
        - {queue: "priority.order", prioritizedMessages: true, maxPageSize: 50}
        - {queue: "counted.order", persistJMSRedelivered: true}
        - {queue: ">", maxPageSize: 100, maxBrowsePageSize: 50}
`,
	XML: `<destinationPolicy><policyMap><policyEntries>
        <policyEntry queue="IT.order.priority.>" prioritizedMessages="true" maxPageSize="100"/>
        <policyEntry topic="IT.order.priority.>" prioritizedMessages="true" maxPageSize="100"/>
        <policyEntry queue="priority.order" prioritizedMessages="true" maxPageSize="50"/>
        <policyEntry queue="counted.order" persistJMSRedelivered="true"/>
        <policyEntry queue=">" maxPageSize="100" maxBrowsePageSize="50"/>
        </policyEntries></policyMap></destinationPolicy>`,
}

func TestOrder(t *testing.T) {
	t.Parallel()
	want := map[harness.Kind]int{harness.Conclave: 12, harness.ActiveMQ: 2} // which has three priorities, of a page
	runCases(t, ordered, want[lab.Kind], "OrderCases")
}

// TestOrderAfterKill: priorities and redelivery counters outlive a broker, and
// it is another process that goes on with them.
func TestOrderAfterKill(t *testing.T) {
	t.Parallel()
	a := lab.NewBroker(t, ordered)
	require.NoError(t, a.StartServing(startLimit))
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	_, err := lab.RunCases(ctx, t, a.URL(), "", lab.Kind == harness.Conclave, "OrderBeforeCases")
	require.NoError(t, err)
	o := ordered
	o.Name, o.Directory = "b", a.Directory()
	b := lab.NewBroker(t, o)
	require.NoError(t, b.Start())
	require.NoError(t, b.WaitSlave(startLimit))
	require.NoError(t, a.Kill())
	require.NoError(t, b.WaitServing(startLimit))
	seen, err := lab.RunCases(ctx, t, b.URL(), "", lab.Kind == harness.Conclave, "OrderAfterCases")
	require.NoError(t, err)
	if lab.Kind == harness.Conclave {
		require.Equal(t, 2, seen)
	}
}
