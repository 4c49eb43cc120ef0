package console

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/conclavemq/conclave/console/jolokia"
)

const brokerBean = "org.apache.activemq:type=Broker,brokerName=near"

// ask sends one question in JSON and returns the answer's status and value, or
// its error.
func ask(t *testing.T, node Node, question map[string]any) (status float64, value any) {
	t.Helper()
	body, err := json.Marshal(question)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/api/jolokia", strings.NewReader(string(body)))
	r.Header.Set("Origin", "http://localhost")
	w := httptest.NewRecorder()
	h := jolokia.Handler{Prefix: "/api/jolokia", Beans: func() jolokia.Beans { return newBeans(node) }}
	h.ServeHTTP(w, r)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	if e, failed := answer["error"]; failed {
		return answer["status"].(float64), e
	}
	return answer["status"].(float64), answer["value"]
}

func read(t *testing.T, node Node, keys string) map[string]any {
	t.Helper()
	status, value := ask(t, node, map[string]any{"type": "read", "mbean": brokerBean + keys})
	require.Equal(t, 200.0, status, value)
	return value.(map[string]any)
}

func TestBeans(t *testing.T) {
	status, value := ask(t, master(), map[string]any{"type": "search", "mbean": "*:*", "config": map[string]any{"canonicalNaming": "false"}})
	require.Equal(t, 200.0, status)
	require.Equal(t, []any{
		brokerBean + ",destinationType=Queue,destinationName=a",
		brokerBean + ",destinationType=Queue,destinationName=q__x__\xff",
		brokerBean + ",destinationType=Topic,destinationName=a",
		brokerBean + ",destinationType=TempQueue,destinationName=ID_h-1_1",
		brokerBean, brokerBean + ",service=Health",
		brokerBean + ",connector=clientConnectors,connectorName=openwire",
		brokerBean + ",connector=networkConnectors,networkConnectorName=to",
		brokerBean + ",connector=networkConnectors,networkConnectorName=to,networkBridge=tcp_//1.2.3.4_1",
		brokerBean + ",connector=duplexNetworkConnectors,networkConnectorName=back@third,networkBridge=tcp_//5.6.7.8_9",
	}, replaced(value))
}

// replaced has bytes that are no UTF-8 as the tests have them.
func replaced(value any) any {
	list := value.([]any)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i].(string), "\uFFFD", "\xff")
	}
	return list
}

func TestBrokerBean(t *testing.T) {
	b := read(t, master(), "")
	require.Equal(t, "near", b["BrokerName"])
	require.Equal(t, 112.0, b["TotalEnqueueCount"], "destinations that are gone count")
	require.Equal(t, 50.0, b["MemoryPercentUsage"])
	require.Equal(t, map[string]any{"openwire": "tcp://h:1"}, b["TransportConnectors"])
	require.Equal(t, []any{map[string]any{"objectName": "org.apache.activemq:brokerName=near,destinationName=a,destinationType=Topic,type=Broker"}}, b["Topics"])
	require.NotContains(t, b, "VMURL", "there is none")
}

func TestSlaveBean(t *testing.T) {
	require.Equal(t, true, read(t, slave(), "")["Slave"])
	status, _ := ask(t, slave(), map[string]any{"type": "read", "mbean": brokerBean + ",destinationType=Queue,destinationName=a"})
	require.Equal(t, 404.0, status)
}

func TestNetworkBeans(t *testing.T) {
	c := read(t, master(), ",connector=networkConnectors,networkConnectorName=to")
	require.Equal(t, "****", c["Password"])
	bridges := c["Bridges"].([]any)
	require.Len(t, bridges, 2)
	away := bridges[1].(map[string]any)
	require.Equal(t, "waiting", away["State"])
	require.Equal(t, "connection refused", away["LastError"])
	require.Equal(t, time.Unix(1000, 0).Format(time.RFC3339), away["LastErrorTime"])
	b := read(t, master(), ",connector=networkConnectors,networkConnectorName=to,networkBridge=tcp_//1.2.3.4_1")
	for name, want := range map[string]any{"RemoteBrokerName": "far", "RemoteBrokerId": "ID:2", "EnqueueCounter": 9.0, "DequeueCounter": 8.0,
		"CreatedByDuplex": false, "State": "bridged", "LastError": nil, "LocalBrokerName": "near"} {
		require.Equal(t, want, b[name], name)
	}
	b = read(t, master(), ",connector=duplexNetworkConnectors,networkConnectorName=back@third,networkBridge=*")
	require.Len(t, b, 1)
}

