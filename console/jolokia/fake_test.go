package jolokia

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shelf is a set of beans.
type shelf struct {
	beans   []*Bean
	changes int
}

func (s *shelf) Each(pattern Name, f func(*Bean)) {
	for _, b := range s.beans {
		if pattern.Matches(&b.Name) {
			f(b)
		}
	}
}

func (s *shelf) Find(name Name) (found *Bean) {
	s.Each(name, func(b *Bean) { found = b })
	return found
}

func (s *shelf) Changed() { s.changes++ }

const domain = "org.apache.activemq"

// stock has a broker and three queues, as the ActiveMQ had whose answers the
// tests expect.
func stock() *shelf {
	broker := NewName(domain, "type", "Broker", "brokerName", "near")
	var names []Ref
	s := &shelf{}
	for _, name := range []string{"a", "a.b", "q/x"} {
		n := broker.With("destinationType", "Queue", "destinationName", Encode(name))
		names = append(names, Ref{n})
		s.beans = append(s.beans, &Bean{Name: n, Class: queueClass, Subject: name})
	}
	return &shelf{beans: append([]*Bean{{Name: broker, Class: brokerClass, Subject: names}}, s.beans...)}
}

var brokerClass = &Class{
	Name: "org.apache.activemq.broker.jmx.BrokerView",
	Attributes: []Attribute{
		{"BrokerName", "java.lang.String", "The name of the broker.", func(any) any { return "near" }},
		{"BrokerId", "java.lang.String", "", func(any) any { return "ID:1" }},
		{"Slave", "boolean", "Slave broker.", func(any) any { return false }},
		{"TransportConnectors", "java.util.Map", "", func(any) any { return map[string]any{"openwire": "tcp://h:1"} }},
		{"Queues", "[Ljavax.management.ObjectName;", "", func(s any) any { return s }},
	},
	Operations: []Operation{
		{Name: "addQueue", Arguments: []Argument{{"name", "java.lang.String", ""}}, Returns: "void", Description: "Adds a Queue destination to the broker.",
			Do: func(context.Context, any, []any) (any, error) { return nil, nil }},
	},
}

var queueClass = &Class{
	Name:       "org.apache.activemq.broker.jmx.QueueView",
	Attributes: []Attribute{{"Name", "java.lang.String", "", func(s any) any { return s }}},
	Operations: []Operation{
		{Name: "purge", Returns: "void", Do: func(context.Context, any, []any) (any, error) { return nil, nil }},
		{Name: "browse", Returns: "x", Do: func(context.Context, any, []any) (any, error) { return []any{}, nil }},
		{Name: "browse", Returns: "x", Arguments: []Argument{{"selector", "java.lang.String", ""}},
			Do: func(_ context.Context, _ any, a []any) (any, error) { return a[0], nil }},
		{Name: "remove", Returns: "int", Arguments: []Argument{{"selector", "java.lang.String", ""}, {"maximumMessages", "int", ""}},
			Do: func(_ context.Context, _ any, a []any) (any, error) { return a[1], nil }},
		{Name: "fail", Returns: "void", Do: func(context.Context, any, []any) (any, error) {
			return nil, Failure("javax.jms.InvalidSelectorException", "a=1 (")
		}},
	},
}

func handler(s *shelf) *Handler {
	return &Handler{Prefix: "/api/jolokia", Beans: func() Beans { return s }, Product: "activemq", Version: "5.17.2",
		Now: func() time.Time { return time.Unix(7, 0) }}
}

// ask sends a request from this machine. A body makes it a POST.
func ask(t *testing.T, s *shelf, path, body string) any {
	t.Helper()
	return askFrom(t, s, path, body, "http://localhost")
}

func askFrom(t *testing.T, s *shelf, path, body, origin string) any {
	t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, "/api/jolokia"+path, bytes.NewBufferString(body))
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	w := httptest.NewRecorder()
	handler(s).ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	return decoded(t, w.Body.String())
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, json.NewDecoder(strings.NewReader(text)).Decode(&v), text)
	return v
}
