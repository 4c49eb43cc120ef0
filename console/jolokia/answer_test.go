package jolokia

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const near = `org.apache.activemq:type=Broker,brokerName=near`

// What Jolokia 1.7.1 answered in front of ActiveMQ 5.17.2, without stack traces
// and timestamps; $B is the broker's name as it is asked for, $C as it is shown.
var answers = []struct{ name, path, body, want string }{
	{"one", "", `{"type":"read","mbean":"$B","attribute":"BrokerName"}`,
		`{"request":{"mbean":"$C","attribute":"BrokerName","type":"read"},"value":"near","status":200}`},
	{"case", "", `{"type":"READ","mbean":"$B","attribute":"Slave"}`,
		`{"request":{"mbean":"$C","attribute":"Slave","type":"read"},"value":false,"status":200}`},
	{"several", "", `{"type":"read","mbean":"$B","attribute":["BrokerName","BrokerId"]}`,
		`{"request":{"mbean":"$C","attribute":["BrokerName","BrokerId"],"type":"read"},"value":{"BrokerId":"ID:1","BrokerName":"near"},"status":200}`},
	{"several by GET", "/read/$B/BrokerName,BrokerId", ``,
		`{"request":{"mbean":"$C","attribute":["BrokerName","BrokerId"],"type":"read"},"value":{"BrokerId":"ID:1","BrokerName":"near"},"status":200}`},
	{"one of several missing", "", `{"type":"read","mbean":"$B","attribute":["BrokerName","Nope"]}`,
		`{"request":{"mbean":"$C","attribute":["BrokerName","Nope"],"type":"read"},"error_type":"javax.management.AttributeNotFoundException","error":"javax.management.AttributeNotFoundException : No such attribute: Nope","status":404}`},
	{"errors ignored", "", `{"type":"read","mbean":"$B","attribute":["BrokerName","Nope"],"config":{"ignoreErrors":"true"}}`,
		`{"request":{"mbean":"$C","attribute":["BrokerName","Nope"],"type":"read"},"value":{"Nope":"ERROR: No such attribute: Nope (class javax.management.AttributeNotFoundException)","BrokerName":"near"},"status":200}`},
	{"one error is not ignored", "", `{"type":"read","mbean":"$B","attribute":"Nope","config":{"ignoreErrors":true}}`,
		`{"request":{"mbean":"$C","attribute":"Nope","type":"read"},"error_type":"javax.management.AttributeNotFoundException","error":"javax.management.AttributeNotFoundException : No such attribute: Nope","status":404}`},
	{"no bean", "", `{"type":"read","mbean":"org.apache.activemq:type=Broker,brokerName=nobody"}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=nobody,type=Broker","type":"read"},"error_type":"javax.management.InstanceNotFoundException","error":"javax.management.InstanceNotFoundException : org.apache.activemq:type=Broker,brokerName=nobody","status":404}`},
	{"no bean of a pattern", "", `{"type":"read","mbean":"org.apache.activemq:type=Nothing,*"}`,
		`{"request":{"mbean":"org.apache.activemq:type=Nothing,*","type":"read"},"error_type":"javax.management.InstanceNotFoundException","error":"javax.management.InstanceNotFoundException : No MBean with pattern org.apache.activemq:type=Nothing,* found for reading attributes","status":404}`},
	{"no attribute of a pattern", "", `{"type":"read","mbean":"org.apache.activemq:type=Broker,brokerName=*","attribute":"Nope"}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=*,type=Broker","attribute":"Nope","type":"read"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No matching attributes [Nope] found on MBeans [$B]","status":400}`},
	{"a pattern leaves out what is missing", "", `{"type":"read","mbean":"org.apache.activemq:type=Broker,brokerName=*","attribute":["Nope","BrokerName"]}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=*,type=Broker","attribute":["Nope","BrokerName"],"type":"read"},"value":{"$C":{"BrokerName":"near"}},"status":200}`},
	{"pattern with a path", "", `{"type":"read","mbean":"org.apache.activemq:type=Broker,brokerName=*","attribute":["BrokerName"],"path":"*/BrokerName"}`,
		`{"request":{"path":"*/BrokerName","mbean":"org.apache.activemq:brokerName=*,type=Broker","attribute":"BrokerName","type":"read"},"value":{"$C":"near"},"status":200}`},
	{"path", "", `{"type":"read","mbean":"$B","attribute":"TransportConnectors","path":"openwire"}`,
		`{"request":{"path":"openwire","mbean":"$C","attribute":"TransportConnectors","type":"read"},"value":"tcp://h:1","status":200}`},
	{"path to nothing", "", `{"type":"read","mbean":"$B","attribute":"TransportConnectors","path":"none"}`,
		`{"request":{"path":"none","mbean":"$C","attribute":"TransportConnectors","type":"read"},"value":null,"status":200}`},
	{"path into a list", "", `{"type":"read","mbean":"$B","attribute":"Queues","path":"0/objectName"}`,
		`{"request":{"path":"0/objectName","mbean":"$C","attribute":"Queues","type":"read"},"value":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","status":200}`},
	{"path with a wildcard at its end", "", `{"type":"read","mbean":"$B","attribute":"BrokerName","path":"*"}`,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Path '*' must not end with a wildcard","status":400}`},
	{"escaped slash", "/read/$B,destinationType=Queue,destinationName=q!/x/Name", ``,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=q/x,destinationType=Queue,type=Broker","attribute":"Name","type":"read"},"value":"q/x","status":200}`},
	{"escaped escape", "/read/$B,destinationType=Queue,destinationName=q%21/x/Name", ``,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=q/x,destinationType=Queue,type=Broker","attribute":"Name","type":"read"},"value":"q/x","status":200}`},
	{"no arguments", "/read", ``,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Invalid arguments in pathinfo /read for command READ","status":400}`},
	{"a request in a parameter", "?p=read/$B/BrokerName", ``,
		`{"request":{"mbean":"$C","attribute":"BrokerName","type":"read"},"value":"near","status":200}`},
	{"no name", "", `{"type":"read"}`,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Objectname can not be null","status":400}`},
	{"no type", "", `{"mbean":"a:b=1"}`,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No type given","status":400}`},
	{"unknown type", "/boo", ``,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No type with name 'boo' exists","status":400}`},
	{"attribute of another type", "", `{"type":"read","mbean":"$B","attribute":7}`,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Attribute names must be either a String, Collection or null (and not class java.lang.Long)","status":400}`},
	{"nothing in bulk", "", `[]`, `[]`},
	{"no request", "", `7`,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Invalid JSON Request 7","status":400}`},
	{"no request in bulk", "", `[7]`,
		`{"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Not a request within the list of requests [7]. Expected map, but found: 7","status":400}`},
	{"bulk", "", `[{"type":"read","mbean":"$B","attribute":"Slave"},{"type":"read","mbean":"x:y=z"}]`,
		`[{"request":{"mbean":"$C","attribute":"Slave","type":"read"},"value":false,"status":200},
		  {"request":{"mbean":"x:y=z","type":"read"},"error_type":"javax.management.InstanceNotFoundException","error":"javax.management.InstanceNotFoundException : x:y=z","status":404}]`},
	{"write", "", `{"type":"write","mbean":"$B","attribute":"BrokerName","value":"x"}`,
		`{"request":{"mbean":"$C","attribute":"BrokerName","type":"write","value":"x"},"error_type":"javax.management.AttributeNotFoundException","error":"javax.management.AttributeNotFoundException : Read-only attribute: BrokerName","status":404}`},
	{"search", "", `{"type":"search","mbean":"org.apache.activemq:type=Broker,brokerName=near,destinationType=Queue,destinationName=a*","config":{"canonicalNaming":"false"}}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a*,destinationType=Queue,type=Broker","type":"search"},"value":["$B,destinationType=Queue,destinationName=a","$B,destinationType=Queue,destinationName=a.b"],"status":200}`},
	{"search for nothing", "/search/none:*", ``, `{"request":{"mbean":"none:*","type":"search"},"value":[],"status":200}`},
	{"search in all domains", "/search/*:*,type=Broker,brokerName=n%3Far,destinationName=a", ``,
		`{"request":{"mbean":"*:brokerName=n?ar,destinationName=a,type=Broker,*","type":"search"},"value":["org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker"],"status":200}`},
	{"list of domains", "/list?maxDepth=1", ``, `{"request":{"type":"list"},"value":{"org.apache.activemq":1},"status":200}`},
	{"list of a bean", "/list/org.apache.activemq/type=Broker,brokerName=near?maxDepth=1", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=near","type":"list"},"value":{"op":1,"attr":1,"class":"org.apache.activemq.broker.jmx.BrokerView","desc":"Information on the management interface of the MBean"},"status":200}`},
	{"list of an attribute", "", `{"type":"list","path":"org.apache.activemq/type=Broker,brokerName=near/attr/Slave"}`,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=near/attr/Slave","type":"list"},"value":{"rw":false,"type":"boolean","desc":"Slave broker."},"status":200}`},
	{"list of an operation", "/list/org.apache.activemq/type=Broker,brokerName=near/op/addQueue", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=near/op/addQueue","type":"list"},"value":{"args":[{"name":"name","type":"java.lang.String","desc":""}],"ret":"void","desc":"Adds a Queue destination to the broker."},"status":200}`},
	{"list of no attribute", "/list/org.apache.activemq/type=Broker,brokerName=near/attr/Nope", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=near/attr/Nope","type":"list"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Path given but extracted value is empty","status":400}`},
	{"list too deep", "/list/org.apache.activemq/type=Broker,brokerName=near/attr/Slave/type", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=near/attr/Slave/type","type":"list"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Path contains extra elements not usable for a list request: [type]","status":400}`},
	{"list of what is not there", "/list/org.apache.activemq/type=Broker,brokerName=near/nope", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=near/nope","type":"list"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Illegal path element nope","status":400}`},
	{"list of no bean", "/list/org.apache.activemq/type=Broker,brokerName=none", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,brokerName=none","type":"list"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No MBean 'org.apache.activemq:type=Broker,brokerName=none' found","status":400}`},
	{"list of a pattern", "/list/org.apache.activemq/type=Broker,*", ``,
		`{"request":{"path":"org.apache.activemq/type=Broker,*","type":"list"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Cannot use an MBean pattern as path (given MBean: org.apache.activemq:type=Broker,*)","status":400}`},
	{"list of no domain", "/list/none", ``, `{"request":{"path":"none","type":"list"},"value":{},"status":200}`},
	{"depth that is no number", "", `{"type":"list","config":{"maxDepth":"x"}}`,
		`{"request":{"type":"list"},"error_type":"java.lang.NumberFormatException","error":"java.lang.NumberFormatException : For input string: \"x\"","status":400}`},
	{"exec", "", `{"type":"exec","mbean":"$B,destinationType=Queue,destinationName=a","operation":"remove(java.lang.String,int)","arguments":["a=1","5"]}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","arguments":["a=1","5"],"type":"exec","operation":"remove(java.lang.String,int)"},"value":5,"status":200}`},
	{"exec by GET", "/exec/$B,destinationType=Queue,destinationName=a/browse(java.lang.String)/x!/y", ``,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","arguments":["x/y"],"type":"exec","operation":"browse(java.lang.String)"},"value":"x/y","status":200}`},
	{"exec without arguments", "", `{"type":"exec","mbean":"$B,destinationType=Queue,destinationName=a","operation":"browse()"}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","type":"exec","operation":"browse()"},"value":[],"status":200}`},
	{"exec of nothing", "", `{"type":"exec","mbean":"$B","operation":"nope"}`,
		`{"request":{"mbean":"$C","type":"exec","operation":"nope"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No operation nope found on MBean $C","status":400}`},
	{"exec without operation", "", `{"type":"exec","mbean":"$B"}`,
		`{"request":{"mbean":"$C","type":"exec","operation":null},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No operation given for exec Request on MBean $B","status":400}`},
	{"exec with too few arguments", "", `{"type":"exec","mbean":"$B","operation":"addQueue"}`,
		`{"request":{"mbean":"$C","type":"exec","operation":"addQueue"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Invalid number of operation arguments. Operation addQueue on $B requires 1 parameters, not 0 as given","status":400}`},
	{"exec with other types", "", `{"type":"exec","mbean":"$B","operation":"addQueue(int)","arguments":["x"]}`,
		`{"request":{"mbean":"$C","arguments":["x"],"type":"exec","operation":"addQueue(int)"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : No operation addQueue(int) on MBean $C exists. Known signatures: (java.lang.String)","status":400}`},
	{"exec of one of several", "", `{"type":"exec","mbean":"$B,destinationType=Queue,destinationName=a","operation":"browse"}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","type":"exec","operation":"browse"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException : Operation browse on MBean org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker is overloaded. Signatures found: ),(java.lang.String). Use a signature when specifying the operation.","status":400}`},
	{"exec with no number", "", `{"type":"exec","mbean":"$B,destinationType=Queue,destinationName=a","operation":"remove","arguments":["a=1","five"]}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","arguments":["a=1","five"],"type":"exec","operation":"remove"},"error_type":"java.lang.NumberFormatException","error":"java.lang.NumberFormatException : For input string: \"five\"","status":400}`},
	{"exec with null for a number", "", `{"type":"exec","mbean":"$B,destinationType=Queue,destinationName=a","operation":"remove","arguments":["a=1",null]}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","arguments":["a=1",null],"type":"exec","operation":"remove"},"error_type":"java.lang.IllegalArgumentException","error":"java.lang.IllegalArgumentException","status":400}`},
	{"exec that fails", "", `{"type":"exec","mbean":"$B,destinationType=Queue,destinationName=a","operation":"fail"}`,
		`{"request":{"mbean":"org.apache.activemq:brokerName=near,destinationName=a,destinationType=Queue,type=Broker","type":"exec","operation":"fail"},"error_type":"javax.jms.InvalidSelectorException","error":"javax.jms.InvalidSelectorException : a=1 (","status":500}`},
}

func TestAnswers(t *testing.T) {
	fill := strings.NewReplacer("$B", near, "$C", "org.apache.activemq:brokerName=near,type=Broker").Replace
	for _, c := range answers {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, stock(), fill(c.path), fill(c.body))
			want := decoded(t, fill(c.want))
			dropTimes(t, got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// dropTimes takes the time out of what went well.
func dropTimes(t *testing.T, answer any) {
	t.Helper()
	switch a := answer.(type) {
	case []any:
		for _, one := range a {
			dropTimes(t, one)
		}
	case map[string]any:
		if a["status"] == 200.0 {
			require.Equal(t, 7.0, a["timestamp"])
			delete(a, "timestamp")
		}
	}
}

func TestOrigin(t *testing.T) {
	refused := func(answer any) bool { return answer.(map[string]any)["status"] == 403.0 }
	purge := `{"type":"exec","mbean":"` + near + `,destinationType=Queue,destinationName=a","operation":"purge"}`
	read := `{"type":"read","mbean":"` + near + `","attribute":"Slave"}`
	require.Equal(t, map[string]any{"status": 403.0, "error_type": "java.lang.Exception",
		"error": "java.lang.Exception : Origin null is not allowed to call this agent"}, askFrom(t, stock(), "", read, ""))
	for origin, mayChange := range map[string]bool{
		"http://localhost": true, "localhost": true, "http://127.0.0.1:8161": true, "http://example.com": true, // httptest's host
		"http://evil.example": false, "null": false, "http://example.com.evil": false, "http://localhost.evil": false, "::": false,
	} {
		require.False(t, refused(askFrom(t, stock(), "", read, origin)), origin)
		s := stock()
		require.Equal(t, !mayChange, refused(askFrom(t, s, "", purge, origin)), origin)
		require.Equal(t, mayChange, s.changes == 1, origin)
	}
}

func TestBounds(t *testing.T) {
	for _, body := range []string{
		strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1),
		`{"type":"` + strings.Repeat("x", maxBody) + `"}`,
		`{"type":"version"} {}`, `{`, `{"type":"exec","mbean":"a:b=c","arguments":"x"}`,
		"[" + strings.Repeat(`{},`, maxRequests) + "{}]",
		`{"type":"read","mbean":"` + strings.Repeat("x", maxName) + `:a=b"}`,
	} {
		answer, ok := ask(t, stock(), "", body).(map[string]any)
		require.True(t, ok)
		require.Equal(t, 400.0, answer["status"], answer["error"])
	}
}

func TestVersion(t *testing.T) {
	for _, path := range []string{"", "/", "/version", "/version/extra"} {
		value := ask(t, stock(), path, "").(map[string]any)["value"].(map[string]any)
		require.Equal(t, "7.2", value["protocol"])
		require.Equal(t, "1.7.1", value["agent"])
		require.Equal(t, map[string]any{"product": "activemq", "vendor": "Apache", "version": "5.17.2"}, value["info"])
	}
}

func TestMaxCollectionSize(t *testing.T) {
	answer := ask(t, stock(), "/read/"+near+"/Queues?maxCollectionSize=2", "").(map[string]any)
	require.Len(t, answer["value"], 2)
}

// deafWriter takes one write, and no more.
type deafWriter struct {
	*httptest.ResponseRecorder
	writes int
}

func (w *deafWriter) Write(b []byte) (int, error) {
	if w.writes++; w.writes > 1 {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

// TestBulkIsWrittenAsItIsAnswered: not all answers are in memory at a time, and
// none is made for who does not take them.
func TestBulkIsWrittenAsItIsAnswered(t *testing.T) {
	const n = 5000
	h, answered := handler(stock()), 0
	now := h.Now
	h.Now = func() time.Time { answered++; return now() }
	one := `{"type":"read","mbean":"` + near + `","attribute":"Slave"}`
	r := httptest.NewRequest(http.MethodPost, "/api/jolokia", strings.NewReader("["+one+strings.Repeat(","+one, n-1)+"]"))
	r.Header.Set("Origin", "http://localhost")
	h.ServeHTTP(&deafWriter{ResponseRecorder: httptest.NewRecorder()}, r)
	require.Less(t, answered, n/2)
}
