//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

// groupPolicies are for the cases of the same names.
const groupPolicies = `destinationPolicy:
  policyMap:
    policyEntries:
      - {queue: IT.group.map.bucket.>, messageGroupMapFactoryType: "bucket?bucketCount=1"}
      - {queue: IT.group.map.simple.>, messageGroupMapFactoryType: simple}
      - {queue: IT.group.map.cached.1.>, messageGroupMapFactory: {cachedMessageGroupMapFactory: {cacheSize: 1}}}
      - {queue: IT.group.starts.with.two.>, consumersBeforeDispatchStarts: 2, timeBeforeDispatchStarts: 20000}
      - {queue: IT.group.starts.late.>, timeBeforeDispatchStarts: 500}
`

const groupPoliciesXML = `<destinationPolicy><policyMap><policyEntries>
<policyEntry queue="IT.group.map.bucket.>" messageGroupMapFactoryType="bucket?bucketCount=1"/>
<policyEntry queue="IT.group.map.simple.>" messageGroupMapFactoryType="simple"/>
<policyEntry queue="IT.group.map.cached.1.>"><messageGroupMapFactory><cachedMessageGroupMapFactory cacheSize="1"/></messageGroupMapFactory></policyEntry>
<policyEntry queue="IT.group.starts.with.two.>" consumersBeforeDispatchStarts="2" timeBeforeDispatchStarts="20000"/>
<policyEntry queue="IT.group.starts.late.>" timeBeforeDispatchStarts="500"/>
</policyEntries></policyMap></destinationPolicy>`

func TestMessageGroups(t *testing.T) {
	runCases(t, harness.Options{Broker: groupPolicies, XML: groupPoliciesXML}, 20, "GroupCases")
}
