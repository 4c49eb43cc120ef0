//go:build interop

package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/test/harness"
)

// managed starts an ActiveMQ behind Jolokia's own agent (Debian's
// libjolokia-core-java), bridged to uri, and returns the agent's URL.
func managed(t *testing.T, uri string) string {
	t.Helper()
	path, err := harness.BrokerClassPath()
	require.NoError(t, err)
	for _, jar := range []string{"jolokia-core", "json-simple"} {
		jar = "/usr/share/java/" + jar + ".jar"
		require.FileExists(t, jar, "install libjolokia-core-java")
		path += ":" + jar
	}
	port, err := harness.FreePort()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", path, "console/ManagedBroker.java", "near", fmt.Sprint(port), t.TempDir(), "static:("+uri+")")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // it may be killed with the test's context
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	require.Equal(t, "ready", lines.Text())
	return fmt.Sprintf("http://127.0.0.1:%d/api/jolokia", port)
}

// answer is an agent's, without what cannot be the same.
func answer(t *testing.T, agent, path, body string) any {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, agent+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Origin", "http://localhost")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var a any
	require.NoError(t, json.Unmarshal(text, &a), "%s", text)
	if m, ok := a.(map[string]any); ok {
		delete(m, "stacktrace")
		delete(m, "timestamp")
	}
	return a
}

const nearBean = "org.apache.activemq:type=Broker,brokerName=near"

// TestJolokiaBesideActiveMQ asks Conclave and ActiveMQ the same.
func TestJolokiaBesideActiveMQ(t *testing.T) {
	t.Parallel()
	far := lab.NewBroker(t, harness.Options{Name: "far"})
	require.NoError(t, far.StartServing(time.Minute))
	port, err := harness.FreePort()
	require.NoError(t, err)
	near := lab.NewBroker(t, harness.Options{Name: "near", Env: []string{fmt.Sprintf("CONCLAVE_CONSOLE_PORT=%d", port)},
		Broker: "networkConnectors:\n  - {name: to, uri: \"static:(" + far.URL() + ")\"}\ndestinations:\n  - queue: {physicalName: a}\n  - queue: {physicalName: q/x}\n"})
	require.NoError(t, near.StartServing(time.Minute))
	theirs, ours := managed(t, far.URL()), fmt.Sprintf("http://127.0.0.1:%d/api/jolokia", port)

	t.Run("answers", func(t *testing.T) {
		for _, body := range []string{
			`{"type":"read","mbean":"B","attribute":"BrokerName"}`,
			`{"type":"read","mbean":"B","attribute":["BrokerName","Slave","BrokerVersion"]}`,
			`{"type":"read","mbean":"B","attribute":["BrokerName","Nope"]}`,
			`{"type":"read","mbean":"B","attribute":["BrokerName","Nope"],"config":{"ignoreErrors":"true"}}`,
			`{"type":"read","mbean":"B,destinationType=Queue,destinationName=*","attribute":["Name","QueueSize","EnqueueCount","ConsumerCount"]}`,
			`{"type":"read","mbean":"B,destinationType=Queue,destinationName=*","attribute":"Name","path":"*/Name"}`,
			`{"type":"read","mbean":"B,connector=networkConnectors,networkConnectorName=to","attribute":["Name","Duplex","MessageTTL","ConsumerTTL","Password","UserName","PrefetchSize","ConduitSubscriptions"]}`,
			`{"type":"read","mbean":"B,connector=clientConnectors,connectorName=openwire"}`,
			`{"type":"read","mbean":"org.apache.activemq:type=Nothing,*"}`,
			`{"type":"read","mbean":"org.apache.activemq:type=Broker,brokerName=*","attribute":"Nope"}`,
			`{"type":"read","mbean":"B,service=Health"}`,
			`{"type":"read"}`, `{"type":"boo"}`, `{"mbean":"a:b=1"}`, `[]`, `7`, `[7]`,
			`{"type":"search","mbean":"B,destinationType=Queue,destinationName=q*"}`,
			`{"type":"search","mbean":"none:*"}`,
			`{"type":"exec","mbean":"B","operation":"nope"}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=a","operation":"purge"}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=a","operation":"purge","arguments":[1]}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=a","operation":"removeMessage","arguments":["ID:x"]}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=a","operation":"removeMatchingMessages(java.lang.String,int)","arguments":["a=1","5"]}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=a","operation":"removeMatchingMessages(java.lang.String,int)","arguments":["a=1","five"]}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=a","operation":"retryMessages"}`,
			`{"type":"exec","mbean":"B,destinationType=Queue,destinationName=none","operation":"purge"}`,
			`{"type":"list","path":"org.apache.activemq/type=Broker,brokerName=none"}`,
			`{"type":"list","path":"org.apache.activemq/type=Broker,brokerName=near/attr/Nope"}`,
			`{"type":"list","path":"org.apache.activemq/type=Broker,brokerName=near/class"}`,
			`{"type":"write","mbean":"B","attribute":"BrokerName","value":"x"}`,
		} {
			body = strings.ReplaceAll(body, `"B`, `"`+nearBean)
			body = strings.ReplaceAll(body, `"`+nearBean+"roker", `"Broker`)
			if diff := cmp.Diff(answer(t, theirs, "", body), answer(t, ours, "", body)); diff != "" {
				t.Errorf("%s\n%s", body, diff)
			}
		}
		for _, path := range []string{"/read/" + nearBean + "/BrokerName", "/read/" + nearBean + ",destinationType=Queue,destinationName=q!/x/Name", "/read", "/boo"} {
			if diff := cmp.Diff(answer(t, theirs, path, ""), answer(t, ours, path, "")); diff != "" {
				t.Errorf("%s\n%s", path, diff)
			}
		}
	})
	t.Run("beans", func(t *testing.T) { compareBeans(t, theirs, ours, far) })
}

