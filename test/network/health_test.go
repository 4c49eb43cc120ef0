//go:build network

package network

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/client"
	"github.com/conclavemq/conclave/message"
	"github.com/conclavemq/conclave/test/harness"
)

// withConsole gives a member a console and returns its URL.
func (m *member) withConsole(t *testing.T) string {
	t.Helper()
	port := freePort(t)
	m.Env = append(m.Env, fmt.Sprintf("CONCLAVE_CONSOLE_PORT=%d", port))
	return "http://" + harness.Address(port)
}

// health is what one of the three ways says of a bridge.
type health struct {
	Up                      bool
	Enqueued, Dequeued, Got float64
	Made                    float64
	LastError               string
}

// fromMetrics reads the bridge of connector "to" as Prometheus would.
func fromMetrics(t *testing.T, console string) health {
	t.Helper()
	response, err := http.Get(console + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	value := func(name, label string) (v float64, text string) {
		for _, m := range families["conclave_bridge_"+name].GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["connector"] == "to" {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue(), labels[label]
			}
		}
		return 0, ""
	}
	var h health
	up, _ := value("up", "")
	h.Up = up == 1
	h.Enqueued, _ = value("enqueued_total", "")
	h.Dequeued, _ = value("dequeued_total", "")
	h.Got, _ = value("received_total", "")
	h.Made, _ = value("made_total", "")
	_, h.LastError = value("last_error_info", "error")
	return h
}

// jolokia asks one question and returns its value; nil without one.
func jolokia(t *testing.T, console string, question map[string]any) any {
	t.Helper()
	body, err := json.Marshal(question)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, console+"/api/jolokia", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Origin", console)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct{ Value any }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer.Value
}

const connectors = "org.apache.activemq:type=Broker,brokerName=near,connector=networkConnectors,"

func fromJolokia(t *testing.T, console string) health {
	t.Helper()
	list, _ := jolokia(t, console, map[string]any{"type": "read", "mbean": connectors + "networkConnectorName=to", "attribute": "Bridges"}).([]any)
	require.Len(t, list, 1)
	b := list[0].(map[string]any)
	h := health{Up: b["State"] == "bridged"}
	h.Enqueued, h.Dequeued, h.Got = b["EnqueueCounter"].(float64), b["DequeueCounter"].(float64), b["ReceivedCounter"].(float64)
	h.Made = b["Made"].(float64)
	h.LastError, _ = b["LastError"].(string)
	beans, _ := jolokia(t, console, map[string]any{"type": "search", "mbean": connectors + "networkConnectorName=to,networkBridge=*"}).([]any)
	require.Equal(t, h.Up, len(beans) == 1, "a bridge has a bean while there is one, as in ActiveMQ")
	return h
}

func fromStatus(t *testing.T, b *harness.Broker) health {
	t.Helper()
	all := statusOf(t, b).Network
	require.Len(t, all, 1)
	s := all[0]
	return health{Up: s.State == "bridged", Enqueued: float64(s.Enqueues), Dequeued: float64(s.Dequeues), Got: float64(s.Received),
		Made: float64(s.Bridges), LastError: s.LastError}
}

// settled waits until status, Jolokia and metrics say the same of a bridge, and
// what they say is wanted.
func settled(t *testing.T, b *harness.Broker, console string, wanted func(health) bool) health {
	t.Helper()
	var s, j, m health
	require.Eventually(t, func() bool {
		s, j, m = fromStatus(t, b), fromJolokia(t, console), fromMetrics(t, console)
		j.LastError, s.LastError = short(j.LastError), short(s.LastError)
		return s == j && j == m && wanted(s)
	}, 30*time.Second, 50*time.Millisecond, "status, Jolokia, metrics: %+v %+v %+v", &s, &j, &m)
	return s
}

// short is as much of an error as a label has.
func short(text string) string { return text[:min(len(text), 200)] }

// TestBridgeHealth looks at a duplex bridge in the three ways while its peer is
// there, has gone and is back.
func TestBridgeHealth(t *testing.T) {
	t.Parallel()
	const count = 20
	far := newMember(t, harness.Conclave, "far")
	near := newMember(t, harness.Conclave, "near")
	farConsole, console := far.withConsole(t), near.withConsole(t)
	near.link("static:("+far.url()+")?initialReconnectDelay=100&maxReconnectDelay=200", `name="to" duplex="true"`)
	f, n := far.start(t), near.start(t)
	settled(t, n, console, func(h health) bool { return h.Up && h.Made == 1 && h.Dequeued == 0 })

	there, back := message.NewQueue("THERE"), message.NewQueue("BACK")
	consume := func(url string, q message.Destination) {
		_, err := dial(t, url).Consumer(t.Context(), q, client.ConsumerOptions{})
		require.NoError(t, err)
	}
	consume(far.url(), there)
	consume(near.url(), back)
	awaitDemand(t, near.url(), there)
	awaitDemand(t, far.url(), back)
	send(t, near.url(), there, 0, count)
	send(t, far.url(), back, 0, count/2)
	settled(t, n, console, func(h health) bool { return h.Up && h.Enqueued == count && h.Dequeued == count && h.Got == count/2 })
	rear := jolokia(t, farConsole, map[string]any{"type": "read", "attribute": "DequeueCounter",
		"mbean": "org.apache.activemq:type=Broker,brokerName=far,connector=duplexNetworkConnectors,networkConnectorName=to@near,networkBridge=*"})
	require.Len(t, rear, 1, "the rear end has a bean too")
	for _, bean := range rear.(map[string]any) {
		require.Equal(t, map[string]any{"DequeueCounter": float64(count / 2)}, bean)
	}

	require.NoError(t, f.Kill())
	gone := settled(t, n, console, func(h health) bool { return !h.Up && strings.Contains(h.LastError, "refused") })
	require.EqualValues(t, count, gone.Dequeued, "what was counted stays")
	require.NoError(t, f.StartServing(startLimit))
	settled(t, n, console, func(h health) bool { return h.Up && h.Made == 2 && h.Dequeued == count && h.LastError != "" })
}
