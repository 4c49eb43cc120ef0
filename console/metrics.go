package console

import (
	"bufio"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// metrics answers Prometheus. What there is a bounded number of goes through
// its library; destinations, of which there may be 10,000 with a dozen series
// each, are written as text directly (see destinationText): the library makes
// objects of each series, sorts and compares them, which takes many times as
// long as there is.
type metrics struct {
	node   Node
	static *prometheus.Registry // Go's runtime and the process
}

func newMetrics(node Node) *metrics {
	m := &metrics{node: node, static: prometheus.NewRegistry()}
	m.static.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ServeHTTP implements http.Handler.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	status, broker := m.node.Status(), m.node.Broker()
	once := prometheus.NewRegistry()
	once.MustRegister(&nodeCollector{&status}) // it cannot collide with what is not there yet
	var destinations []Destination
	if broker != nil {
		destinations = broker.Destinations()
		once.MustRegister(&brokerCollector{broker, destinations}, &bridgeCollector{broker.Bridges()})
	}
	families, err := prometheus.Gatherers{m.static, once}.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	w.Header().Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, 64<<10)
	encoder := expfmt.NewEncoder(out, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return // who has asked is gone
		}
	}
	if err := destinationText(out, destinations); err == nil {
		_ = out.Flush() // likewise
	}
}

// name is a metric's name.
func name(rest string) string { return "conclave_" + rest }

func describe(rest, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name(rest), help, labels, nil)
}

// sink takes metrics of one collection.
type sink chan<- prometheus.Metric

func (s sink) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.send(d, prometheus.GaugeValue, value, labels)
}

func (s sink) counter(d *prometheus.Desc, value int64, labels ...string) {
	s.send(d, prometheus.CounterValue, float64(value), labels)
}

func (s sink) send(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels []string) {
	safe := make([]string, len(labels))
	for i, l := range labels {
		safe[i] = valid(l)
	}
	s <- prometheus.MustNewConstMetric(d, kind, value, safe...)
}

// valid makes a label of any text. The library panics at what is no UTF-8, in a
// goroutine of its own, and other brokers choose their names.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
