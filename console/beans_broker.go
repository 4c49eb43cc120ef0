package console

import (
	"fmt"
	"time"

	"github.com/conclavemq/conclave/console/jolokia"
)

// brokerClass has what a Broker says of ActiveMQ's BrokerViewMBean.
var brokerClass = class("BrokerView", []jolokia.Attribute{
	of("BrokerId", text, "The broker's unique id.", func(v *view) any { return v.Summary().ID }),
	of("BrokerName", text, "The broker's name.", func(v *view) any { return v.Summary().Name }),
	of("BrokerVersion", text, "The version of ActiveMQ that this broker stands in for.", func(*view) any { return brokerVersion }),
	of("Uptime", text, "How long it has been the master, for people.", func(v *view) any { return uptime(time.Since(v.Summary().Began)) }),
	of("UptimeMillis", long, "How long it has been the master, in ms.", func(v *view) any { return time.Since(v.Summary().Began).Milliseconds() }),
	of("Slave", boolean, "Whether it waits for another to end.", func(*view) any { return false }),
	of("Persistent", boolean, "Whether messages are stored.", func(v *view) any { return v.Summary().Persistent }),
	of("DataDirectory", text, "Where the store is.", func(v *view) any { return orNull(v.Summary().DataDirectory) }),
	of("StatisticsEnabled", boolean, "Whether it counts; it does.", func(*view) any { return true }),

	of("CurrentConnectionsCount", integer, "Clients that are connected.", func(v *view) any { return v.Summary().Connections }),
	of("TotalConnectionsCount", long, "Clients that have connected.", func(v *view) any { return v.Summary().TotalConnections }),
	total("TotalEnqueueCount", "Messages that destinations have accepted.", func(d *Destination) int64 { return d.Enqueued }),
	total("TotalDequeueCount", "Messages that were acknowledged.", func(d *Destination) int64 { return d.Dequeued }),
	total("TotalConsumerCount", "Consumers of all destinations.", func(d *Destination) int64 { return d.Consumers }),
	total("TotalProducerCount", "Producers of all destinations.", func(d *Destination) int64 { return d.Producers }),
	total("TotalMessageCount", "Messages in queues.", func(d *Destination) int64 { return d.Size }),

	of("MemoryPercentUsage", integer, "How much of the memory for messages is used.", func(v *view) any {
		return percent(v.Summary().MemoryUsed, v.Summary().MemoryLimit)
	}),
	of("MemoryLimit", long, "Bytes of messages in memory, at most.", func(v *view) any { return v.Summary().MemoryLimit }),
	of("StorePercentUsage", integer, "How much of the store's limit is used.", func(v *view) any {
		return percent(v.Summary().StoreUsed, v.Summary().StoreLimit)
	}),
	of("StoreLimit", long, "Bytes of the store, at most.", func(v *view) any { return v.Summary().StoreLimit }),
	of("TempPercentUsage", integer, "How much of the temporary store's limit is used.", func(v *view) any {
		return percent(v.Summary().TempUsed, v.Summary().TempLimit)
	}),
	of("TempLimit", long, "Bytes of the temporary store, at most.", func(v *view) any { return v.Summary().TempLimit }),

	of("Queues", refs, "Names of the queues' beans.", func(v *view) any { return v.refs(Queue) }),
	of("Topics", refs, "Names of the topics' beans.", func(v *view) any { return v.refs(Topic) }),
	of("TemporaryQueues", refs, "Names of the temporary queues' beans.", func(v *view) any { return v.refs(TempQueue) }),
	of("TemporaryTopics", refs, "Names of the temporary topics' beans.", func(v *view) any { return v.refs(TempTopic) }),
	of("JMSJobScheduler", ref, "Name of the scheduler's bean.", func(v *view) any {
		if !v.Summary().Scheduler {
			return nil
		}
		return jolokia.Ref{Name: v.schedulerName()}
	}),
	of("TransportConnectors", javaMap, "What clients connect to, by connector.", func(v *view) any {
		uris := map[string]any{}
		for _, c := range v.Connectors() {
			uris[c.Name] = c.URI
		}
		return uris
	}),
})

// total sums a count up over what destinations there are. Advisory topics count
// too, as in ActiveMQ.
func total(name, description string, count func(*Destination) int64) jolokia.Attribute {
	return of(name, long, description, func(v *view) any {
		sum := int64(0)
		all := v.Destinations()
		for i := range all {
			sum += count(&all[i])
		}
		return sum + count(v.gone())
	})
}

// uptime has ActiveMQ's words. (ActiveMQ: TimeUtils.printDuration)
func uptime(d time.Duration) string {
	unit := func(n int, name string) string {
		if n > 1 {
			name += "s"
		}
		return fmt.Sprintf("%d %s", n, name)
	}
	both := func(n int, name string, rest int, below string) string {
		if rest == 0 {
			return unit(n, name)
		}
		return unit(n, name) + " " + unit(rest, below)
	}
	days, hours, minutes := int(d.Hours()/24), int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return both(days, "day", hours, "hour")
	case hours > 0:
		return both(hours, "hour", minutes, "minute")
	case minutes > 0:
		return unit(minutes, "minute")
	}
	return fmt.Sprintf("%.3f seconds", d.Seconds())
}

// slaveBroker is what there is of a node that does not serve.
type slaveBroker struct{ status Status }

func (s *slaveBroker) bean() *jolokia.Bean {
	return &jolokia.Bean{
		Name:  jolokia.NewName("org.apache.activemq", "type", "Broker", "brokerName", jolokia.Encode(s.status.BrokerName)),
		Class: slaveClass, Subject: s,
	}
}

// slaveClass is the part of BrokerViewMBean that a slave knows.
var slaveClass = class("BrokerView", []jolokia.Attribute{
	of("BrokerName", text, "The broker's name.", func(s *slaveBroker) any { return s.status.BrokerName }),
	of("BrokerVersion", text, "The version of ActiveMQ that this broker stands in for.", func(*slaveBroker) any { return brokerVersion }),
	of("Slave", boolean, "Whether it waits for another to end.", func(s *slaveBroker) any { return s.status.Waiting }),
	of("Uptime", text, "How long the process has run, for people.", func(s *slaveBroker) any { return uptime(time.Since(s.status.Began)) }),
	of("UptimeMillis", long, "How long the process has run, in ms.", func(s *slaveBroker) any { return time.Since(s.status.Began).Milliseconds() }),
})

// healthClass is ActiveMQ's HealthViewMBean: what is above nine tenths of its
// limit is worrying.
var healthClass = class("HealthView", []jolokia.Attribute{
	of("CurrentStatus", text, "Good, or what is wrong.", func(v *view) any { return v.worries() }),
})

const worrying = 90 // percent

func (v *view) worries() string {
	s := v.Summary()
	found := ""
	for _, one := range []struct {
		name        string
		used, limit int64
	}{{"StoreLimit", s.StoreUsed, s.StoreLimit}, {"TempStoreLimit", s.TempUsed, s.TempLimit}, {"MemoryLimit", s.MemoryUsed, s.MemoryLimit}} {
		if p := percent(one.used, one.limit); p > worrying {
			found += fmt.Sprintf(" org.apache.activemq.%s: %d %% used;", one.name, p)
		}
	}
	if found == "" {
		return "Good"
	}
	return "Getting Worried {" + found + " }"
}
