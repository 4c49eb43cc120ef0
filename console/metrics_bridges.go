package console

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// bridgeCollector tells of the ways to other brokers.
type bridgeCollector struct{ bridges []Bridge }

// bridgeStates are all that there are.
var bridgeStates = []string{"connecting", "bridged", "waiting", "stopped"}

var (
	descBridgeUp    = describeBridge("up", "1 if there is a bridge.")
	descBridgeState = describeBridge("state", "1 for the state that the bridge is in, 0 for the others.", "state")
	descBridgeSince = describeBridge("since_timestamp_seconds", "When the bridge came into its state.")
	descBridgeSubs  = describeBridge("subscriptions", "What the bridge consumes here for consumers there.")
	descBridgeTaken = describeBridge("enqueued_total", "Messages that the bridge took here.")
	descBridgeSent  = describeBridge("dequeued_total", "Messages that were passed on, and confirmed by the other broker.")
	descBridgeCame  = describeBridge("received_total", "Messages that came on the connection of a duplex bridge.")
	descBridgeLost  = describeBridge("failed_total", "Messages that were refused or lost with the connection; they are sent again.")
	descBridgeTries = describeBridge("tries_total", "Tries to make the bridge.")
	descBridgeMade  = describeBridge("made_total", "Times that the bridge was made: its reconnections, and one.")
	descBridgeFault = describeBridge("last_error_info", "What went wrong last; always 1. There is one series at a time.", "error")
	descBridgeError = describeBridge("last_error_timestamp_seconds", "When something last went wrong; 0 never.")
)

// Labels of a bridge: the connector's name, and where it goes: the URI, or the
// name of the broker that has made it for both directions.
func describeBridge(rest, help string, more ...string) *prometheus.Desc {
	return describe("bridge_"+rest, help, append([]string{"connector", "to"}, more...)...)
}

// Describe implements prometheus.Collector.
func (c *bridgeCollector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, out) }

// Collect implements prometheus.Collector.
func (c *bridgeCollector) Collect(out chan<- prometheus.Metric) {
	to, seen := sink(out), map[[2]string]bool{}
	for i := range c.bridges {
		b := &c.bridges[i]
		name := valid(b.Connector)
		labels := [2]string{name, valid(b.to())}
		for n := 2; seen[labels]; n++ { // connectors of one name and URI
			labels[0] = fmt.Sprintf("%s#%d", name, n)
		}
		seen[labels] = true
		c.collect(to, b, labels[0], labels[1])
	}
}

func (b *Bridge) to() string {
	if b.URI == "" {
		return b.RemoteBroker
	}
	return b.URI
}

func (c *bridgeCollector) collect(to sink, b *Bridge, labels ...string) {
	to.gauge(descBridgeUp, oneIf(b.Bridged), labels...)
	for _, state := range bridgeStates {
		to.gauge(descBridgeState, oneIf(b.State == state), append(labels[:2:2], state)...)
	}
	to.gauge(descBridgeSince, float64(b.Since.UnixMilli())/1000, labels...)
	to.gauge(descBridgeSubs, float64(b.Subscriptions), labels...)
	to.counter(descBridgeTaken, b.Enqueued, labels...)
	to.counter(descBridgeSent, b.Dequeued, labels...)
	to.counter(descBridgeCame, b.Received, labels...)
	to.counter(descBridgeLost, b.Failed, labels...)
	to.counter(descBridgeTries, b.Tries, labels...)
	to.counter(descBridgeMade, b.Made, labels...)
	at := 0.0
	if !b.LastErrorAt.IsZero() {
		at = float64(b.LastErrorAt.UnixMilli()) / 1000
		to.gauge(descBridgeFault, 1, append(labels[:2:2], short(b.LastError))...)
	}
	to.gauge(descBridgeError, at, labels...)
}

// maxErrorLabel bounds the text of an error in a label, in bytes.
const maxErrorLabel = 200

func short(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxErrorLabel)], "")
}
