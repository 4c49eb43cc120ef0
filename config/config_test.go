package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// load writes text into a file and reads it.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "broker.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return Load(Source{File: file})
}

const pair = `
broker:
  brokerName: a
  persistenceAdapter:
    kahaDB:
      directory: /shared/kahadb
  transportConnectors:
    - name: openwire
      uri: tcp://0.0.0.0:61616?maximumConnections=1000&wireFormat.maxFrameSize=104857600
`

func TestFileOfOneOfAPair(t *testing.T) {
	c, err := load(t, pair)
	require.NoError(t, err)
	require.Empty(t, c.Warnings)

	want := Broker{}
	want.setDefaults()
	want.BrokerName = "a"
	want.PersistenceAdapter.KahaDB = &KahaDB{}
	want.PersistenceAdapter.KahaDB.setDefaults()
	want.PersistenceAdapter.KahaDB.Directory = "/shared/kahadb"
	want.TransportConnectors = []TransportConnector{
		newConnector("openwire", "tcp://0.0.0.0:61616?maximumConnections=1000&wireFormat.maxFrameSize=104857600"),
	}
	require.Empty(t, cmp.Diff(want, c.Broker))
	require.Equal(t, "/shared/kahadb", c.Broker.StoreDirectory())
}

func TestEmbeddedDefault(t *testing.T) {
	c, err := Load(Source{})
	require.NoError(t, err)
	require.Equal(t, "localhost", c.Broker.BrokerName)
	require.Equal(t, "data/kahadb", c.Broker.StoreDirectory())
	require.Equal(t, "tcp://127.0.0.1:61616", c.Broker.TransportConnectors[0].URI)
	require.Empty(t, c.File)
}

func TestEveryKindOfAttribute(t *testing.T) {
	c, err := load(t, `
Broker:
  BROKERNAME: "b-1"
  persistent: Yes
  advisorySupport: "false"
  persistenceAdapter:
    kahaDB:
      directory: d
      journalMaxFileLength: 32 MB
      journalDiskSyncStrategy: never
      journalDiskSyncInterval: 250
      locker:
        shared-file-locker: {lockAcquireSleepInterval: 100, failIfLocked: true}
  transportConnectors:
    transportConnector: [{uri: " tcp://0.0.0.0:1 "}, {uri: "tcp://0.0.0.0:2", autoStart: false}]
  systemUsage:
    systemUsage:
      memoryUsage: {memoryUsage: {limit: 64 mb}}
      sendFailIfNoSpaceAfterTimeout: 3000
  destinationPolicy:
    policyMap:
      policyEntries:
        - {queue: ">", maxPageSize: 7, memoryLimit: 1mb}
        - {topic: "a.*"}
`)
	require.NoError(t, err)
	b := c.Broker
	require.Equal(t, "b-1", b.BrokerName)
	require.False(t, b.AdvisorySupport)
	k := b.PersistenceAdapter.KahaDB
	require.EqualValues(t, 32<<20, k.JournalMaxFileLength)
	require.Equal(t, "NEVER", k.JournalDiskSyncStrategy)
	require.Equal(t, 250*time.Millisecond, k.JournalDiskSyncInterval)
	require.Equal(t, &SharedFileLocker{LockAcquireSleepInterval: 100 * time.Millisecond, FailIfLocked: true}, k.Locker.SharedFile)
	require.Equal(t, "tcp://0.0.0.0:1", b.TransportConnectors[0].URI)
	require.False(t, b.TransportConnectors[1].AutoStart)
	require.EqualValues(t, 64<<20, b.SystemUsage.MemoryUsage.Limit)
	require.Equal(t, 3*time.Second, b.SystemUsage.SendFailIfNoSpaceAfterTimeout)
	entries := b.DestinationPolicy.PolicyMap.Entries
	require.Len(t, entries, 2)
	require.Equal(t, 7, entries[0].MaxPageSize)
	require.EqualValues(t, 1<<20, entries[0].MemoryLimit)
	require.True(t, entries[1].ProducerFlowControl, "defaults hold in list items too")
}

