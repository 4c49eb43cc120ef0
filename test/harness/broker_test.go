package harness

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestConclaveYAMLIsTheDocumentedShape(t *testing.T) {
	dir := t.TempDir()
	b, err := NewBroker(Options{Kind: Conclave, Binary: "/bin/true", Name: "b", Directory: "/shared/kahadb",
		WorkDir: dir, Port: 61616, KahaDB: map[string]string{"journalMaxFileLength": "1mb"}})
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "b-conclave", "conclave.yaml"))
	require.NoError(t, err)
	var got struct {
		Broker struct {
			BrokerName         string           `yaml:"brokerName"`
			PersistenceAdapter map[string]any   `yaml:"persistenceAdapter"`
			Connectors         []map[string]any `yaml:"transportConnectors"`
		} `yaml:"broker"`
	}
	require.NoError(t, yaml.Unmarshal(text, &got))
	require.Equal(t, "b", got.Broker.BrokerName)
	require.Equal(t, map[string]any{"kahaDB": map[string]any{
		"directory": "/shared/kahadb", "journalMaxFileLength": "1mb"}}, got.Broker.PersistenceAdapter)
	require.Equal(t, "tcp://127.0.0.1:61616?maximumConnections=1000&wireFormat.maxFrameSize=104857600",
		got.Broker.Connectors[0]["uri"])
	require.Equal(t, "tcp://127.0.0.1:61616", b.URL())
}

func TestActiveMQConfigurationIsWellFormed(t *testing.T) {
	if _, err := BrokerClassPath(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	_, err := NewBroker(Options{Kind: ActiveMQ, Directory: `/a&"b`, WorkDir: dir,
		LockAcquireSleepInterval: 100 * time.Millisecond})
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "a-activemq", "activemq.xml"))
	require.NoError(t, err)
	var root struct {
		Broker struct {
			Adapter struct {
				KahaDB struct {
					Directory string `xml:"directory,attr"`
					Locker    struct {
						File struct {
							Sleep string `xml:"lockAcquireSleepInterval,attr"`
						} `xml:"shared-file-locker"`
					} `xml:"locker"`
				} `xml:"kahaDB"`
			} `xml:"persistenceAdapter"`
		} `xml:"broker"`
	}
	require.NoError(t, xml.Unmarshal(text, &root))
	require.Equal(t, `/a&"b`, root.Broker.Adapter.KahaDB.Directory)
	require.Equal(t, "100", root.Broker.Adapter.KahaDB.Locker.File.Sleep)
}

func TestProcessEnds(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	p, err := StartProcess(dir, log, []string{"WORD=slave"}, "sh", "-c", "echo $WORD; exec sleep 60")
	require.NoError(t, err)
	require.NoError(t, poll(5*time.Second, p.Done(), "output", func() bool {
		text, _ := os.ReadFile(log)
		return slaveLine.Match(text)
	}))
	require.True(t, p.Running())
	require.Equal(t, -1, p.ExitCode())
	require.NoError(t, p.Stop(5*time.Second))
	require.False(t, p.Running())
	require.NoError(t, p.Kill(), "killing what has ended is no error")
}

func TestWaitingForAPortSaysWhyItFailed(t *testing.T) {
	b, err := NewBroker(Options{Kind: Conclave, Binary: "/bin/false", Directory: t.TempDir(), WorkDir: t.TempDir()})
	require.NoError(t, err)
	require.ErrorIs(t, b.WaitServing(time.Second), ErrNotRunning)
	require.NoError(t, b.Start())
	require.ErrorContains(t, b.WaitServing(10*time.Second), "the process ended")
}

func TestParseLine(t *testing.T) {
	line := ParseLine("LEDGER sent=12 p50=x note")
	require.Equal(t, "LEDGER", line.Word)
	require.Equal(t, int64(12), line.Int("sent"))
	require.Equal(t, int64(-1), line.Int("p50"))
	require.Equal(t, int64(-1), line.Int("absent"))
	require.Empty(t, ParseLine("").Word)
}
