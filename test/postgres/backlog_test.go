//go:build postgres

package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/openwire"
	"github.com/conclavemq/conclave/test/harness"
	"github.com/conclavemq/conclave/test/harness/postgres"
)

// backlogQueue is where a backlog is; its producer is one that left long ago.
const (
	backlogQueue    = "BACKLOG"
	backlogProducer = "ID:elsewhere-40000-1600000000000-1:1:1:1"
)

// fillBacklog has the server itself write n messages into the tables that a
// broker made, as ActiveMQ would have: one is encoded here, and the server
// puts each number in its place.
func fillBacklog(t *testing.T, s *postgres.Server, database string, n int) {
	t.Helper()
	const sequence, digits = 0x7A7B7C7D7E7F7A7B, "9876543210"
	producer := message.ProducerID{Connection: "ID:elsewhere-40000-1600000000000-1:1", Session: 1, Value: 1}
	entry := "ledger backlog " + digits + ";" + string(bytes.Repeat([]byte{'x'}, 100))
	content := append(binary.BigEndian.AppendUint32(nil, uint32(len(entry))), entry...)
	m := &message.Message{Body: message.Text, Persistent: true, Priority: 4, Producer: producer,
		Destination: message.NewQueue(backlogQueue), Timestamp: 1600000000000, Content: content,
		ID: message.MessageID{Producer: producer, ProducerSequence: sequence}}
	b, err := openwire.NewEncoder(openwire.Format{Version: 11}).Append(nil, openwire.Header{}, m)
	require.NoError(t, err)
	at := bytes.Index(b, binary.BigEndian.AppendUint64(nil, sequence))
	number := bytes.Index(b, []byte(digits))
	require.Positive(t, at)
	require.Positive(t, number)
	indexes, err := s.Query(database, "SELECT indexname || '|' || indexdef FROM pg_indexes WHERE tablename = 'activemq_msgs' AND indexname NOT LIKE '%pkey'")
	require.NoError(t, err)
	statements := []string{fmt.Sprintf(`INSERT INTO activemq_msgs (id, container, msgid_prod, msgid_seq, expiration, msg, priority, xid)
		SELECT i, 'queue://%s', '%s', i, 0, overlay(overlay('\x%s'::bytea PLACING int8send(i) FROM %d)
			PLACING convert_to(lpad(i::text, %d, '0'), 'UTF8') FROM %d), 0, NULL FROM generate_series(1, %d) i`,
		backlogQueue, backlogProducer, hex.EncodeToString(b), at+1, len(digits), number+1, n)}
	for line := range bytes.Lines([]byte(indexes)) {
		name, definition, _ := bytes.Cut(bytes.TrimSpace(line), []byte("|"))
		statements = append([]string{fmt.Sprintf("DROP INDEX %s", name)}, statements...)
		statements = append(statements, string(definition))
	}
	began := time.Now()
	require.NoError(t, s.Exec(database, append(statements, "VACUUM ANALYZE activemq_msgs")...))
	t.Logf("%d messages written in %v", n, time.Since(began).Round(time.Millisecond))
}

// backlogLeft is how many of them the database has.
func backlogLeft(t *testing.T, s *postgres.Server, database string) string {
	t.Helper()
	left, err := s.Query(database, "SELECT count(*) FROM activemq_msgs WHERE container = 'queue://"+backlogQueue+"'")
	require.NoError(t, err)
	return left
}

// takeBacklog receives the first n of a backlog and looks at their order.
func takeBacklog(t *testing.T, n int, nodes ...*harness.Broker) {
	t.Helper()
	took := take(t, harness.Failover(nodes...), backlogQueue, n)
	for i, body := range took {
		require.Contains(t, body, fmt.Sprintf("ledger backlog %010d;", i+1))
	}
}