// bad joins a broken line to a file that works without it.
func bad(indent int, line string) string {
	return strings.Replace(pair, "      directory: /shared/kahadb\n",
		"      directory: /shared/kahadb\n"+strings.Repeat(" ", indent)+line+"\n", 1)
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, text string
		kind       error
		wants      []string
	}{
		{"misspelt", bad(6, "journalMaxFileLenght: 1mb"), ErrUnknown,
			[]string{"broker.yaml:7", "broker.persistenceAdapter.kahaDB.journalMaxFileLenght", "did you mean journalMaxFileLength?"}},
		{"nothing like it", bad(6, "flurble: 1"), ErrUnknown, []string{"kahaDB.flurble: is not known"}},
		{"empty and unknown", bad(6, "flurble:"), ErrUnknown, []string{"flurble"}},
		{"a dot is no path", "broker.brokerName: x\n", ErrUnknown, []string{"broker.brokerName"}},
		{"refused by name", bad(6, "ARCHIVEDATALOGS: true"), ErrUnsupported, []string{":7", "archiveDataLogs", "is not supported: journal files"}},
		{"refused element", bad(2, "jdbc: {}"), ErrUnknown, nil},
		{"other store", strings.Replace(pair, "kahaDB:", "replicatedLevelDB:", 1), ErrUnsupported, []string{"replicatedLevelDB", "shared directory"}},
		{"no number", bad(6, "journalDiskSyncInterval: soon"), ErrValue, []string{`"soon" is no number of milliseconds`}},
		{"no size", bad(6, "journalMaxFileLength: 32 apples"), ErrValue, []string{"32 apples"}},
		{"size out of range", bad(6, "journalMaxFileLength: 8g"), ErrValue, []string{"not within"}},
		{"no choice", bad(6, "journalDiskSyncStrategy: SOMETIMES"), ErrValue, []string{"ALWAYS, PERIODIC, NEVER"}},
		{"no boolean", bad(6, "concurrentStoreAndDispatchQueues: perhaps"), ErrValue, []string{"neither true nor false"}},
		{"value missing", bad(6, "concurrentStoreAndDispatchQueues:"), ErrValue, []string{"needs a value"}},
		{"element for value", bad(6, "concurrentStoreAndDispatchQueues: {a: b}"), ErrValue, []string{"needs a value"}},
		{"value for element", "broker: {persistenceAdapter: kahaDB}\n", ErrValue, []string{"broker.persistenceAdapter"}},
		{"list for element", "broker: [a]\n", ErrValue, []string{"not a list"}},
		{"value for list", "broker: {transportConnectors: tcp}\n", ErrValue, []string{"is a list of transportConnector"}},
		{"given twice", bad(6, "Directory: /x"), ErrSyntax, []string{"given twice"}},
		{"two documents", pair + "---\n" + pair, ErrSyntax, []string{"more than one"}},
		{"not YAML", "broker: [", ErrSyntax, nil},
		{"nobody can connect", "broker: {brokerName: a}\n", ErrValue, []string{"nobody could reach"}},
		{"same connector twice", pair + "    - {name: openwire, uri: tcp://h:1}\n", ErrValue, []string{"second connector"}},
		{"unresolved placeholder", bad(6, "journalMaxFileLength: ${no.such.thing}"), ErrValue, []string{"-Dno.such.thing="}},
		{"policy without pattern", pair + "  destinationPolicy: {policyMap: {policyEntries: [{maxPageSize: 1}]}}\n", ErrValue, []string{"exactly one"}},
		{"bridges", pair + "  networkConnectors: [{name: '', prefetchSize: 0}, {uri: 'static:(tcp://a:1)', networkTTL: -2}]\n", ErrValue, []string{"networkConnectors[0].uri", "networkConnectors[0].prefetchSize", "networkConnectors[0].name", "networkConnectors[1].networkTTL"}},
		{"bridge factory", pair + "  networkConnectors: [{uri: 'static:(tcp://a:1)', bridgeFactory: x}]\n", ErrUnsupported, []string{"networkConnectors[0].bridgeFactory"}},
		{"bridge option", pair + "  networkConnectors: [{uri: 'static:(tcp://a:1)', networkTtls: 2}]\n", ErrUnknown, []string{"did you mean networkTTL?"}},
		{"replay delay", pair + "  destinationPolicy: {policyMap: {policyEntries: [{queue: q, networkBridgeFilterFactory: {conditionalNetworkBridgeFilterFactory: {rateLimit: 5, rateDuration: 0}}}]}}\n", ErrValue, []string{"conditionalNetworkBridgeFilterFactory.rateDuration"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.text)
			require.ErrorIs(t, err, test.kind)
			for _, want := range test.wants {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	_, err := load(t, bad(6, "one: 1")+"  two: 2\n  three: 3\n")
	var joined interface{ Unwrap() []error }
	require.ErrorAs(t, err, &joined)
	require.Len(t, joined.Unwrap(), 3)
	var first *Error
	require.ErrorAs(t, err, &first)
	require.Equal(t, 7, first.Origin.Line)
}

func TestTuningIsAWarningAndDefaultsAreSilent(t *testing.T) {
	c, err := load(t, bad(6, `indexCacheSize: 50000`)+"  schedulerSupport: FALSE\n  maxInflatedDataSize: 100mb\n  useJmx: true\n")
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)
	require.Contains(t, c.Warnings[0], "broker.yaml:7: broker.persistenceAdapter.kahaDB.indexCacheSize has no effect: the index")
}

func TestBrokerNameOfIllegalCharacters(t *testing.T) {
	c, err := load(t, strings.Replace(pair, "brokerName: a", "brokerName: 'a/ b'", 1))
	require.NoError(t, err)
	require.Equal(t, "a__b", c.Broker.BrokerName)
	require.Len(t, c.Warnings, 1)
}

func TestEnvironmentAndFlagsOverride(t *testing.T) {
	t.Setenv("CONCLAVE_BROKER_BROKERNAME", "from-env")
	t.Setenv("CONCLAVE_BROKER_PERSISTENCEADAPTER_KAHADB_DIRECTORY", "/from/env")
	t.Setenv("CONCLAVE_BROKER_SYSTEMUSAGE_MEMORYUSAGE_LIMIT", "9mb")
	file := filepath.Join(t.TempDir(), "broker.yaml")
	require.NoError(t, os.WriteFile(file, []byte(pair), 0o600))
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.String("brokerName", "unused default", "")
	flags.String("directory", "unused default", "")
	require.NoError(t, flags.Parse([]string{"--brokerName", "from-flag"}))

	c, err := Load(Source{File: file, URIs: []string{"tcp://h:1", "tcp://h:2"}, Flags: map[string]*pflag.Flag{
		"broker.brokerName":                          flags.Lookup("brokerName"),
		"broker.persistenceAdapter.kahaDB.directory": flags.Lookup("directory"),
	}})
	require.NoError(t, err)
	require.Equal(t, "from-flag", c.Broker.BrokerName)
	require.Equal(t, "/from/env", c.Broker.StoreDirectory())
	require.EqualValues(t, 9<<20, c.Broker.SystemUsage.MemoryUsage.Limit)
	require.Len(t, c.Broker.TransportConnectors, 2)

	t.Setenv("CONCLAVE_BROKER_SYSTEMUSAGE_MEMORYUSAGE_LIMIT", "much")
	_, err = Load(Source{File: file})
	require.ErrorContains(t, err, "environment CONCLAVE_BROKER_SYSTEMUSAGE_MEMORYUSAGE_LIMIT")

	t.Setenv("CONCLAVE_BROKER_BROKERNAMES", "x")
	_, err = Load(Source{File: file})
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, err, "did you mean CONCLAVE_BROKER_BROKERNAME?")
}