// compareBeans looks at what both have: each attribute and operation of ours has
// ActiveMQ's type, and there are only those beyond that the README names.
func compareBeans(t *testing.T, theirs, ours string, far *harness.Broker) {
	bridge := "connector=networkConnectors,networkConnectorName=to,networkBridge=tcp_//127.0.0.1_" + fmt.Sprint(far.Port())
	beyond := map[string]bool{"Bridges": true, "FailedCounter": true, "Subscriptions": true, "State": true, "LastError": true, "LastErrorTime": true}
	for _, keys := range []string{"", "service=Health", "destinationType=Queue,destinationName=a", "connector=clientConnectors,connectorName=openwire",
		"connector=networkConnectors,networkConnectorName=to", bridge} {
		path := "/list/org.apache.activemq/" + strings.TrimSuffix("type=Broker,brokerName=near,"+strings.ReplaceAll(keys, "/", "!/"), ",")
		var their, our map[string]any
		require.Eventually(t, func() bool { // a bridge may not be there yet
			their, _ = answer(t, theirs, path, "").(map[string]any)["value"].(map[string]any)
			our, _ = answer(t, ours, path, "").(map[string]any)["value"].(map[string]any)
			return their != nil && our != nil
		}, 30*time.Second, 100*time.Millisecond, keys)
		require.Equal(t, their["class"], our["class"])
		attributes := their["attr"].(map[string]any)
		for name, a := range our["attr"].(map[string]any) {
			theirs, ok := attributes[name].(map[string]any)
			if !ok {
				require.True(t, beyond[name], "%s has no %s", keys, name)
				continue
			}
			require.Equal(t, theirs["type"], a.(map[string]any)["type"], "%s %s", keys, name)
		}
		operations, _ := our["op"].(map[string]any)
		for name, o := range operations {
			require.ElementsMatch(t, signatures(their["op"].(map[string]any)[name]), signatures(o), "%s %s", keys, name)
		}
	}
}

// signatures are the types of operations of one name, and what they return.
func signatures(operations any) (all []string) {
	list, ok := operations.([]any)
	if !ok {
		list = []any{operations}
	}
	for _, o := range list {
		one := o.(map[string]any)
		text := fmt.Sprint(one["ret"])
		for _, a := range one["args"].([]any) {
			text += " " + fmt.Sprint(a.(map[string]any)["type"])
		}
		all = append(all, text)
	}
	return all
}
