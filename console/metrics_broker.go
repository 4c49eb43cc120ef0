package console

import "github.com/prometheus/client_golang/prometheus"

// brokerCollector tells of a master: all but its destinations and bridges.
type brokerCollector struct {
	broker       Broker
	destinations []Destination
}

var (
	descConnections      = describe("connections", "Clients that are connected.")
	descConnectionsTotal = describe("connections_total", "Clients that have connected.")
	descMemory           = describe("memory_bytes", "Messages in memory.")
	descMemoryLimit      = describe("memory_limit_bytes", "What messages may take in memory.")
	descStore            = describe("store_bytes", "What the store takes.")
	descStoreLimit       = describe("store_limit_bytes", "What the store may take; 0 without a limit.")
	descTemp             = describe("temp_bytes", "What messages that are not stored take on disk.")
	descTempLimit        = describe("temp_limit_bytes", "What they may take there; 0 without a limit.")
	descJobs             = describe("scheduled_messages", "Messages that are to be delivered later.")
	descDestinations     = describe("destinations", "Destinations that there are.", "kind")

	descOpen     = describe("connector_connections", "Clients that are connected.", "connector")
	descAccepted = describe("connector_accepted_total", "Clients that were let in.", "connector")
	descRefused  = describe("connector_refused_total", "Clients that were turned away by maximumConnections.", "connector")
)

// Describe implements prometheus.Collector.
func (c *brokerCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *brokerCollector) Collect(out chan<- prometheus.Metric) {
	to, s := sink(out), c.broker.Summary()
	to.gauge(descConnections, float64(s.Connections))
	to.counter(descConnectionsTotal, s.TotalConnections)
	to.gauge(descMemory, float64(s.MemoryUsed))
	to.gauge(descMemoryLimit, float64(s.MemoryLimit))
	to.gauge(descStore, float64(s.StoreUsed))
	to.gauge(descStoreLimit, float64(s.StoreLimit))
	to.gauge(descTemp, float64(s.TempUsed))
	to.gauge(descTempLimit, float64(s.TempLimit))
	to.gauge(descJobs, float64(s.Jobs))
	counts := map[Kind]int{}
	for i := range c.destinations {
		counts[c.destinations[i].Kind]++
	}
	for _, kind := range []Kind{Queue, Topic, TempQueue, TempTopic} {
		to.gauge(descDestinations, float64(counts[kind]), kindLabels[kind])
	}
	for _, k := range c.broker.Connectors() {
		to.gauge(descOpen, float64(k.Connections), k.Name)
		to.counter(descAccepted, k.Accepted, k.Name)
		to.counter(descRefused, k.Refused, k.Name)
	}
}

// kindLabels are the values of label kind.
var kindLabels = map[Kind]string{Queue: "queue", Topic: "topic", TempQueue: "tempqueue", TempTopic: "temptopic"}