func TestPlaceholders(t *testing.T) {
	t.Setenv("NODE", "n7")
	p := Properties{"size": "${unit.count}mb", "unit.count": "3", "loop": "${loop}"}
	for text, want := range map[string]string{
		"plain":                    "plain",
		"${activemq.data}/kahadb":  "data/kahadb",
		"${NODE}-${size}":          "n7-3mb",
		"${no.such:fallback}":      "fallback",
		"${no.such:${NODE}}}":      "n7}",
		"a}b":                      "a}b",
		"${activemq.base}/${NODE}": "./n7",
	} {
		got, err := p.expand(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"${open", "${missing}", "${loop}", "${}"} {
		_, err := p.expand(text)
		require.ErrorIs(t, err, ErrValue, text)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(Source{File: filepath.Join(t.TempDir(), "none.yaml")})
	require.True(t, errors.Is(err, os.ErrNotExist), err)
}

// A name must not be both a field and in the table of others, and all of
// ActiveMQ's names must differ in more than case.
func TestTablesAreDisjoint(t *testing.T) {
	for _, m := range []model{Config{}, Broker{}, PersistenceAdapter{}, KahaDB{}, Locker{}, SharedFileLocker{},
		TransportConnector{}, SystemUsage{}, MemoryUsage{}, DiskUsage{}, PendingQueuePolicy{}, PendingSubscriberPolicy{}, PendingDurableSubscriberPolicy{}, Cursor{}, DestinationPolicy{}, PolicyMap{}, PolicyEntry{},
		PendingMessageLimitStrategy{}, DeadLetterStrategy{}, SharedDeadLetterStrategy{}, IndividualDeadLetterStrategy{}, DiscardingDeadLetterStrategy{},
		AdvisoryEntry{}, HeaderMessageInterceptorStrategy{}, MessagePlugins{}, DiscardingDLQBrokerPlugin{}, TimeStampingBrokerPlugin{}} {
		seen := map[string]bool{}
		for _, name := range schemaOf(typeOf(m)).names() {
			require.False(t, seen[strings.ToLower(name)], "%T: %s", m, name)
			seen[strings.ToLower(name)] = true
		}
		for name, o := range m.others() {
			require.NotEmpty(t, o.reason, "%T: %s", m, name)
		}
	}
}
