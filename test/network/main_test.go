//go:build network

package network

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// killsFlag is how often the combined deployment's master is killed.
var killsFlag = flag.Int("kills", 5, "kills of the combined deployment's master")

// lab is what all tests share.
var lab harness.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(lab.Main(m, "network", "test/network/java"))
}

// startLimit bounds every start: ActiveMQ's virtual machine takes seconds on a
// busy machine.
const startLimit = 90 * time.Second

// member is a broker of a network, not started yet.
type member struct {
	harness.Options
	links []string // its networkConnectors, as attributes a="1" b="2"
	more  string   // further YAML of a Conclave
}

func newMember(t *testing.T, kind harness.Kind, name string) *member {
	t.Helper()
	return &member{Options: harness.Options{Kind: kind, Name: name, Port: freePort(t)}}
}

// given are the ports of all members: one that is not used yet must not be
// given twice.
var given sync.Map

func freePort(t *testing.T) int {
	t.Helper()
	for {
		port, err := harness.FreePort()
		require.NoError(t, err)
		if _, twice := given.LoadOrStore(port, true); !twice {
			return port
		}
	}
}

// url is the member's address.
func (m *member) url() string { return "tcp://" + harness.Address(m.Port) }

// link adds a network connector.
func (m *member) link(uri, attributes string) {
	m.links = append(m.links, fmt.Sprintf("uri=%q %s", uri, attributes))
}

// start runs the member.
func (m *member) start(t *testing.T) *harness.Broker {
	t.Helper()
	m.configure()
	b := lab.NewBroker(t, m.Options)
	require.NoError(t, b.StartServing(startLimit))
	return b
}

// configure writes the connectors in the language of the kind.
func (m *member) configure() {
	if m.Kind == harness.ActiveMQ {
		var xml strings.Builder
		xml.WriteString("<networkConnectors>")
		for _, link := range m.links {
			xml.WriteString("<networkConnector " + strings.ReplaceAll(link, "&", "&amp;") + "/>")
		}
		xml.WriteString("</networkConnectors>")
		if len(m.links) > 0 {
			m.XML = xml.String() + m.XML
		}
		return
	}
	var yaml strings.Builder
	for _, link := range m.links {
		yaml.WriteString("  - {")
		for attribute := range strings.FieldsSeq(link) {
			name, value, _ := strings.Cut(attribute, "=")
			fmt.Fprintf(&yaml, "%s: %s, ", name, value)
		}
		yaml.WriteString("}\n")
	}
	if len(m.links) > 0 {
		m.Broker = "networkConnectors:\n" + yaml.String()
	}
	m.Broker += m.more
}

// status is what `conclave status` says of a broker's bridges.
type status struct {
	PID     int `json:"pid"`
	Network []struct {
		Connector, State, RemoteBroker, RemoteAddress, LastError string
		Since                                                    time.Time
		Enqueues, Dequeues, Received, Failed, Bridges, Tries     int64
	} `json:"network"`
}

func statusOf(t *testing.T, b *harness.Broker) status {
	t.Helper()
	out, err := exec.Command(lab.Binary, "status", "--json", "--pid", fmt.Sprint(b.Pid())).Output()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
	}
	var s status
	require.NoError(t, json.Unmarshal(out, &s), "%s", out)
	return s
}

// awaitBridges waits until a Conclave has so many bridges.
func awaitBridges(t *testing.T, b *harness.Broker, count int) {
	t.Helper()
	require.Eventually(t, func() bool {
		n := 0
		for _, s := range statusOf(t, b).Network {
			if s.State == "bridged" {
				n++
			}
		}
		return n == count
	}, 30*time.Second, 50*time.Millisecond, "%s: %d bridges", b.Name(), count)
}

// flow is a running Flow.java.
type flow struct {
	t *testing.T
	p *harness.Program
}

// run starts one and waits until it is ready, if it says so.
func run(t *testing.T, what, url, destination string, count int) *flow {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	p, err := lab.Java.Start(ctx, "Flow", what, url, destination, fmt.Sprint(count))
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s on %s of %s: %s", what, destination, url, p.Stderr())
		}
	})
	f := &flow{t, p}
	if what == "receive" || what == "serve" {
		require.Equal(t, "READY", <-p.Lines, "%s", p.Stderr())
	}
	return f
}

// ends waits for its end, which must be a good one.
func (f *flow) ends() {
	f.t.Helper()
	last := ""
	for line := range f.p.Lines {
		last = line
	}
	require.NoError(f.t, f.p.Wait(), "%s", f.p.Stderr())
	require.Equal(f.t, "OK", last, "%s", f.p.Stderr())
}