func TestQueueOperations(t *testing.T) {
	exec := func(node Node, operation string, arguments ...any) (float64, any) {
		return ask(t, node, map[string]any{"type": "exec", "mbean": brokerBean + ",destinationType=Queue,destinationName=a", "operation": operation, "arguments": arguments})
	}
	for _, c := range []struct {
		operation string
		arguments []any
		want      any
		done      string
	}{
		{"purge", nil, nil, "purge a {Selector: ID: Max:0} "},
		{"removeMessage", []any{"ID:1"}, true, "remove a {Selector: ID:ID:1 Max:1} "},
		{"removeMessage", []any{"bad"}, false, "remove a {Selector: ID:bad Max:1} "},
		{"removeMatchingMessages(java.lang.String)", []any{"x=1"}, 2.0, "remove a {Selector:x=1 ID: Max:0} "},
		{"removeMatchingMessages(java.lang.String,int)", []any{"x=1", 5}, 2.0, "remove a {Selector:x=1 ID: Max:5} "},
		{"moveMessageTo", []any{"ID:1", "b"}, true, "move a {Selector: ID:ID:1 Max:1} b"},
		{"moveMatchingMessagesTo(java.lang.String,java.lang.String)", []any{nil, "b"}, 2.0, "move a {Selector: ID: Max:0} b"},
		{"copyMatchingMessagesTo(java.lang.String,java.lang.String,int)", []any{"", "b", "3"}, 2.0, "copy a {Selector: ID: Max:3} b"},
		{"retryMessages", nil, 2.0, "retry a {Selector: ID: Max:0} "},
		{"retryMessage", []any{"ID:1"}, true, "retry a {Selector: ID:ID:1 Max:1} "},
	} {
		node := master()
		status, value := exec(node, c.operation, c.arguments...)
		require.Equal(t, 200.0, status, value)
		require.Equal(t, c.want, value, c.operation)
		require.Equal(t, []string{c.done}, node.broker.done)
	}
	node := master()
	status, value := exec(node, "removeMatchingMessages(java.lang.String,int)", "", 0)
	require.Equal(t, []any{200.0, 0.0}, []any{status, value}, "none is not all")
	require.Empty(t, node.broker.done)
	for failure, want := range map[error]string{
		errTest:           "java.lang.Exception : it does not work",
		ErrSelector:       "javax.jms.InvalidSelectorException : the selector is not valid",
		ErrNotDeadLetters: "java.lang.Exception : Retry of message is only possible on Dead Letter Queues!",
	} {
		node.broker.fails = failure
		status, value := exec(node, "retryMessages")
		require.Equal(t, 500.0, status)
		require.Equal(t, want, value)
	}
	_, value = exec(node, "retryMessage", "bad")
	require.Equal(t, "javax.jms.JMSException : Could not find message reference: bad", value)
}

// One request looks once at the broker, however much it asks.
func TestOneLook(t *testing.T) {
	node := master()
	read(t, node, "")
	require.EqualValues(t, 1, node.broker.looks.Load())
}

func TestHealthBean(t *testing.T) {
	node := master()
	require.Equal(t, "Good", read(t, node, ",service=Health")["CurrentStatus"])
	node.broker.summary.MemoryUsed = 10
	require.Contains(t, read(t, node, ",service=Health")["CurrentStatus"], "MemoryLimit")
}

func TestUptime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		4613 * time.Millisecond: "4.613 seconds", time.Minute: "1 minute", 2 * time.Hour: "2 hours", 61 * time.Minute: "1 hour 1 minute", 51 * time.Hour: "2 days 3 hours",
	} {
		require.Equal(t, want, uptime(d))
	}
}

// The scheduler's bean is there if there is a scheduler.
func TestSchedulerBean(t *testing.T) {
	node := master()
	require.Nil(t, read(t, node, "")["JMSJobScheduler"])
	const keys = ",service=JobScheduler,name=JMS"
	status, _ := ask(t, node, map[string]any{"type": "read", "mbean": brokerBean + keys})
	require.Equal(t, 404.0, status)

	at := time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.Local)
	node.broker.summary.Scheduler, node.broker.summary.Jobs = true, 2
	node.broker.jobs = []Job{
		{ID: "ID:1", Next: at, Sent: at.Add(-time.Minute), Delay: time.Minute},
		{ID: "ID:2", Next: at.Add(time.Hour), Cron: "* * * * *", Period: time.Second, Repeat: -1},
	}
	require.Equal(t, map[string]any{"objectName": "org.apache.activemq:brokerName=near,name=JMS,service=JobScheduler,type=Broker"}, read(t, node, "")["JMSJobScheduler"])
	b := read(t, node, keys)
	first := map[string]any{"ID:1": map[string]any{"jobId": "ID:1", "cronEntry": "", "start": "2030-01-02 03:03:05", "delay": 60000.0,
		"next": "2030-01-02 03:04:05", "period": 0.0, "repeat": 0.0}}
	require.Equal(t, 2.0, b["ScheduledMessageCount"])
	require.Equal(t, "2030-01-02 03:04:05", b["NextScheduleTime"])
	require.Equal(t, first, b["NextScheduleJobs"])
	require.Len(t, b["AllJobs"], 2)
	require.Equal(t, map[string]any{"jobId": "ID:2", "cronEntry": "* * * * *", "start": "", "delay": 0.0, "next": "2030-01-02 04:04:05", "period": 1000.0,
		"repeat": -1.0}, b["AllJobs"].(map[string]any)["ID:2"])

	exec := func(operation string, arguments ...any) (float64, any) {
		return ask(t, node, map[string]any{"type": "exec", "mbean": brokerBean + keys, "operation": operation, "arguments": arguments})
	}
	const start, end = "2030-01-02 03:04:05", "2030-01-02 03:04:06"
	status, value := exec("getAllJobs(java.lang.String,java.lang.String)", start, end)
	require.Equal(t, 200.0, status, value)
	require.Equal(t, first, value)
	for operation, arguments := range map[string][]any{
		"removeAllJobs()": nil, "removeAllJobs(java.lang.String,java.lang.String)": {start, end}, "removeAllJobsAtScheduledTime": {start}, "removeJob": {"ID:1"},
	} {
		status, value := exec(operation, arguments...)
		require.Equal(t, 200.0, status, value)
	}
	ms := at.Truncate(time.Second).UnixMilli()
	require.ElementsMatch(t, []string{
		fmt.Sprintf("remove jobs %d %d", time.Time{}.UnixMilli(), int64(math.MaxInt64)), fmt.Sprintf("remove jobs %d %d", ms, ms+1999),
		fmt.Sprintf("remove jobs %d %d", ms, ms+999), "remove job ID:1",
	}, node.broker.done)
	status, value = exec("removeAllJobsAtScheduledTime", "tomorrow")
	require.Equal(t, 500.0, status)
	require.Contains(t, value, "java.text.ParseException")
	node.broker.fails = errTest
	require.Nil(t, read(t, node, keys)["NextScheduleTime"])
}
