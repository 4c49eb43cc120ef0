//go:build jms

package jms

import (
	"testing"

	"github.com/conclavemq/conclave/test/harness"
)

// Memory and store that are soon full, and names that say what is done then.
func TestSpace(t *testing.T) {
	t.Parallel()
	const yaml = `
systemUsage:
  memoryUsage: {limit: 8mb}
  storeUsage: {limit: 12mb}
destinationPolicy:
  policyMap:
    policyEntries:
      - {queue: "BLOCK.>", memoryLimit: 64kb, pendingQueuePolicy: {vmQueueCursor: {}}}
      - {topic: "BLOCK.>", memoryLimit: 64kb, pendingSubscriberPolicy: {vmCursor: {}}}
      - {queue: "FAIL.>", memoryLimit: 64kb, pendingQueuePolicy: {vmQueueCursor: {}}, sendFailIfNoSpace: true}
      - {queue: "LATE.>", memoryLimit: 64kb, pendingQueuePolicy: {vmQueueCursor: {}}, sendFailIfNoSpaceAfterTimeout: 300}
`
	const xml = `
<destinationPolicy><policyMap><policyEntries>
  <policyEntry queue="BLOCK.&gt;" memoryLimit="64kb"><pendingQueuePolicy><vmQueueCursor/></pendingQueuePolicy></policyEntry>
  <policyEntry topic="BLOCK.&gt;" memoryLimit="64kb"><pendingSubscriberPolicy><vmCursor/></pendingSubscriberPolicy></policyEntry>
</policyEntries></policyMap></destinationPolicy>
<systemUsage><systemUsage>
  <memoryUsage><memoryUsage limit="8mb"/></memoryUsage>
  <storeUsage><storeUsage limit="12mb"/></storeUsage>
</systemUsage></systemUsage>
`
	small := map[string]string{"journalMaxFileLength": "1mb", "cleanupInterval": "200", "checkpointInterval": "100"}
	if lab.Kind == harness.Conclave {
		delete(small, "checkpointInterval")
	}
	runCases(t, harness.Options{Broker: yaml, XML: xml, KahaDB: small}, 17, "SpaceCases")
}
